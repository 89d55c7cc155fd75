"""How the program ends, whatever comes after its last line."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from tap_gainsight_px import __main__

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """Leave the handler of this process as it was."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("end", [SystemExit(143), KeyboardInterrupt()])
def test_an_interrupt_while_python_shuts_down_changes_no_exit_code(
    monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    """A runner sends its signal to the whole group, often more than once."""

    def run() -> None:
        raise end

    monkeypatch.setattr(__main__, "_run", run)
    with pytest.raises(SystemExit) as caught:
        __main__.main()
    assert caught.value.code == (130 if isinstance(end, KeyboardInterrupt) else 143)
    signal.raise_signal(signal.SIGINT)
