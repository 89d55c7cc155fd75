"""What the documentation says of Snowflake is what the loader does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from px_sandbox import SandboxServer
from tests.snowflake import page
from tests.snowflake.process import PROJECT, shipped_settings, warehouse
from tests.streams.rich import empty_world
from tests.streams.truth import DAY, iso
from tests.tap.harness import sync

if TYPE_CHECKING:
    from pathlib import Path

LOGIN = {"account": "a", "user": "u", "password": "p", "database": "PX_DB"}
ATTRIBUTES = {
    "event-1": {"plan": "gold", "seats": 1.5},
    "event-2": {"plan": 7, "seats": "many"},
    "event-3": {},
    "event-4": None,
}


def test_the_page_of_tables_is_what_the_loader_sends() -> None:
    """If not, `make docs` writes it anew."""
    assert page.FILE.read_text(encoding="utf-8") == page.page()


def test_queries_that_flatten_attributes_find_them(tmp_path: Path) -> None:
    """By key, one row for each, how often each is there; and the items of a list."""
    made = empty_world()
    for key, attributes in ATTRIBUTES.items():
        event = {"eventId": key, "eventName": "N", "attributes": attributes}
        made.put("custom_events", {**event, "date": made.clock.now_ms() - DAY // 2})
    made.put("users", {"aptrinsicId": "u", "propertyKeys": ["AP-2", "AP-1"]})
    start = iso(made.clock.now_ms() - DAY)
    with SandboxServer(made) as sandbox:
        run = sync(sandbox, "users", "custom_events", start_date=start)
    (tmp_path / "messages").write_text(run.text, encoding="utf-8")
    text = (PROJECT / "docs/snowflake.md").read_text(encoding="utf-8")
    queries = re.findall(r"```sql\n(SELECT.*?);\n```", text, re.DOTALL)
    with warehouse("loader", tmp_path, {**LOGIN, **shipped_settings()}) as process:
        process.do(load=str(tmp_path / "messages"))
        by_key, rows, counts, items = (process.do(execute=query) for query in queries)
    assert by_key == [
        ["event-1", "N", "gold", 1.5],
        ["event-2", "N", "7", None],
        ["event-3", "N", None, None],
        ["event-4", "N", None, None],
    ]
    assert rows == [
        ["event-1", "N", "plan", "gold"],
        ["event-1", "N", "seats", "1.5"],
        ["event-2", "N", "plan", "7"],
        ["event-2", "N", "seats", "many"],
    ]
    assert counts == [["N", "plan", 2], ["N", "seats", 2]]
    assert items == [["u", "AP-1"], ["u", "AP-2"]]
