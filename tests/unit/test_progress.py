"""What came of a stream decides about its bookmark, its position and its deletions."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.errors import AnswerLostError, ParentsError, RefusedError, TapError
from tap_gainsight_px.output.full_readings import FullReadings
from tap_gainsight_px.output.state import StreamState
from tap_gainsight_px.reading.progress import StreamProgress
from tap_gainsight_px.records.page import ParentAnswer, Row, Slice
from tap_gainsight_px.run_clock import RunClock
from tap_gainsight_px.timestamps import DAY, to_iso

if TYPE_CHECKING:
    from collections.abc import Generator

NOON = 1_709_208_000_000
VERSION = 17
SPECS = {spec.name: spec for spec in STREAMS}

FILLED = ParentAnswer("p")
EMPTY = ParentAnswer("p", is_empty=True)
GONE = ParentAnswer("p", is_gone=True)
REFUSED = ParentAnswer("p", refusal=RefusedError("", path="/p", status=400, api_message="no"))
FAILED = ParentAnswer("p", refusal=AnswerLostError("", path="/p", status=500))


def nothing() -> Generator[Slice, None, None]:
    """Read nothing: the tests hand the slices over themselves."""
    yield from ()


ROW: Row = (None, "key", {"id": "key"})


def progress_of(stream: str, entry: dict[str, Any] | None = None) -> StreamProgress:
    """Begin a stream of the table, incremental where it has a replication key."""
    spec = SPECS[stream]
    state = StreamState(
        stream,
        {} if entry is None else entry,
        replication_key=spec.replication_key,
        clock=RunClock(lambda: NOON, NOON),
    )
    version = None if spec.replication_key else VERSION
    return StreamProgress(spec, state, nothing(), version=version, shortfalls=[])


def add_parents(progress: StreamProgress, *answers: ParentAnswer) -> None:
    """Hand over these answers about as many parents, each with the position after it."""
    for number, answer in enumerate(answers):
        rows = [ROW] if answer is FILLED else []
        progress.add(Slice(rows, answer=replace(answer, parent=f"p{number:04}")))
        progress.add(Slice([], position=f"p{number:04}"))


@pytest.mark.parametrize(
    ("answers", "is_activated"),
    [
        ([], False),
        ([FILLED, EMPTY, GONE], True),
        ([GONE, GONE], False),
        ([EMPTY, EMPTY], False),
        ([EMPTY, GONE], False),
    ],
    ids=["no parents", "some answered", "all gone", "all empty", "empty and gone"],
)
def test_a_version_is_activated_when_the_answers_tell_what_exists(
    answers: list[ParentAnswer], *, is_activated: bool
) -> None:
    """Not one row from all the parents says nothing, unless it is documented."""
    progress = progress_of("user_preferences")
    add_parents(progress, *answers)
    assert progress.end() == is_activated


@pytest.mark.parametrize(
    ("answers", "is_activated"), [([EMPTY, EMPTY], True), ([EMPTY, GONE], True), ([GONE], False)]
)
def test_only_a_documented_empty_answer_empties_a_table(
    answers: list[ParentAnswer], *, is_activated: bool
) -> None:
    """204 is an answer of the deny list."""
    progress = progress_of("user_denylist")
    add_parents(progress, *answers)
    assert progress.end() == is_activated


@given(st.lists(st.sampled_from([FILLED, EMPTY, GONE])))
def test_after_the_end_there_is_no_place_to_go_on_from(answers: list[ParentAnswer]) -> None:
    """Whatever was decided about the deletions: all parents have been asked about."""
    entry: dict[str, Any] = {"read_up_to": "a", "version": 3}
    progress = progress_of("user_denylist", entry)
    add_parents(progress, *answers)
    progress.end()
    assert entry == {}


@given(st.lists(st.sampled_from([FILLED, EMPTY, GONE, REFUSED, FAILED]), max_size=4))
def test_no_version_is_activated_with_a_parent_left_out(answers: list[ParentAnswer]) -> None:
    """Its rows are in PX and not in the version."""
    progress = progress_of("user_denylist")
    add_parents(progress, *answers)
    is_refused = any(one.refusal for one in answers)
    try:
        is_activated = progress.end()
    except TapError:
        is_activated = False
        assert is_refused
    assert not (is_refused and is_activated)


def test_the_line_names_the_count_the_first_ids_and_the_words_of_the_api() -> None:
    """A thousand ids in one line would help nobody."""
    progress = progress_of("user_preferences")
    add_parents(progress, FILLED, *[REFUSED] * 5)
    with pytest.raises(ParentsError) as caught:
        progress.end()
    line = str(caught.value)
    assert "user_preferences: 5 of the users could not be read (p0001, p0002, p0003 and 2" in line
    assert "GET /p: HTTP 400 (no)" in line


def test_refusals_only_are_the_error_of_the_stream() -> None:
    """The endpoint refuses: no permission, as a rule."""
    entry: dict[str, Any] = {"read_up_to": "a", "version": 3}
    progress = progress_of("user_preferences", entry)
    add_parents(progress, GONE, REFUSED, REFUSED)
    with pytest.raises(RefusedError):
        progress.end()
    assert entry["version"] == VERSION


@pytest.mark.parametrize(("answer", "count"), [(REFUSED, 1_000), (FAILED, 5)])
def test_many_refusals_in_a_row_end_the_stream_in_front_of_the_first(
    answer: ParentAnswer, count: int
) -> None:
    """A million refusals help nobody, and the next run asks about all of them again."""
    entry: dict[str, Any] = {}
    progress = progress_of("user_preferences", entry)
    add_parents(progress, FILLED, *[answer] * (count - 1))
    assert entry["read_up_to"] == "p0000"
    with pytest.raises(TapError, match="GET /p"):
        progress.add(Slice([], answer=answer))


def test_refusals_with_answers_between_them_end_nothing() -> None:
    """It is those parents, then, and not the endpoint."""
    entry: dict[str, Any] = {}
    progress = progress_of("user_preferences", entry)
    add_parents(progress, *[FAILED, FAILED, FAILED, FAILED, FILLED] * 300)
    assert entry["read_up_to"] == "p1499"
    assert entry["incomplete"] is True


def test_a_range_moves_the_bookmark_when_somebody_answered() -> None:
    """One feature that is gone has no numbers any more."""
    progress = progress_of("feature_adoption")
    add = progress.add
    add(Slice([], answer=GONE))
    add(Slice([], answer=FILLED))
    add(Slice([], read_to=NOON - 5, subject="feature_adoption week"))
    assert progress.state.bookmark == NOON - 5


@pytest.mark.parametrize("answer", [GONE, REFUSED])
def test_the_bookmark_stays_in_front_of_a_range_that_was_not_read(answer: ParentAnswer) -> None:
    """All gone at once, or one refused: also ranges that are read later do not move it."""
    progress = progress_of("feature_adoption")
    for number, given_answer in enumerate([FILLED, answer, FILLED]):
        progress.add(Slice([], answer=given_answer))
        progress.add(Slice([], read_to=NOON - 9 + number, subject=f"week {number}"))
    assert progress.state.bookmark == NOON - 9
    with pytest.raises(ParentsError, match="feature_adoption"):
        progress.end()


def test_a_stream_without_parents_is_whole_when_nothing_is_missing() -> None:
    """The rule about parents does not touch listings."""
    progress = progress_of("segments")
    progress.add(Slice([ROW], subject="segments"))
    assert progress.end()


@pytest.mark.parametrize("stream", ["segments", "subscription", "user_preferences"])
def test_a_full_table_without_one_record_activates_nothing(
    stream: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An endpoint that has lost its memory answers like an account that has nothing."""
    progress = progress_of(stream)
    progress.add(Slice([], subject=stream))
    assert not progress.end()
    (line,) = caplog.messages
    assert line.startswith(f"{stream}: ")
    assert "delete them from the table yourself" in line


def test_a_range_that_no_parent_was_listed_for_keeps_the_bookmark(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A listing that comes back empty once must not cost the weeks of that run."""
    progress = progress_of("feature_adoption")
    progress.add(Slice([], read_to=NOON - 5, subject="feature_adoption week"))
    progress.end()
    assert progress.state.bookmark is None
    assert "PX lists not one of the features" in caplog.text


def test_missing_records_keep_bookmark_and_version_back() -> None:
    """What was announced and never came is read again by the next run."""
    listing, events = progress_of("segments"), progress_of("session_events")
    for progress in (listing, events):
        progress.add(Slice([], missing=2, read_to=NOON - 5, subject="s"))
        assert not progress.end()
    assert events.state.bookmark is None


# The past, filled in behind what is up to date


def test_what_is_missing_of_the_past_holds_up_read_from_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Later slices of the past bring records, but what STATE says must have no gap."""
    entry: dict[str, Any] = {}
    progress = progress_of("custom_events", entry)
    progress.state.begin_at(NOON - 7 * DAY)
    progress.add(Slice([ROW], read_to=NOON))
    past = past_of(progress)
    past.add(Slice([ROW], read_from=NOON - 9 * DAY))
    past.add(Slice([], read_from=NOON - 20 * DAY, missing=3, subject="custom_events [a, b)"))
    past.add(Slice([ROW], read_from=NOON - 30 * DAY))
    assert entry["read_from"] == to_iso(NOON - 9 * DAY)
    assert entry["replication_key_value"] == to_iso(NOON)
    assert "read_from stays in front of them" in caplog.text


def test_what_is_missing_of_the_latest_days_holds_up_the_bookmark_alone() -> None:
    """Where it is missing at the very beginning, nothing of the latest days counts as read."""
    entry: dict[str, Any] = {}
    progress = progress_of("custom_events", entry)
    progress.state.begin_at(NOON - 7 * DAY)
    progress.add(Slice([], read_to=NOON - DAY, missing=3, subject="custom_events [a, b)"))
    progress.add(Slice([ROW], read_to=NOON))
    assert entry == {}
    past_of(progress).add(Slice([ROW], read_from=NOON - 9 * DAY))
    assert entry["read_from"] == to_iso(NOON - 9 * DAY)
    assert entry["replication_key_value"] == to_iso(NOON - 7 * DAY)


def test_read_from_never_moves_forward() -> None:
    """A slice that begins later, as from a host whose clock is ahead, changes nothing."""
    entry: dict[str, Any] = {}
    progress = progress_of("custom_events", entry)
    progress.state.begin_at(NOON - 7 * DAY)
    progress.add(Slice([ROW], read_to=NOON))
    past_of(progress).add(Slice([ROW], read_from=NOON - DAY))
    assert entry["read_from"] == to_iso(NOON - 7 * DAY)


def past_of(progress: StreamProgress) -> StreamProgress:
    """Begin to fill in the past of a stream."""
    return StreamProgress(
        progress.spec, progress.state, nothing(), version=None, shortfalls=[], fills_back=True
    )


def test_a_full_reading_that_nothing_confirms_moves_the_bookmark_and_deletes_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """PX gave no count, and no two readings were equal: what has changed is there all the same."""
    last = {"version": 7, "full_read": to_iso(NOON - 9 * DAY)}
    entry: dict[str, Any] = {**last, "replication_key_value": to_iso(NOON - DAY)}
    clock = RunClock(lambda: NOON, NOON)
    state = StreamState("users", entry, replication_key="lastModifiedDate", clock=clock)
    readings = FullReadings("users", state, days=7, now=NOON)
    progress = StreamProgress(
        SPECS["users"], state, nothing(), version=8, shortfalls=[], full_readings=readings
    )
    progress.add(Slice([ROW], read_to=NOON, subject="users", is_confirmed=False, total=1))
    assert readings.is_due
    assert not progress.end()
    assert state.bookmark == NOON
    assert {name: entry[name] for name in last} == last
    assert "users: the full reading is not proved to have shown all" in caplog.text
