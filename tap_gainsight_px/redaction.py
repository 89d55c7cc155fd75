"""No secret and no control character in what the tap says: errors, log lines and tracebacks.

What a server quotes is not known beforehand: the key may come back in a body, a header or an
address, and spelled as JSON, HTML or a URL spells it. So the finished text is cleaned,
whatever wrote it: `TapError` cleans its line, and `hide` puts itself behind every logger. (Python
has one factory of log records for all loggers. What a bug raises is printed by a logger as well,
which the SDK has put in place of the usual traceback.)
"""

from __future__ import annotations

import base64
import logging
import re
import threading
import traceback
from urllib.parse import unquote, urlsplit

_HIDDEN = "***"
# A word of a few letters is in many lines that have nothing to do with it.
_SHORTEST_SECRET = 4
_SHORTEST_INSIDE_A_WORD = 8

# The user and password of an address, known or not.
_USER_INFO = re.compile(r"(?<=://)[^/?#@\s\"'<>]*@")
# Line breaks, escape sequences of terminals, and what makes text run the other way.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")

_lock = threading.Lock()
_secrets: dict[str, re.Pattern[str]] = {}


def hide(*secrets: str) -> None:
    """Keep these secrets out of every error, log line and traceback from now on."""
    with _lock:
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                _secrets.setdefault(secret, _spellings(secret))
        _install()


def hide_address(address: str) -> None:
    """Hide the password in an address, or the user name where it stands alone (a token)."""
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
    except ValueError:
        return
    hide(password or user)
    if user or password:
        # As it is sent: `Proxy-Authorization: Basic …`.
        hide(base64.b64encode(f"{user}:{password}".encode()).decode())


def one_line(text: str) -> str:
    """Return text cleaned, with a space for each line break and each stretch of white space."""
    return clean(" ".join(text.split()))


def clean(text: str, *, lines: bool = False) -> str:
    """Return text without secrets, and with control characters written as escapes.

    Args:
        text: Anything.
        lines: Whether line breaks and tabs stay, as in a traceback.
    """
    for pattern in list(_secrets.values()):
        text = pattern.sub(_HIDDEN, text)
    text = _USER_INFO.sub(f"{_HIDDEN}@", text)
    return _CONTROLS.sub(_escape_but_lines if lines else _escape, text)


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


def _escape_but_lines(found: re.Match[str]) -> str:
    return found[0] if found[0] in "\n\t" else _escape(found)


def _spellings(secret: str) -> re.Pattern[str]:
    r"""Match a secret with each character as it is, or as `%3D`, `\u003d`, `\x3d` or `&#61;`."""
    pattern = "".join(map(_spelling, secret))
    if len(secret) < _SHORTEST_INSIDE_A_WORD:
        pattern = rf"(?<!\w){pattern}(?!\w)"
    return re.compile(pattern)


def _spelling(character: str) -> str:
    code = ord(character)
    percent = "".join(f"%(?:25)*(?i:{byte:02x})" for byte in character.encode())
    escapes = rf"\\+(?:u(?i:{code:04x})|x(?i:{code:02x}))"
    entity = rf"&(?:amp;)*#(?:0*{code}|[xX]0*(?i:{code:x}));"
    names = {'"': "&quot;", "&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&apos;"}
    # The longest first: `u` is also how `\\u0075` goes on.
    choices = [escapes, percent, entity, names.get(character, ""), rf"\\*{re.escape(character)}"]
    return f"(?:{'|'.join(filter(None, choices))})"


# Behind every logger


def _install() -> None:
    make = logging.getLogRecordFactory()
    if getattr(make, "cleans", False):
        return

    def make_clean(*args: object, **kwargs: object) -> logging.LogRecord:
        record = make(*args, **kwargs)
        _clean_record(record)
        return record

    make_clean.cleans = True  # type: ignore[attr-defined]
    logging.setLogRecordFactory(make_clean)


def _clean_record(record: logging.LogRecord) -> None:
    try:
        message = record.getMessage()
    except (KeyError, TypeError, ValueError):
        # Python would report arguments that do not fit, with all they hold.
        record.msg, record.args = f"{record.msg} {record.args}", ()
        message = record.msg
    if (cleaned := clean(message)) != message:
        record.msg, record.args = cleaned, ()
    if record.exc_info and record.exc_info[1] is not None:
        text = "".join(traceback.format_exception(record.exc_info[1])).rstrip("\n")
        if (cleaned := clean(text, lines=True)) != text:
            # A formatter that looks at the error itself would find what was just taken out.
            record.exc_text, record.exc_info = cleaned, None
