"""The real target-postgres, kept alive: it loads one file of messages after another.

Run by the Python of the loader's own environment, which knows nothing of this project. Starting
the loader takes two seconds, and its class lets itself be used many times in one process.

Reads an order as a line of JSON, `{"input": path, "settings": {…}}`, and answers with a line:
`{"states": […]}`, or `{"error": "…"}` where the program would have ended with a traceback.
"""

from __future__ import annotations

import io
import json
import sys
import traceback
from contextlib import redirect_stdout
from importlib import import_module
from pathlib import Path
from typing import Any

_LONGEST_ERROR = 2_000


def load(order: dict[str, Any]) -> dict[str, Any]:
    """Carry out one order, as the program does what its command line says."""
    target = import_module("target_postgres.target").TargetPostgres(config=order["settings"])
    states = io.StringIO()
    try:
        with Path(order["input"]).open(encoding="utf-8") as messages, redirect_stdout(states):
            target.listen(messages)
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller judges it
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"[:_LONGEST_ERROR]}
    finally:
        target.target_connector._engine.dispose()  # noqa: SLF001 - ended by the exit as a rule
    return {"states": [json.loads(line) for line in states.getvalue().splitlines()]}


def main() -> None:
    """Serve orders until there are no more."""
    answers = sys.stdout
    for line in sys.stdin:
        answers.write(json.dumps(load(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
