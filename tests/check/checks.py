"""Runs the check against a sandbox, without a second of waiting, and reads its report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.tap import TapGainsightPx
from tests.tap.harness import signals_kept

if TYPE_CHECKING:
    from collections.abc import Callable

    from px_sandbox import SandboxServer
    from tap_gainsight_px.check.report import Report

Json = dict[str, Any]

PEOPLE = ("users", "accounts")
EVENTS = ("custom_events", "session_events")


@dataclass
class Checked:
    """One check: its report, and what it has waited for."""

    report: Report
    waits: list[float]

    @property
    def text(self) -> str:
        """The report as text, in one line."""
        return " ".join(self.report.as_text().split())

    @property
    def json(self) -> Json:
        """The report as JSON."""
        content: Json = json.loads(self.report.as_json())
        return content

    def findings(self, topic: str) -> list[Json]:
        """Return the findings about one topic, as JSON has them."""
        return [one for one in self.json["findings"] if one["topic"] == topic]

    def levels(self, topic: str) -> set[str]:
        """Return the levels of the findings about one topic."""
        return {one["level"] for one in self.findings(topic)}

    def says(self, topic: str, level: str, *words: str) -> bool:
        """Whether a finding of this topic and level has these words, in text and in JSON."""
        told = [
            one
            for one in self.findings(topic)
            if one["level"] == level
            and all(word in f"{one['text']} {one['advice']}" for word in words)
        ]
        return bool(told) and all(word in self.text for word in words)


def check(
    sandbox: SandboxServer,
    *streams: str,
    catalog: dict[str, Any] | None = None,
    clock: Callable[[], int] | None = None,
    **settings: Any,
) -> Checked:
    """Check a sandbox by its own clock.

    Args:
        sandbox: The server.
        streams: The streams that are selected; those of the default where none is named.
        catalog: Taken instead of one with these streams.
        clock: Tells the time of the host.
        settings: Settings of the tap.
    """
    waits: list[float] = []
    config = {"api_key": sandbox.api_key, "api_url": sandbox.url, **settings}
    with signals_kept():
        tap = TapGainsightPx(
            clock=clock or sandbox.world.clock.now_ms,
            config=config,
            catalog=catalog_of(*streams) if streams else catalog,
            parse_env_config=False,
            setup_mapper=False,
        )
        report = tap.check(wait=waits.append)
    return Checked(report, [wait for wait in waits if wait])


def catalog_of(*streams: str) -> Json:
    """Return a catalog that selects these streams and no other."""
    entries = [
        {
            "tap_stream_id": name,
            "stream": name,
            "schema": {"type": "object", "properties": {"x": {"type": "string"}}},
            "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
        }
        for name in streams
    ]
    return {"streams": entries}
