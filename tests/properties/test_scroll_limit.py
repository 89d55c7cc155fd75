"""Fewer scrolls at once after a refusal, and slowly more again."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.api.scroll_limit import ScrollLimit
from tap_gainsight_px.errors import StoppedError
from tests.patience import PATIENCE
from tests.transport.wire import FakeTime


def full(_: float) -> None:
    """Stand for a wait that nobody would end."""
    message = "no scroll may be opened"
    raise StoppedError(message)


@given(
    most=st.integers(1, 64),
    steps=st.lists(st.one_of(st.just("refuse"), st.floats(0, 200)), max_size=40),
)
def test_as_many_are_open_as_are_allowed_and_no_more(most: int, steps: list[str | float]) -> None:
    """Between one and the most, whatever the server refuses and when."""
    time = FakeTime()
    limit = ScrollLimit(most, clock=time.clock, wait=full)
    for step in steps:
        if isinstance(step, str):
            limit.note_refusal()
        else:
            time.wait(step)
        with ExitStack() as scrolls:
            opened = 0
            while opened <= most:
                try:
                    scrolls.enter_context(limit.scroll())
                except StoppedError:
                    break
                opened += 1
            assert opened == limit.allowed
            assert 1 <= opened <= most


def test_workers_that_are_refused_together_halve_it_once() -> None:
    """They meet the same limit; one that is refused later meets the next."""
    time = FakeTime()
    limit = ScrollLimit(8, clock=time.clock, wait=full)
    for _ in range(6):
        limit.note_refusal()
    assert limit.allowed == 4
    time.wait(5)
    limit.note_refusal()
    assert limit.allowed == 2


def test_it_grows_by_one_a_minute() -> None:
    """Counted from the last refusal."""
    time = FakeTime()
    limit = ScrollLimit(4, clock=time.clock, wait=full)
    limit.note_refusal()
    allowed = []
    for _ in range(6):
        time.wait(30)
        with limit.scroll():
            allowed.append(limit.allowed)
    assert allowed == [2, 3, 3, 4, 4, 4]


def test_who_waits_goes_on_when_another_scroll_ends() -> None:
    """Also when that one ends in an error."""
    time = FakeTime()
    waiting, over = threading.Event(), threading.Event()

    def wait(_: float) -> None:
        waiting.set()
        assert over.wait(PATIENCE)

    limit = ScrollLimit(1, clock=time.clock, wait=wait)
    done: list[str] = []

    def work() -> None:
        with limit.scroll():
            done.append("second")

    worker = threading.Thread(target=work)
    with pytest.raises(ValueError, match="broken"), limit.scroll():  # noqa: PT012
        worker.start()
        assert waiting.wait(PATIENCE)
        assert done == []
        raise ValueError("broken")
    over.set()
    worker.join(PATIENCE)
    assert done == ["second"]
