"""The loader in its own environment, told step by step from here."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO

PROJECT = Path(__file__).resolve().parents[2]
PYTHON = PROJECT / ".build/target-snowflake/bin/python"

Json = dict[str, Any]


def shipped_settings() -> Json:
    """Return how `meltano.yml` sets the loader up."""
    loaders = yaml.safe_load((PROJECT / "meltano.yml").read_text(encoding="utf-8"))["plugins"]
    (loader,) = (one for one in loaders["loaders"] if one["name"] == "target-snowflake")
    return {one["name"]: one["value"] for one in loader["settings"] if "value" in one}


class StepError(AssertionError):
    """The process has ended; the message is the end of its log."""


class Process:
    """The process of `warehouse.py` or `loader.py`."""

    def __init__(self, steps: IO[str], answers: IO[str], log: Path) -> None:
        """Talk to a process that has been started."""
        self._steps, self._answers, self.log = steps, answers, log

    def ask(self, **step: Any) -> None:
        """Ask for one step and do not wait for it."""
        print(json.dumps(step), file=self._steps, flush=True)

    def answer(self) -> Any:
        """Wait for the answer to the next step that was asked for.

        Raises:
            StepError: There is none any more.
        """
        line = self._answers.readline()
        if not line:
            raise StepError(self.log.read_text(encoding="utf-8")[-4000:])
        return json.loads(line)

    def do(self, **step: Any) -> Any:
        """Do one step and return its answer."""
        self.ask(**step)
        return self.answer()


@contextmanager
def warehouse(module: str, folder: Path, settings: Mapping[str, Any]) -> Iterator[Process]:
    """Start a process in a folder of its own; it ends with the block.

    Args:
        module: `loader` for the imitation, `warehouse` for a real account.
        folder: Where its configuration and its log go.
        settings: Those of the loader.
    """
    config, log = folder / "config.json", folder / "log"
    config.touch(mode=0o600)
    config.write_text(json.dumps(settings), encoding="utf-8")
    with (
        log.open("w", encoding="utf-8") as errors,
        subprocess.Popen(
            [PYTHON, "-m", f"tests.snowflake.{module}", config],
            cwd=folder,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        try:
            yield Process(process.stdin, process.stdout, log)
        finally:
            process.stdin.close()
