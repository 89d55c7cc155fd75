"""Writes Singer messages to standard output as bytes, many records at a time."""

from __future__ import annotations

import sys

from singer_sdk.singerlib.encoding.base import GenericSingerWriter
from singer_sdk.singerlib.encoding.simple import Message, RecordMessage
from singer_sdk.singerlib.json import serialize_json

from tap_gainsight_px.errors import OutputError
from tap_gainsight_px.redaction import clean

_MOST_HELD_BYTES = 256 * 1024


class PageWriter(GenericSingerWriter[bytes, Message]):
    """Holds records back until there are enough of them, or another message follows.

    The SDK's own writer flushes after each line. Here records are flushed when more of them
    have to be waited for, and any other message flushes what stands before it.
    """

    def __init__(self) -> None:
        """Start with nothing held."""
        super().__init__()
        self._held: list[bytes] = []
        self._size = 0

    def serialize_message(self, message: Message) -> bytes:
        """Return a message as one line of JSON."""
        return serialize_json(message.to_dict()).encode() + b"\n"

    def write_message(self, message: Message) -> None:
        """Write one message; a RECORD may be held for a while."""
        self.write_lines(self.format_message(message))
        if not isinstance(message, RecordMessage):
            self.flush()

    def write_lines(self, lines: bytes) -> None:
        """Write whole RECORD messages; they may be held for a while."""
        self._held.append(lines)
        self._size += len(lines)
        if self._size >= _MOST_HELD_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand everything that is held to the target.

        Raises:
            OutputError: It cannot be written.
        """
        if not self._held:
            return
        held = self._held[0] if len(self._held) == 1 else b"".join(self._held)
        self._held.clear()
        self._size = 0
        write_output(held)


def write_text(text: str) -> None:
    """Write a text that is no Singer message to standard output, without any secret in it.

    Raises:
        OutputError: It cannot be written.
    """
    write_output(f"{clean(text, lines=True)}\n".encode())


def write_output(lines: bytes) -> None:
    """Write whole lines to standard output at once.

    Raises:
        OutputError: They cannot be written.
    """
    try:
        # Looked up each time, because tests put another one in its place.
        output = getattr(sys.stdout, "buffer", None)
        if output is None:
            sys.stdout.write(lines.decode())
        else:
            # Unbuffered (PYTHONUNBUFFERED), a write that a signal interrupts writes only a part.
            rest = memoryview(lines)
            while rest:
                rest = rest[output.write(rest) :]
        sys.stdout.flush()
    except BrokenPipeError as error:
        message = (
            "the target has closed the pipe: its own log says why. Run again with the last STATE"
        )
        raise OutputError(message) from error
    except OSError as error:
        message = (
            f"standard output cannot be written: {error.strerror or error}. Make room where it is "
            "kept, and run again with the last STATE"
        )
        raise OutputError(message) from error
