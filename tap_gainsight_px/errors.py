"""Every exception of the tap, ordered by what can be done about it.

    TapError                      one line for the user; the run ends with `exit_code`
    ├── SettingsError             the configuration is wrong: nothing was requested
    ├── StateError                the STATE handed in cannot be understood
    ├── RequestError              a request to the PX API failed
    │   ├── RefusedError          the API said no (400, 401, 403, 404 …): another try does not help
    │   ├── RetriableError        worth another try (`retry` decides for how long)
    │   │   ├── AnswerLostError   the API may have acted on it, but no whole answer arrived
    │   │   ├── DuplicateRequestError  equals an earlier request: this one alone waits
    │   │   ├── EdgeRefusedError  403, but by a firewall in front of PX
    │   │   ├── RateLimitedError  429: every worker pauses and all slow down
    │   │   ├── TooManyScrollsError  fewer scrolls at once
    │   │   └── UnreachableError  no connection; given up soon where there never was one
    │   └── DailyLimitError       the account's requests of the day are used up
    ├── WindowError               a window could not be read whole, however often it was tried
    ├── ParentsError              parents of a stream could not be asked about
    ├── ShortfallError            all was read, but records that PX announced never arrived
    ├── StreamsError              several of the above, each with a line of its own
    ├── OutputError               standard output cannot be written
    ├── BatchFileError            a BATCH file cannot be written
    ├── NoWorkersError            the machine allows no thread to read with
    └── StoppedError              the run was asked to end: a signal, or a limit of its own

`ScrollLostError` and `RangeIgnoredError` never reach the user: the reader answers them by
reading the window again, and turns what stays into a `WindowError`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tap_gainsight_px.redaction import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

_ALIKE = 4
"""From so many streams on that are refused alike, one line is for all of them."""
_MOST_SHORTFALLS = 5
"""So many stretches fit one line that somebody reads."""


class TapError(Exception):
    """An error with one line that says what happened and what to do next."""

    exit_code = 1
    ends_run = False
    """Whether it concerns the run as a whole, so that no other stream can be read after it."""

    def __init__(self, message: str) -> None:
        """Keep the line, cleaned of secrets and control characters."""
        self.message = one_line(message)
        super().__init__(self.message)
        self.subject = ""

    def during(self, subject: str) -> None:
        """Say what was being read (a stream and its time range), unless already known."""
        self.subject = self.subject or one_line(subject)

    def __str__(self) -> str:
        """Return the line for the user, without a line break."""
        return f"{self.subject}: {self.message}" if self.subject else self.message

    @property
    def lines(self) -> tuple[str, ...]:
        """What to print, line by line."""
        return (str(self),)


class SettingsError(TapError):
    """The configuration is wrong: one line for each setting that is."""

    ends_run = True

    def __init__(self, *lines: str) -> None:
        """Keep the lines."""
        super().__init__("; ".join(lines))
        self._lines = tuple(map(one_line, lines))

    @property
    def lines(self) -> tuple[str, ...]:
        """One line for each setting that is wrong."""
        return self._lines


class StateError(TapError):
    """The STATE handed in cannot be understood."""

    ends_run = True


class RequestError(TapError):
    """A request to the PX API failed."""

    concerns_all: bool | None = None
    """Whether other requests meet the same, where the status does not tell."""

    def __init__(
        self,
        what: str,
        *,
        path: str,
        status: int | None = None,
        api_message: str = "",
        advice: str = "",
    ) -> None:
        """Put the line together.

        Args:
            what: What happened, when there is no status to tell it.
            path: Path of the request, without host and parameters.
            status: HTTP status of the answer, if there was one.
            api_message: The API's own words.
            advice: Whose fault it is and the next step.
        """
        told = f"HTTP {status}" if status is not None and not what else what
        line = f"GET {path}: {told}"
        if api_message:
            line += f" ({api_message})"
        super().__init__(f"{line}. {advice}" if advice else line)
        self.fact = one_line(line)
        """What happened, without what to do if it stays like this."""
        # A wrong key, too many requests, a redirect, no answer: every other stream meets it too.
        met_by_all = status is None or status in {401, 407, 429} or 300 <= status < 400  # noqa: PLR2004
        self.ends_run = met_by_all if self.concerns_all is None else self.concerns_all
        self.path = path
        self.status = status
        self.advice = one_line(advice)
        self.api_message = one_line(api_message)


class RefusedError(RequestError):
    """The API said no; the same request would be refused again."""


class RetriableError(RequestError):
    """Worth another try. Times in seconds."""

    retry_after: float | None = None
    """The wait that the API asked for, if it did."""
    first_wait = 0.5
    """The longest wait before the second try; it doubles from try to try."""
    longest_wait = 30.0
    longest_patience = math.inf
    """For how long another try makes sense at all."""


class AnswerLostError(RetriableError):
    """The request may have been carried out, but its answer did not arrive whole.

    A scroll may have moved on by one page (Elasticsearch scrolls do), so after this only the
    count tells whether a page is missing.
    """


class DuplicateRequestError(RetriableError):
    """The request equals one that was sent a moment ago, and PX refuses it for a while."""

    concerns_all = False
    first_wait = 10.0
    longest_wait = 300.0


class EdgeRefusedError(RetriableError):
    """A firewall or proxy in front of PX refuses the request; that says nothing about the key."""

    concerns_all = True
    longest_patience = 120.0


class RateLimitedError(RetriableError):
    """429: too many requests; every worker pauses, and all slow down."""


class TooManyScrollsError(RetriableError):
    """The server has as many scrolls open as it can; they close when their time is over."""

    concerns_all = False
    first_wait = 5.0
    longest_wait = 60.0


class UnreachableError(RetriableError):
    """There was no connection, so the request was not sent."""


class DailyLimitError(RequestError):
    """The account's requests of the day are used up."""


class TooLargeError(ValueError):
    """What arrived holds more than one answer may. Raised by decoders; ends as `RefusedError`."""


class ScrollLostError(TapError):
    """A scroll could not be continued; the window must be read again from its start."""


class RangeIgnoredError(TapError):
    """The API answered with records outside the range that was asked for."""


class WindowError(TapError):
    """A window could not be read whole."""


class ParentsError(TapError):
    """A child stream was read, but not for all records of its parent stream."""


class ShortfallError(TapError):
    """The run came to its end, but something in it could not be read whole."""

    def __init__(self, shortfalls: list[str]) -> None:
        """Put the line together; each shortfall names a stream, its time range and a count."""
        count = len(shortfalls)
        named = "; ".join(shortfalls[:_MOST_SHORTFALLS])
        if count > _MOST_SHORTFALLS:
            named += f"; and {count - _MOST_SHORTFALLS} more, each with a line of its own above"
        super().__init__(
            f"{count} {'stretch' if count == 1 else 'stretches'} could not be read whole: {named}. "
            "All that arrived was written out and the bookmarks stay in front of the gaps: run "
            "again, and ask Gainsight support about the time range if it stays like this. With "
            "accept_missing_records the next run passes over it and notes it in STATE"
        )


class StreamsError(TapError):
    """The run came to its end, but more than one thing in it failed: one line for each."""

    def __init__(self, errors: Sequence[TapError]) -> None:
        """Keep the lines; each names its stream."""
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)
        # The last one is what has ended the run, if anything has.
        self.exit_code = errors[-1].exit_code

    @property
    def lines(self) -> tuple[str, ...]:
        """One line for the user for each error; but many streams refused alike have one line.

        Else a key without the permission to read gives thirty lines, all with the same advice.
        """
        alike: dict[object, list[TapError]] = {}
        for error in self.errors:
            alike.setdefault(_cause(error), []).append(error)
        return tuple(
            line
            for group in alike.values()
            for line in (
                (_line_for_all(group),)
                if len(group) >= _ALIKE
                else (line for error in group for line in error.lines)
            )
        )


def _cause(error: TapError) -> object:
    """Return what errors with one cause have in common."""
    if isinstance(error, RefusedError) and error.subject:
        return error.status, error.advice
    return id(error)


def _line_for_all(group: Sequence[TapError]) -> str:
    first, *others = dict.fromkeys(error.subject.partition(" ")[0] for error in group)
    return (
        f"{1 + len(others)} streams were refused alike, of them {first}: {group[0].message}. "
        f"The others: {', '.join(others)}"
    )


class OutputError(TapError):
    """Standard output cannot be written: the target has gone, or a disk is full."""

    ends_run = True


class BatchFileError(TapError):
    """A BATCH file cannot be written: there is no such folder, or a disk is full."""

    ends_run = True


class NoWorkersError(TapError):
    """The machine allows no thread to read with."""

    ends_run = True


class StoppedError(TapError):
    """The run was asked to end before it was done."""

    ends_run = True

    def __init__(self, message: str, exit_code: int = 1) -> None:
        """Keep the line and the exit code (128 + the signal's number for a signal)."""
        super().__init__(message)
        self.exit_code = exit_code
