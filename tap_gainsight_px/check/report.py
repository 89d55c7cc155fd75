"""What the check found: one list of findings, as one screen of text or as JSON.

A report is made to be attached to an issue. So a finding holds names of streams and of fields, JSON
types, HTTP statuses, sizes and lengths of time, and no value of a record, no id and no address.
"""

from __future__ import annotations

import enum
import json
import textwrap
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_WIDTH = 100


class Level(str, enum.Enum):
    """What a finding means for a sync."""

    OK = "ok"
    NOTE = "note"
    """Good to know: the tap takes it into account by itself."""
    UNKNOWN = "unknown"
    """Not found out: too few records, or no request was left."""
    WARNING = "warning"
    """A sync works, but slower or with less than it could have."""
    PROBLEM = "problem"
    """A sync would not work."""


_MARKS = {
    Level.OK: "ok",
    Level.NOTE: "note",
    Level.UNKNOWN: "unknown",
    Level.WARNING: "warning",
    Level.PROBLEM: "PROBLEM",
}


@dataclass(frozen=True)
class Finding:
    """One thing that was found out.

    Attributes:
        topic: What it is about; stays the same from version to version.
        level: What it means for a sync.
        text: What was found, in plain words.
        advice: What to do; empty where there is nothing to do.
        details: The same for machines.
    """

    topic: str
    level: Level
    text: str
    advice: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """All that was found.

    Attributes:
        version: Version of the tap.
        region: The data centre, or `custom` where `api_url` is set.
        checked_at: When the check began, RFC 3339 text in UTC.
        requests: How many requests were sent.
        findings: In the order in which they are shown.
    """

    version: str
    region: str
    checked_at: str
    requests: int
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[Finding, ...]:
        """What keeps a sync from working."""
        return tuple(one for one in self.findings if one.level is Level.PROBLEM)

    @property
    def works(self) -> bool:
        """Whether a sync would work."""
        return not self.problems

    @property
    def exit_code(self) -> int:
        """0 when a sync would work, else 1."""
        return 0 if self.works else 1

    def as_json(self) -> str:
        """Return the report as a JSON object."""
        content = {
            "version": self.version,
            "region": self.region,
            "checked_at": self.checked_at,
            "requests": self.requests,
            "works": self.works,
            "findings": [asdict(one) for one in self.findings],
        }
        return json.dumps(content, indent=2, ensure_ascii=False)

    def as_text(self) -> str:
        """Return the report as one screen of text, without a line break at its end."""
        head = (
            f"tap-gainsight-px {self.version} --check, region {self.region}, {self.checked_at}, "
            f"requests: {self.requests}"
        )
        rows = [_row(one) for one in self.findings]
        return "\n".join([head, "", *rows, "", *self._verdict()])

    def _verdict(self) -> Iterable[str]:
        if self.works:
            yield "A sync would work."
            return
        yield f"A sync would not work. Problems: {len(self.problems)}"
        for number, one in enumerate(self.problems, 1):
            yield _wrapped(f"{number}. ", f"{one.text}. {one.advice}".removesuffix(". "))


def _row(finding: Finding) -> str:
    mark = _MARKS[finding.level]
    # The advice for a problem stands at the end, where one looks first.
    advice = "" if finding.level is Level.PROBLEM else finding.advice
    label = finding.topic.replace("_", " ")
    line = f"{finding.text}. {advice}" if advice else finding.text
    return _wrapped(f"{label:<21}{mark:<8}", line)


def _wrapped(start: str, text: str) -> str:
    return textwrap.fill(
        text,
        _WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )
