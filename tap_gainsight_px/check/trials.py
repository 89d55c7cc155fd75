"""Tries of one way to ask for a stretch of time, and what they say."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_gainsight_px.catalog.spec import TimeFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_gainsight_px.check.asker import Answer
    from tap_gainsight_px.reading.windows import Window

FORMAT_WORDS = {TimeFormat.ISO: "ISO text", TimeFormat.EPOCH_MS: "epoch milliseconds"}


class Result(str, enum.Enum):
    """What a try has shown."""

    WORKS = "works"
    REFUSED = "refused"
    IGNORED = "ignored"
    NO_RECORDS = "accepted, no records to tell by"
    NOT_TRIED = "not found out"


@dataclass(frozen=True)
class Trial:
    """The tries for one stream.

    Attributes:
        stream: Its name.
        results: What each way of writing a time has shown, in the order tried.
    """

    stream: str
    results: tuple[tuple[TimeFormat, Result], ...]

    @property
    def working(self) -> TimeFormat | None:
        """The way that works, or may work because nothing speaks against it."""
        fits = (Result.WORKS, Result.NO_RECORDS)
        return next((form for form, result in self.results if result in fits), None)

    @property
    def in_words(self) -> str:
        """What was tried, with its result."""
        return ", ".join(f"{FORMAT_WORDS[form]} {result.value}" for form, result in self.results)

    @property
    def details(self) -> dict[str, str]:
        """The same for JSON."""
        return {form.value: result.value for form, result in self.results}


def result_of(
    answer: Answer | None, dates: Sequence[int | None], window: Window, *, empty: Result
) -> Result:
    """Return what an answer says about the window that was asked for.

    Args:
        answer: The answer; None where none was asked for.
        dates: Dates of its records, epoch milliseconds.
        window: What was asked for.
        empty: What no record at all means.
    """
    if answer is not None and answer.says_no:
        return Result.REFUSED
    if answer is None or not answer.is_answered:
        return Result.NOT_TRIED
    if not dates:
        return empty
    inside = [date is not None and window.start <= date < window.end for date in dates]
    return Result.WORKS if all(inside) else Result.IGNORED


def order_of(dates: Sequence[int | None]) -> str:
    """Return how records lie by their dates: `ascending`, `descending`, `none` or `unknown`."""
    known = [date for date in dates if date is not None]
    if len(set(known)) < 3:  # noqa: PLR2004 - two are in some order by chance
        return "unknown"
    if known == sorted(known):
        return "ascending"
    return "descending" if known == sorted(known, reverse=True) else "none"
