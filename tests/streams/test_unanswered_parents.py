"""Parents about which PX says nothing, or refuses to: nothing is lost, deleted or held up by it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from px_sandbox import SandboxServer
from tap_gainsight_px.errors import ParentsError, RefusedError, StoppedError
from tests.contract.facts import STREAM_FACTS
from tests.streams.rich import now
from tests.streams.sums import adoption, week_of
from tests.streams.test_children import (
    COUNT,
    FULL,
    PARENTS,
    family,
    ids,
    parent_of,
    parent_requests,
)
from tests.streams.truth import DAY, asked_one_by_one, in_order, iso
from tests.tap.harness import sync

if TYPE_CHECKING:
    from px_sandbox import World
    from tests.tap.harness import Json, Output

every_child = pytest.mark.parametrize("stream", PARENTS)
every_full_child = pytest.mark.parametrize("stream", FULL)


def read(sandbox: SandboxServer, stream: str, **settings: Any) -> Output:
    """Read one stream over the last two days."""
    return sync(sandbox, stream, start_date=iso(now() - 2 * DAY), end_date=iso(now()), **settings)


def about_parents(stream: str, fault: str, **facts: Any) -> Json:
    """Let a fault strike the requests about single parents, for good."""
    path = STREAM_FACTS[stream]["path"].split("{")[0] + "*"
    return {"rules": [{"fault": fault, "path": path, "times": None, **facts}]}


def rows_after(stream: str, *runs: Output) -> list[Json]:
    """Return what a loader holds after these runs: upserts, and deletions by version."""
    field, _ = PARENTS[stream]
    held: dict[str, tuple[int, Json]] = {}
    for run in runs:
        for message in run.of("RECORD", stream):
            held[message["record"][field]] = message.get("version", 0), message["record"]
        activated = run.activated.get(stream, 0)
        held = {key: row for key, row in held.items() if row[0] >= activated}
    return [record for _, record in held.values()]


def later(state: Json, stream: str, seconds: int) -> Json:
    """Make a STATE as if it had been written by a run so many seconds ago."""
    entry = state["bookmarks"].get(stream, {})
    if "version" in entry:
        entry["version"] -= seconds
    return state


# Nothing to tell about any parent


@every_full_child
@pytest.mark.parametrize("fault", ["scroll_expired", "no_content", "records_null"])
def test_no_answer_about_anybody_deletes_nothing_in_this_run_or_the_next(
    stream: str, fault: str
) -> None:
    """The run after it asks about everybody again, and the table is what PX has."""
    world = family()
    with SandboxServer(world) as sandbox:
        whole = read(sandbox, stream)
        sandbox.misbehave(about_parents(stream, fault))
        silent = read(sandbox, stream, state=whole.state)
        sandbox.misbehave()
        after = read(sandbox, stream, state=silent.state)
        asked = [parent_of(one, stream) for one in parent_requests(sandbox, stream)]
    assert silent.error is None
    assert silent.records(stream) == []
    assert (stream in silent.activated) == (stream == "user_denylist" and fault != "scroll_expired")
    assert not {"read_up_to", "version"} & silent.bookmark(stream).keys()
    assert sorted(asked) == ids(COUNT)
    assert in_order(rows_after(stream, whole, silent, after)) == in_order(
        asked_one_by_one(world, stream)
    )


def test_a_deny_list_with_nobody_on_it_empties_the_table(caplog: pytest.LogCaptureFixture) -> None:
    """204 is documented for it and says: not on the list. It is told, because all rows go."""
    world = family()
    with SandboxServer(world) as sandbox:
        first = read(sandbox, "user_denylist")
        for identity in ids(COUNT):
            world.delete("user_denylist", identity)
        second = read(sandbox, "user_denylist", state=later(first.state, "user_denylist", 60))
    assert second.error is None
    assert "user_denylist" in second.activated
    assert second.records("user_denylist") == []
    assert any("the table is empty now" in line for line in caplog.messages)


@every_full_child
def test_nobody_known_any_more_is_told_and_activates_nothing(
    stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    """All 404 at once is rather a fault than a reason to delete everything."""
    with SandboxServer(family(), about_parents(stream, "scroll_expired")) as sandbox:
        run = read(sandbox, stream)
    assert run.activated == {}
    assert any("nothing counts as deleted" in line for line in caplog.messages)


@every_full_child
def test_a_resumed_run_without_any_answer_activates_nothing(stream: str) -> None:
    """What the interrupted run had read is not known here: the next run reads all."""
    world = family()
    with SandboxServer(world) as sandbox:
        first = read(sandbox, stream, max_requests=25)
        sandbox.misbehave(about_parents(stream, "scroll_expired"))
        second = read(sandbox, stream, state=later(first.state, stream, 60))
        sandbox.misbehave()
        third = read(sandbox, stream, state=second.state)
    assert isinstance(first.error, StoppedError)
    assert second.activated == {}
    assert in_order(rows_after(stream, first, second, third)) == in_order(
        asked_one_by_one(world, stream)
    )


@every_full_child
def test_a_position_behind_the_last_parent_activates_nothing(stream: str) -> None:
    """A run that was killed at its very end leaves one; a run that asks nobody knows nothing."""
    entry = {"read_up_to": "p99", "version": 17}
    with SandboxServer(family()) as sandbox:
        run = read(sandbox, stream, state={"bookmarks": {stream: entry}})
        assert parent_requests(sandbox, stream) == []
    assert run.activated == {}
    assert run.bookmark(stream) == {}


# Ranges of time that nobody could be asked about


def features_world() -> World:
    """Make features with a use in each of the last weeks."""
    world = family(6)
    for number, identity in enumerate(ids(6)):
        for week in range(5):
            date = week_of(now()) - week * 7 * DAY + number
            use = {"eventId": f"{identity}{week}", "date": date, "featureId": identity}
            world.put("feature_match_events", {**use, "identifyId": "u"})
    return world


@pytest.mark.parametrize("nth", [1, 13])
def test_the_bookmark_stays_in_front_of_weeks_in_which_no_feature_was_known(nth: int) -> None:
    """After the next run the loader has every row of every week."""
    world = features_world()
    start, end = week_of(now()) - 28 * DAY, now()
    span: Any = {"start_date": iso(start), "end_date": iso(end)}
    with SandboxServer(
        world, about_parents("feature_adoption", "scroll_expired", nth=nth)
    ) as sandbox:
        first = sync(sandbox, "feature_adoption", max_workers=1, **span)
        sandbox.misbehave()
        second = sync(sandbox, "feature_adoption", state=first.state, **span)
    assert isinstance(first.error, ParentsError)
    assert "feature_adoption: PX answers 404 for each of the features" in str(first.error)
    assert first.bookmark("feature_adoption").get("replication_key_value") == (
        None if nth == 1 else iso(start + 14 * DAY)
    )
    assert second.error is None
    rows = {
        (one["featureId"], one["dateRangeStart"]): one
        for run in (first, second)
        for one in run.records("feature_adoption")
    }
    assert in_order(rows.values()) == in_order(adoption(world, start, end))


# Parents that are refused


@every_child
@pytest.mark.parametrize("fault", ["bad_request", "forbidden"])
def test_one_refused_parent_keeps_neither_the_others_nor_other_streams_back(
    stream: str, fault: str
) -> None:
    """All others are read, the streams behind it too; the line at the end names the one."""
    rule = about_parents(stream, fault, nth=3, times=1)
    with SandboxServer(family(), rule) as sandbox:
        run = sync(
            sandbox,
            stream,
            "users",
            "segments",
            start_date=iso(week_of(now())),
            end_date=iso(now() + DAY),
            max_workers=1,
        )
    field, _ = PARENTS[stream]
    assert {"users", "segments"} & run.state["bookmarks"].keys() == {"users", "segments"}
    assert len(run.records("users")) == COUNT
    assert isinstance(run.error, ParentsError)
    refused = ids(COUNT)[2]
    line = str(run.error)
    for part in (stream, f"1 of the {PARENTS[stream][1]}", refused, "HTTP 40", "GET /v"):
        assert part in line
    assert run.error.exit_code == 1
    assert stream not in run.activated
    if stream in FULL:
        assert set(run.values(stream, field)) == set(ids(COUNT)) - {refused}
        assert run.bookmark(stream) == {}
    else:
        assert "replication_key_value" not in run.bookmark(stream)


@every_full_child
def test_a_refused_parent_is_not_deleted_by_the_run_that_goes_on(stream: str) -> None:
    """Whoever was refused before the interruption is not in the version, though PX has him."""
    world = family()
    with SandboxServer(world) as sandbox:
        whole = read(sandbox, stream)
        sandbox.misbehave(about_parents(stream, "bad_request", nth=3, times=1))
        first = read(sandbox, stream, max_workers=1, max_requests=25)
        sandbox.misbehave()
        second = read(sandbox, stream, state=first.state)
        third = read(sandbox, stream, state=second.state)
    assert "read_up_to" in first.bookmark(stream)
    assert second.activated == {}
    assert second.bookmark(stream) == {}
    truth = in_order(asked_one_by_one(world, stream))
    assert in_order(rows_after(stream, whole, first, second)) == truth
    assert in_order(rows_after(stream, whole, first, second, third)) == truth
    assert stream in third.activated


def test_a_permission_withdrawn_in_the_middle_keeps_the_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After many refusals in a row it is the endpoint: the next run goes on before the first."""
    monkeypatch.setattr("tap_gainsight_px.reading.parent_tally._REFUSALS_IN_A_ROW", 5)
    world = family()
    with SandboxServer(world, about_parents("user_preferences", "forbidden", nth=11)) as sandbox:
        first = read(sandbox, "user_preferences", max_workers=1)
        asked = len(parent_requests(sandbox, "user_preferences"))
        sandbox.misbehave()
        second = read(sandbox, "user_preferences", state=first.state)
    assert isinstance(first.error, RefusedError)
    assert asked < COUNT
    assert first.bookmark("user_preferences")["read_up_to"] == ids(COUNT)[9]
    assert first.activated == {}
    done = [
        *first.values("user_preferences", "identifyId"),
        *second.values("user_preferences", "identifyId"),
    ]
    assert done == ids(COUNT)


@pytest.mark.parametrize("left", [1, 4])
def test_a_stop_among_the_last_parents_is_no_refusal_of_theirs(left: int) -> None:
    """The run ends with the stop, and the next one goes on with those that are left."""
    with SandboxServer(family()) as sandbox:
        # One request lists the users, and one their attributes.
        first = read(sandbox, "user_preferences", max_workers=1, max_requests=COUNT + 1 - left)
        second = read(sandbox, "user_preferences", state=first.state)
    assert isinstance(first.error, StoppedError)
    assert "incomplete" not in first.bookmark("user_preferences")
    assert second.values("user_preferences", "identifyId") == ids(COUNT)[-left:]
    assert "user_preferences" in second.activated


# Answers of another shape


def several(world: World, identity: str) -> Json:
    """Return the one row that stands for three of an engagement."""
    body = {one["engagementId"]: one for one in asked_one_by_one(world, "survey_metadata")}
    wrapped = {name: value for name, value in body[identity].items() if name != "engagementId"}
    items = [{**wrapped, "row": number} for number in range(3)]
    return {"engagementId": identity, "body": {"items": items}}


def test_several_rows_about_one_engagement_are_all_kept() -> None:
    """The engagement is the key, so a loader keeps one row of it: they are all in that."""
    world = family(5)
    with SandboxServer(world, about_parents("survey_metadata", "several_rows")) as sandbox:
        run = read(sandbox, "survey_metadata")
    assert run.error is None
    assert in_order(run.records("survey_metadata")) == in_order(
        several(world, identity) for identity in ids(5)
    )


@every_child
def test_null_is_an_answer_without_a_record(stream: str) -> None:
    """It is as good as 204, and not asked for again and again."""
    with SandboxServer(family(4), about_parents(stream, "records_null", nth=2, times=1)) as sandbox:
        run = read(sandbox, stream, max_workers=1)
        asked = parent_requests(sandbox, stream)
    assert run.error is None
    assert len({(one.path, str(one.params)) for one in asked}) == len(asked)
