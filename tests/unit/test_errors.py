"""Every error is one line that says what happened, to whom, and what to do."""

from __future__ import annotations

import pytest

from tap_gainsight_px.errors import (
    RefusedError,
    RequestError,
    SettingsError,
    ShortfallError,
    StoppedError,
    StreamsError,
    TapError,
)


def test_a_request_error_names_path_status_words_and_advice() -> None:
    """In this order, so that the eye finds them."""
    error = RefusedError("", path="/v1/x", status=403, api_message="No", advice="Ask for it")
    assert str(error) == "GET /v1/x: HTTP 403 (No). Ask for it"


def test_without_a_status_it_says_what_happened() -> None:
    """A connection that was never made has no status."""
    error = RequestError("no answer from px.test", path="/v1/x")
    assert str(error) == "GET /v1/x: no answer from px.test"
    assert error.status is None


def test_the_first_to_say_what_was_being_read_is_right() -> None:
    """The window is more precise than the stream around it."""
    error = TapError("broken")
    error.during("events [a, b)")
    error.during("events")
    assert str(error) == "events [a, b): broken"


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\u2028", "\t", "\x0b", "\x85"])
def test_it_is_one_line_whatever_the_api_said(break_: str) -> None:
    """Logs are read by line."""
    error = RefusedError("", path="/p", status=400, api_message=f"one{break_}two")
    error.during(f"stream{break_}name")
    assert str(error) == "stream name: GET /p: HTTP 400 (one two)"


def test_wrong_settings_are_kept_line_by_line() -> None:
    """Each is logged as a line of its own."""
    error = SettingsError("a is wrong", "b is wrong")
    assert error.lines == ("a is wrong", "b is wrong")
    assert str(error) == "a is wrong; b is wrong"


def refused(stream: str, status: int, advice: str) -> RefusedError:
    """Return what a stream is refused with."""
    error = RefusedError("", path=f"/v1/{stream}", status=status, api_message="No", advice=advice)
    error.during(f"{stream} [a, b)")
    return error


def test_many_streams_that_are_refused_alike_have_one_line() -> None:
    """A key without a permission would else have thirty, and hide what else went wrong."""
    alike = [refused(name, 403, "Ask for it") for name in ("one", "two", "three", "four")]
    other = TapError("something else")
    error = StreamsError([alike[0], other, *alike[1:], refused("five", 404, "Look")])
    assert error.lines == (
        (
            "4 streams were refused alike, of them one: GET /v1/one: HTTP 403 (No). Ask for it. "
            "The others: two, three, four"
        ),
        "something else",
        "five [a, b): GET /v1/five: HTTP 404 (No). Look",
    )


def test_a_few_streams_that_are_refused_alike_have_a_line_each() -> None:
    """Path and time range may tell something."""
    errors = [refused(name, 403, "Ask for it") for name in ("one", "two", "three")]
    assert StreamsError(errors).lines == tuple(str(error) for error in errors)


def test_a_line_about_many_stretches_names_the_first() -> None:
    """Each has had its own line when it was read."""
    assert str(ShortfallError(["users: 1 missing"])).startswith("1 stretch could not be read whole")
    line = str(ShortfallError([f"users {number}: 1 missing" for number in range(200)]))
    assert line.startswith("200 stretches could not be read whole: users 0: 1 missing; users 1: ")
    assert "; and 195 more" in line
    assert len(line) < 600


def test_the_exit_code_tells_a_signal_from_a_failure() -> None:
    """As shells and schedulers expect."""
    assert TapError("x").exit_code == 1
    assert StoppedError("x").exit_code == 1
    assert StoppedError("x", 143).exit_code == 143
