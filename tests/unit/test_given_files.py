"""Files of JSON are read as whoever wrote them meant it, or refused in one line."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from tap_gainsight_px.errors import SettingsError
from tap_gainsight_px.given.files import parse_json_object, read_json_object, read_settings

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = {"name": "Zoë", "streams": [1, 2.5, None]}


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_a_file_may_be_written_as_windows_writes_it(encoding: str) -> None:
    """PowerShell's `>` makes UTF-16, Notepad a byte order mark."""
    text = json.dumps(CONTENT, ensure_ascii=False)
    assert parse_json_object(text.encode(encoding), "the catalog") == CONTENT


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", "the catalog is empty"),
        (b" \r\n\t", "the catalog is empty"),
        (b"[1]", "the catalog must hold a JSON object"),
        (b"null", "the catalog must hold a JSON object"),
        (b'{"a": 1} x', "the catalog is not JSON: Extra data"),
        (b'{"a": ', "the catalog is not JSON: Expecting value"),
        (b'{"a": NaN}', "the catalog is not JSON: NaN is no number of JSON"),
        (b'{"a": -Infinity}', "the catalog is not JSON: -Infinity is no number of JSON"),
        (b'{"a": 1e999}', "the catalog is not JSON: it holds a number that is too large"),
        (b'{"a": ' + b"1" * 5_000 + b"}", "the catalog is not JSON: Exceeds the limit"),
        (b'{"a": "\xff"}', "the catalog cannot be read: it is neither UTF-8 nor UTF-16"),
        (b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", "the catalog is nested too deeply"),
        (b'{"a": ' + b"[" * 99_999, "the catalog is nested too deeply"),
    ],
    ids=lambda one: one[:6] + one[-9:] if isinstance(one, bytes) else "",
)
def test_what_is_no_json_object_is_one_line(body: bytes, line: str) -> None:
    """It says what is wrong with the file, and where."""
    with pytest.raises(SettingsError) as caught:
        parse_json_object(body, "the catalog")
    assert str(caught.value).startswith(line)


def test_nesting_that_code_gets_through_is_no_error() -> None:
    """No catalog comes near a hundred levels."""
    body = b'{"a": ' + b"[" * 98 + b"]" * 98 + b"}"
    assert "a" in parse_json_object(body, "the catalog")


def test_a_number_of_a_setting_keeps_its_digits(tmp_path: Path) -> None:
    """As in any tap on the SDK, whose stream maps can calculate with it."""
    path = tmp_path / "config.json"
    path.write_text('{"share": 0.1}', encoding="utf-8")
    assert read_settings(str(path)) == {"share": Decimal("0.1")}


def test_what_cannot_be_read_is_told_by_its_path(tmp_path: Path) -> None:
    """A folder, or nothing."""
    for path, reason in ((tmp_path, "Is a directory"), (tmp_path / "gone", "No such file")):
        with pytest.raises(SettingsError, match=f"the state {path} cannot be read: {reason}"):
            read_json_object(str(path), "the state")


def test_a_dash_is_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in other programs of the command line."""
    monkeypatch.setattr(
        "sys.stdin", io.TextIOWrapper(io.BytesIO(b'\xff\xfe{\0"\0a\0"\0:\0001\0}\0'))
    )
    assert read_json_object("-", "the state") == {"a": 1}
