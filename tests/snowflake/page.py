"""Writes `docs/snowflake-tables.md`: `python -m tests.snowflake.page`.

The statements are those of the loader itself, for the SCHEMA messages of the tap. It needs the
environment that `make snowflake` prepares; `make docs` writes the page where that is there.
"""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory

from px_sandbox import ManualClock, SandboxServer, World, WorldPlan
from tap_gainsight_px.catalog.streams import STREAMS
from tests.snowflake.process import PROJECT, shipped_settings, warehouse
from tests.streams.truth import DAY, iso
from tests.tap.harness import sync
from tests.tap.worlds import NOW

FILE = PROJECT / "docs/snowflake-tables.md"
MERGED = "segments"
_HEAD = """\
# Tables in Snowflake

<!-- Made by `make docs` from what target-snowflake sends; do not edit. -->

The statements that target-snowflake sends for each stream, with the settings of `meltano.yml`.
[What they mean](snowflake.md). DECIMAL is NUMBER(38, 0), and names land in upper case. Custom
attributes and [custom events as tables](records.md#custom-events-as-tables) add columns of their
own, by the same rules.
"""
_COMMA = re.compile(r", (?=(?:\$1|d\.|s\.|[a-z_\"]+[,)]))")
_CLAUSE = re.compile(r" (?=from|on d|when|QUALIFY)")


def page() -> str:
    """Return the page."""
    made = World.generated(
        WorldPlan(anchor_ms=NOW, days=2, users=9, accounts=3, events=40), ManualClock(NOW)
    )
    with SandboxServer(made) as sandbox:
        run = sync(sandbox, start_date=iso(NOW - DAY))
    assert run.error is None, run.error
    login = {"account": "a", "user": "u", "password": "p", "database": "PX"}
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "messages").write_text(run.text, encoding="utf-8")
        with warehouse("loader", folder, {**login, **shipped_settings()}) as process:
            process.do(load=str(folder / "messages"))
            sent = [_plain(one) for one in process.do(statements=None)]
    tables = {_table_of(one): one for one in sent if one.startswith("CREATE TABLE")}
    target = f'merge into "PX"."GAINSIGHT_PX"."{MERGED.upper()}"'
    merge = next(one for one in sent if one.startswith(target))
    parts = [f"## {spec.name}\n\n```sql\n{tables[spec.name.upper()]};\n```\n" for spec in STREAMS]
    last = f"## How a staged file gets into a table\n\nHere `{MERGED}`:\n\n```sql\n{merge};\n```\n"
    return "\n".join([_HEAD, *parts, last])


def _table_of(statement: str) -> str:
    name: str = re.findall(r'"GAINSIGHT_PX"\."?(\w+)', statement)[0]
    return name.upper()


def _plain(statement: str) -> str:
    """Return a statement without names made up for one run, at most one column a line."""
    text = re.sub(r"[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}", "…", statement.strip())
    text = re.sub(r"\s*\n\s*", "\n", text).replace("\t", "")
    if text.startswith("merge"):
        return _CLAUSE.sub("\n", _COMMA.sub(",\n  ", text))
    head, _, columns = text.partition("\n")
    return "\n".join([head, *(f"  {line}" for line in columns.splitlines()[:-1]), ")"])


def main() -> None:
    """Write the page."""
    FILE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
