"""Every line that leaves is whole, also when a signal interrupts the writing of it."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.output.message_writer import PageWriter

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Trickle(io.RawIOBase):
    """Takes a few bytes at a time, as an unbuffered pipe does when a signal arrives."""

    def __init__(self, most: int) -> None:
        """Take at most so many bytes with each write."""
        super().__init__()
        self.most = most
        self.taken = b""

    def write(self, data: Buffer, /) -> int:
        """Take the beginning of the data; return how much of it."""
        some = bytes(data)[: self.most]
        self.taken += some
        return len(some)


@given(lines=st.lists(st.binary(min_size=1, max_size=50), max_size=20), most=st.integers(1, 30))
def test_a_write_that_is_cut_short_is_gone_on_with(lines: list[bytes], most: int) -> None:
    """What the first write leaves over is written by the next one."""
    trickle = Trickle(most)
    stdout, sys.stdout = sys.stdout, io.TextIOWrapper(trickle, write_through=True)
    try:
        writer = PageWriter()
        for line in lines:
            writer.write_lines(line)
        writer.flush()
    finally:
        sys.stdout = stdout
    assert trickle.taken == b"".join(lines)
