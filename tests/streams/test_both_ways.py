"""Page by page or record by record: a target cannot tell which way a run went."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from px_sandbox import SandboxServer
from tests.streams.rich import empty_world
from tests.streams.runs import select
from tests.streams.truth import DAY, iso
from tests.tap.harness import Output, discovered, entry_of, sync

START = 1_700_006_400_000
END = START + DAY

texts = st.text(st.characters(codec="utf-8"), max_size=6)
anything: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.decimals(-(10**12), 10**12, places=3).map(lambda one: Decimal(str(one)))
    | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=5,
)
# As a rule all fit, now and then one is odd, and then its whole page goes another way.
odd = st.dictionaries(st.sampled_from(["url", "sessionId", "undeclared"]), anything, max_size=1)
events = st.fixed_dictionaries(
    {"date": st.integers(START, END - 1)},
    optional={"attributes": st.dictionaries(texts, anything, max_size=3), "url": texts},
)
lists = st.lists(events | events | events | st.builds(lambda a, b: a | b, events, odd), max_size=12)
users = st.lists(st.none() | st.integers(START, END - 1), max_size=4)
fields = st.sets(st.sampled_from(["url", "attributes", "userType", "sessionId"]), max_size=2)


def messages(run: Output) -> list[dict[str, Any]]:
    """Return what a target reads, but for the time of reading."""
    assert run.error is None
    return [
        {name: value for name, value in message.items() if name != "time_extracted"}
        for message in run.messages
    ]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(custom_events=lists, modified=users, deselected=fields, size=st.integers(2, 5))
def test_schema_record_and_state_are_the_same_both_ways(
    custom_events: list[dict[str, Any]],
    modified: list[int | None],
    deselected: set[str],
    size: int,
) -> None:
    """Whatever the records hold, whatever is deselected and wherever windows and pages end."""
    world = empty_world()
    named = [{"eventId": f"e{n}", **event} for n, event in enumerate(custom_events)]
    world.put_many("custom_events", named)
    dated = [{} if date is None else {"lastModifiedDate": date} for date in modified]
    world.put_many("users", [{"aptrinsicId": f"u{n}", **date} for n, date in enumerate(dated)])
    with SandboxServer(world) as sandbox:
        catalog = select(discovered(sandbox), "custom_events", "users")
        for one in entry_of(catalog, "custom_events")["metadata"]:
            if one["breadcrumb"] and one["breadcrumb"][-1] in deselected:
                one["metadata"]["selected"] = False
        options: dict[str, Any] = {
            "catalog": catalog,
            "start_date": iso(START),
            "end_date": iso(END),
            "page_size": size,
            "window_max_records": size + 1,
        }
        by_page = messages(sync(sandbox, **options))
        by_record = messages(sync(sandbox, by_sdk=True, **options))
    assert by_page == by_record
    keys = [
        one["record"]["eventId"]
        for one in by_page
        if one.get("stream") == "custom_events" and "record" in one
    ]
    assert sorted(keys) == sorted(event["eventId"] for event in named)
