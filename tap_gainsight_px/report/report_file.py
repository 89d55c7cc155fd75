"""The report as a file, replaced as a whole: nobody ever reads half of one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.redaction import clean

if TYPE_CHECKING:
    from collections.abc import Mapping


def write_report(path: str, report: Mapping[str, Any]) -> None:
    """Put a report in the place of the one before it.

    Args:
        path: The file, as the user has named it.
        report: Its content.

    Raises:
        SettingsError: It cannot be written.
    """
    # What a link leads to is replaced, and not the link.
    file = Path(path).expanduser().resolve()
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    text = json.dumps(report, indent=2, ensure_ascii=False)
    try:
        if file.exists() and not file.is_file():
            raise _cannot(path, "it is no file")
        try:
            # Nothing in it should hold the key; that is made sure of once more.
            part.write_text(f"{clean(text, lines=True)}\n", encoding="utf-8")
            part.replace(file)
        except OSError:
            part.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        raise _cannot(path, getattr(error, "strerror", None) or str(error)) from error


def _cannot(path: str, why: str) -> SettingsError:
    return SettingsError(
        f"report_path: {path} cannot be written ({why}). Name a file in a folder that exists and "
        "that the tap may write to"
    )
