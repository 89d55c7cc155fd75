"""The least that could be done: one request after another, each record decoded and encoded."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import orjson  # type: ignore[import-not-found,unused-ignore]
import requests

_PAGE_SIZE = 1000

job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
session = requests.Session()
session.headers["X-APTRINSIC-API-KEY"] = job["api_key"]
write = sys.stdout.buffer.write
for start, end in job["windows"]:
    params = {"pageSize": str(_PAGE_SIZE), "filter": f"date>={start};date<{end}"}
    while True:
        answer = session.get(f"{job['api_url']}/v1/events/custom", params=params, timeout=60)
        answer.raise_for_status()
        page = orjson.loads(answer.content)
        for record in page["customEvents"]:
            message = {"type": "RECORD", "stream": "custom_events", "record": record}
            write(orjson.dumps(message) + b"\n")
        if len(page["customEvents"]) < _PAGE_SIZE:
            break
        params["scrollId"] = page["scrollId"]
