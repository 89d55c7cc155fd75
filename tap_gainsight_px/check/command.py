"""`--check` on the command line: its option, the streams it is about, and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tap_gainsight_px.output.message_writer import write_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.singerlib import Catalog

    from tap_gainsight_px.catalog.spec import StreamSpec
    from tap_gainsight_px.check.report import Report


def check_option() -> click.Option:
    """Return the option of the command line."""
    return click.Option(
        ["--check"],
        is_flag=True,
        help="Ask PX a few things, slowly, and say whether a sync would work; with --format json "
        "for machines.",
    )


def selected(specs: Iterable[StreamSpec], catalog: Catalog | None) -> list[StreamSpec]:
    """Return the streams that a catalog selects; without one, those selected by default."""
    if catalog is None:
        return [spec for spec in specs if spec.selected_by_default]
    entries = ((spec, catalog.get_stream(spec.name)) for spec in specs)
    return [spec for spec, entry in entries if entry and entry.metadata.resolve_selection()[()]]


def write_report(report: Report, style: str | None) -> None:
    """Write a report to standard output.

    Args:
        report: What was found.
        style: `json`; anything else is text.

    Raises:
        OutputError: It cannot be written.
    """
    write_text(report.as_json() if style == "json" else report.as_text())
