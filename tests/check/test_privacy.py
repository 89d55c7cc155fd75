"""The report can be attached to an issue: no key, no address, no value of any record."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from px_sandbox import KINDS, Clock, ManualClock, SandboxServer, World, WorldPlan
from tap_gainsight_px.catalog.streams import STREAMS
from tests.check.checks import EVENTS, PEOPLE, check
from tests.tap.worlds import DAY, NOW, account, user, world_of

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "s3cr3t-k3y-that-nobody-may-see"
ALL = [spec.name for spec in STREAMS]

MANNERS: dict[str, dict[str, Any]] = {
    "well": {},
    "envelope under 200": {"errors_under_200": True, "error_body": "sub_errors"},
    "nothing honoured": {"faults": {"filter_ignored": 1, "unsorted": 1}},
    "nothing allowed": {"forbidden_paths": ["/v1/a*", "/v1/e*"]},
    "no connection": {"rules": [{"fault": "reset_before", "nth": 3, "times": 4}]},
    "redirects": {"rules": [{"fault": "redirect", "nth": 3, "times": None}]},
}


def values_in(value: Any) -> Iterator[str]:
    """Yield every text and every large number in a record, at any depth."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from values_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from values_in(inner)
    elif isinstance(value, str) or (isinstance(value, int) and value > 10_000):
        yield str(value)


def report_of(world: World, manners: dict[str, Any], *streams: str) -> str:
    """Return the report of a check, in both forms."""
    with SandboxServer(world, manners, api_key=KEY) as sandbox:
        found = check(sandbox, *streams)
        assert sandbox.url not in found.report.as_text() + found.report.as_json()
    return found.report.as_text() + found.report.as_json()


def words_of_the_report() -> str:
    """Return what the report says without any record: its own words, which a value may equal."""
    text = "".join(report_of(World(ManualClock(NOW)), one, *ALL) for one in MANNERS.values())
    return text + " ".join(ALL)


@pytest.mark.parametrize("manners", MANNERS.values(), ids=MANNERS)
def test_no_value_of_a_lively_world_is_in_the_report(manners: dict[str, Any]) -> None:
    """Neither names nor ids, texts, dates or addresses, however PX behaves."""
    clock: Clock = ManualClock(NOW)
    plan = WorldPlan(anchor_ms=NOW // DAY * DAY, users=60, accounts=20, live_values=True)
    world = World.generated(plan, clock)
    own = words_of_the_report()
    values = {
        value
        for kind in KINDS
        for record in world.records(kind)
        for value in values_in(record)
        if len(value) >= 4 and value not in own
    }
    assert len(values) > 500
    for streams in (ALL, [*PEOPLE, *EVENTS], ["engagements", "survey_metadata", "features"]):
        report = report_of(world, manners, *streams)
        assert KEY not in report
        assert [value for value in values if value in report] == []


TEXTS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).map("§{}§".format)
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=25)
@given(odd=st.dictionaries(TEXTS, ANY, max_size=3), custom=st.dictionaries(TEXTS, ANY), email=ANY)
def test_no_value_of_an_odd_record_is_in_the_report(
    odd: dict[str, Any], custom: dict[str, Any], email: Any
) -> None:
    """Undeclared fields, values of another type, names that are no names: all of it is masked."""
    record = {**odd, "email": email, "customAttributes": custom}
    world = world_of(users=[user("u", NOW, **record)], accounts=[account("a", NOW, **odd)])
    report = report_of(world, {}, *PEOPLE)
    assert "§" not in report
    assert "§" not in json.loads(json.dumps(report))
