"""A dlt pipeline from `rest_api` into JSONL files: extract, normalise, load. In parallel."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"

import dlt  # type: ignore[import-not-found,unused-ignore]
from dlt.destinations import filesystem  # type: ignore[import-not-found,unused-ignore]
from dlt_source import source  # type: ignore[import-not-found,unused-ignore]

job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
with tempfile.TemporaryDirectory(dir=job["folder"]) as folder:
    pipeline = dlt.pipeline(
        "px",
        pipelines_dir=folder,
        destination=filesystem(bucket_url=Path(folder, "out").as_uri()),
        dataset_name="px",
    )
    pipeline.run(source(job, parallelized=True), loader_file_format="jsonl")
