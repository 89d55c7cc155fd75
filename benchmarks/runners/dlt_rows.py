"""Iterates dlt's resources and writes each row as a line, without normalising or loading."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import orjson  # type: ignore[import-not-found,unused-ignore]
from dlt_source import source  # type: ignore[import-not-found,unused-ignore]

job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
write = sys.stdout.buffer.write
for record in source(job):
    message = {"type": "RECORD", "stream": "custom_events", "record": record}
    write(orjson.dumps(message) + b"\n")
