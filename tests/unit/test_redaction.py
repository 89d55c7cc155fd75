"""What is said holds no secret and no control character, whoever says it."""

from __future__ import annotations

import html
import json
import logging
import traceback
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.errors import RefusedError, SettingsError, TapError
from tap_gainsight_px.redaction import clean, hide, hide_address

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = 'w/x=y"z&1<2>3'  # noqa: S105 - an invented one
PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)


def as_text(text: str) -> str:
    """Leave it as it is."""
    return text


def as_json(text: str) -> str:
    """Write it as a string in JSON."""
    return json.dumps(text)[1:-1]


def as_json_twice(text: str) -> str:
    """Write it as JSON in a string of JSON."""
    return as_json(as_json(text))


def as_escapes(text: str) -> str:
    """Write every character as its number."""
    return "".join(f"\\u{ord(one):04x}" for one in text)


def as_url(text: str) -> str:
    """Write it as a part of an address."""
    return quote(text, safe="")


@given(
    secret=st.text(PRINTABLE, min_size=8, max_size=60),
    spell=st.sampled_from([as_text, as_json, as_json_twice, as_escapes, as_url, html.escape, repr]),
)
def test_a_secret_is_hidden_however_it_is_spelled(secret: str, spell: Callable[[str], str]) -> None:
    """As text, JSON, URL or HTML."""
    hide(secret)
    try:
        assert clean(f"key: [{spell(secret).strip()}]") in {
            "key: [***]",
            "key: ['***']",
            'key: ["***"]',
        }
    finally:
        forget(secret)


def forget(secret: str) -> None:
    """Let other tests say it."""
    from tap_gainsight_px import redaction  # noqa: PLC0415

    redaction._secrets.pop(secret, None)  # noqa: SLF001


@given(text=st.text())
def test_what_is_said_has_no_control_characters(text: str) -> None:
    """A name that PX gives cannot forge a line of the log or turn its colours on."""
    said = str(TapError(text))
    assert said.isprintable() or not any(ord(one) < 32 or 127 <= ord(one) < 160 for one in said)
    assert len(said.splitlines()) <= 1


@pytest.mark.parametrize(
    "name",
    ["two\nlines", "\r2026-01-01 ERROR forged", "\x1b[31mred\x1b[0m", "\u202ereversed", "a\u2028b"],
)
def test_a_log_line_stays_one_line(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the logger: that of the tap, of the SDK, of the HTTP library."""
    hide(SECRET)
    for logger in ("tap_gainsight_px.any", "singer_sdk", "urllib3.connection"):
        logging.getLogger(logger).warning("stream %s is odd", name)
    lines = [record.getMessage() for record in caplog.records]
    assert len(set(lines)) == 1
    assert len(lines[0].splitlines()) == 1
    assert lines[0].isprintable()
    assert lines[0].startswith("stream ")
    assert lines[0].endswith(" is odd")


def test_a_traceback_in_the_log_keeps_its_lines_and_not_the_secret(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What a bug raises is printed too, with all that led to it."""
    hide(SECRET)
    error = ValueError(f"cannot use {SECRET}")
    error.__cause__ = KeyError(SECRET)
    logging.getLogger("any").error("bug with %s", SECRET, exc_info=error)
    assert "ValueError: cannot use ***" in caplog.text
    assert "KeyError" in caplog.text
    assert SECRET not in caplog.text
    assert json.dumps(SECRET) not in caplog.text


def test_a_line_without_secrets_is_left_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    """Handlers that look at the arguments or at the error still find them."""
    hide(SECRET)
    logging.getLogger("any").error("%s of %d", "one", 2, exc_info=ValueError("harmless"))
    (record,) = caplog.records
    assert record.args == ("one", 2)
    assert record.exc_info is not None


def test_a_line_whose_arguments_do_not_fit_is_logged_all_the_same(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Python would print them to standard error as they are."""
    hide(SECRET)
    logging.getLogger("any").warning("%d of %d", SECRET, "two")
    assert caplog.messages == ["%d of %d ('***', 'two')"]


@pytest.mark.parametrize(
    ("address", "kept", "hidden"),
    [
        ("http://me:pa55word@proxy.test:3128", "proxy.test:3128", "pa55word"),
        ("http://:pa55word@proxy.test", "proxy.test", "pa55word"),
        ("http://t0ken-123@proxy.test", "proxy.test", "t0ken-123"),
        ("socks5h://me:p%40ss%3Aw0rd@proxy.test", "proxy.test", "p@ss:w0rd"),
        ("me:pa55word@proxy.test:3128", "proxy.test", "pa55word"),
    ],
)
def test_the_password_of_an_address_is_hidden(address: str, kept: str, hidden: str) -> None:
    """Proxies are given with theirs in the environment."""
    hide_address(address)
    try:
        assert kept in clean(f"cannot reach {address}")
        for text in (f"cannot reach {address}", f"the password is {hidden}"):
            assert hidden not in clean(text)
            assert quote(hidden, safe="") not in clean(text)
    finally:
        forget(hidden)


def test_the_password_of_any_address_is_hidden() -> None:
    """Also of one that nobody knew of, as an answer may name it."""
    assert clean("moved to https://me:pw@x.test/a@b") == "moved to https://***@x.test/a@b"


@pytest.mark.parametrize("address", ["", "http://", "http://[", "proxy.test", "http://proxy.test"])
def test_an_address_without_a_password_hides_nothing(address: str) -> None:
    """And one that is none is no crash."""
    hide_address(address)
    assert clean("http://proxy.test/") == "http://proxy.test/"


def test_a_short_secret_does_not_black_out_other_words() -> None:
    """Only where it stands alone."""
    hide("abcd")
    try:
        assert clean("abcd is not in abcde") == "*** is not in abcde"
    finally:
        forget("abcd")


def test_errors_hold_no_secret_at_all() -> None:
    """Neither their line nor what they are made of."""
    hide(SECRET)
    errors = [
        TapError(f"a {SECRET}"),
        SettingsError("b", f"c {SECRET}"),
        RefusedError("", path="/v1/x", status=400, api_message=SECRET, advice=f"d {SECRET}"),
    ]
    for error in errors:
        error.during(f"stream {SECRET}")
        said = [str(error), repr(error), repr(vars(error)), *traceback.format_exception(error)]
        assert not [text for text in said if SECRET in text or repr(SECRET) in text]
