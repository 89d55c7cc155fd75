"""How much memory rows take decides how far the tap reads ahead."""

from __future__ import annotations

from typing import Any

import pytest

from tap_gainsight_px.records.page import Lines, Row, held_bytes


def objects(count: int, text: str) -> list[Row]:
    """Make rows that are objects."""
    record: dict[str, Any] = {"eventId": "1", "attributes": {"text": text}}
    return [(0, "1", record)] * count


def lines(count: int, text: bytes) -> Lines:
    """Make rows that are still in one piece."""
    return Lines([0] * count, ["1"] * count, [text * count])


def test_nothing_takes_nothing() -> None:
    """An empty window holds up nobody."""
    assert held_bytes([]) == held_bytes(lines(0, b"")) == 0


@pytest.mark.parametrize("count", [1, 7, 8, 9, 5_000])
def test_rows_in_one_piece_take_their_text_and_what_stands_beside_it(count: int) -> None:
    """A date and a key for each."""
    assert held_bytes(lines(count, b"x" * 400)) == count * 600


@pytest.mark.parametrize("count", [1, 7, 8, 9, 5_000])
def test_a_few_objects_tell_for_all(count: int) -> None:
    """They take several times what their text does."""
    for size in (10, 10_000):
        taken = held_bytes(objects(count, "x" * size)) / count
        assert 5 * size < taken < 6 * size + 1_000
    assert held_bytes([(0, "1", b"x" * 400)] * count) == count * 600
