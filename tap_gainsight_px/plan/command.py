"""`--plan` on the command line: its option, and its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tap_gainsight_px.output.message_writer import write_text

if TYPE_CHECKING:
    from tap_gainsight_px.plan.report import PlanReport


def plan_option() -> click.Option:
    """Return the option of the command line."""
    return click.Option(
        ["--plan"],
        is_flag=True,
        help="Ask PX a few things a stream and say what a sync will read, in how many requests; "
        "with --format json for machines.",
    )


def write_plan(report: PlanReport, style: str | None) -> None:
    """Write a plan to standard output.

    Args:
        report: The plan.
        style: `json`; anything else is text.

    Raises:
        OutputError: It cannot be written.
    """
    write_text(report.as_json() if style == "json" else report.as_text())
