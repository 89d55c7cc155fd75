"""target-snowflake up to the moment when it speaks to Snowflake: no statement, no upload.

    … | python without_snowflake.py <config.json>

What is left is what the loader does with messages, records and files. The upload would be the same
for files of the same size; their bytes are written to standard error at the end.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import sqlalchemy
from target_snowflake.connector import SnowflakeConnector
from target_snowflake.sinks import SnowflakeSink
from target_snowflake.target import TargetSnowflake

if TYPE_CHECKING:
    from collections.abc import Sequence

uploaded = 0


def _nothing(*_: Any, **__: Any) -> None:
    """Stand in for what speaks to Snowflake."""


class Connector(SnowflakeConnector):
    """The loader's connector, which finds everything prepared."""

    prepare_schema = prepare_table = invalidate_table_cache = _nothing
    create_file_format = drop_file_format = remove_staged_files = _nothing

    def create_engine(self) -> Any:
        """Return what knows Snowflake's names and types, and connects to nothing."""
        return sqlalchemy.create_engine("snowflake://none:none@none")

    def put_batches_to_stage(self, sync_id: str, files: Sequence[str]) -> None:  # noqa: ARG002
        """Count the bytes that would be uploaded."""
        global uploaded  # noqa: PLW0603
        uploaded += sum(Path(urlparse(file).path).stat().st_size for file in files)

    def merge_from_stage(self, **_: Any) -> int:
        """Say that nothing was merged."""
        return 0


class Sink(SnowflakeSink):
    """The loader's sink, with that connector."""

    connector_class = Connector


class Target(TargetSnowflake):
    """The loader, with that sink."""

    default_sink_class = Sink


Target(config=json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))).listen()
sys.stderr.write(json.dumps({"uploaded": uploaded}) + "\n")
