"""The command line: the options beside those of the SDK, and what they print."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NoReturn, Protocol

import click

from tap_gainsight_px.output.message_writer import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_CHECK = (
    "Ask PX a few things, slowly, and say whether a sync would work; with --format json for "
    "machines."
)
_PLAN = (
    "Ask PX a few things a stream and say what a sync will read, in how many requests; with "
    "--format json for machines."
)


class Report(Protocol):
    """What `--check` or `--plan` has found out."""

    @property
    def exit_code(self) -> int:
        """Return 0 where all is well."""

    def as_json(self) -> str:
        """Return it for machines."""

    def as_text(self) -> str:
        """Return it for people."""


def add_options(parameters: Sequence[click.Parameter]) -> list[click.Parameter]:
    """Return the options of the command line: those of the SDK, with `--check` and `--plan`.

    Args:
        parameters: The options of the SDK; those that name files are changed.
    """
    for option in parameters:
        if option.name in {"catalog", "state"}:
            # The SDK would open them itself, as text in the encoding of this host.
            option.type = click.STRING
    return [
        *parameters,
        click.Option(["--check"], is_flag=True, help=_CHECK),
        click.Option(["--plan"], is_flag=True, help=_PLAN),
    ]


def end_with(report: Report, style: str | None) -> NoReturn:
    """Write a report to standard output, and end with its exit code.

    Args:
        report: The report.
        style: `json`; anything else is text.

    Raises:
        OutputError: It cannot be written.
    """
    write_text(report.as_json() if style == "json" else report.as_text())
    sys.exit(report.exit_code)
