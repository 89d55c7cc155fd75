"""A dlt pipeline from `rest_api` into Postgres: extract, normalise, load."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"

import dlt  # type: ignore[import-not-found,unused-ignore]
from dlt.destinations import postgres  # type: ignore[import-not-found,unused-ignore]
from dlt_source import source  # type: ignore[import-not-found,unused-ignore]

job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
read = source(job)
# Objects stay objects, as they do in the tap's tables. Else dlt makes columns and tables of what is
# in them, which takes longer.
read.max_table_nesting = 0
how = {}
if job["upsert"]:
    how = {
        "primary_key": "eventId",
        "write_disposition": {"disposition": "merge", "strategy": "upsert"},
    }
with tempfile.TemporaryDirectory(dir=job["folder"]) as folder:
    pipeline = dlt.pipeline(
        "px",
        pipelines_dir=folder,
        destination=postgres(credentials=job["database"]),
        dataset_name=job["schema"],
    )
    done = pipeline.run(read, loader_file_format=job["file_format"], **how)
    done.raise_on_failed_jobs()
