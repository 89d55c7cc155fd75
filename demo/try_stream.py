"""`make try STREAM=users`: one stream against the sandbox, with debug logs and its first messages.

The logs go to standard error, the messages to standard output, each cut to the width of a screen.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from px_sandbox import SandboxServer, World, WorldPlan

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PROJECT = Path(__file__).resolve().parent.parent
_WIDTH = 200
# All that the tap and the HTTP client log; not what the SDK says of each field.
_LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": "DEBUG", "handlers": ["stderr"]},
    "loggers": {"singer_sdk.singerlib.catalog": {"level": "INFO"}},
}
_TAP = (sys.executable, "-m", "tap_gainsight_px")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read one stream and return the tap's exit code."""
    parser = argparse.ArgumentParser(prog="make try STREAM=…", description=__doc__)
    parser.add_argument("stream")
    parser.add_argument("--messages", type=int, default=10, help="how many to print (default: 10)")
    parser.add_argument("--config", type=json.loads, default={}, help="more settings, as JSON")
    parser.add_argument("--misbehave", type=json.loads, help="faults, as px-sandbox takes them")
    given = parser.parse_args(arguments)
    world = World.generated(WorldPlan(anchor_ms=World().clock.now_ms()))
    with (
        SandboxServer(world, misbehave=given.misbehave) as sandbox,
        tempfile.TemporaryDirectory(prefix="px-try-") as folder,
    ):
        config = {"api_key": sandbox.api_key, "api_url": sandbox.url, **given.config}
        return read_stream(Path(folder), config, given.stream, given.messages)


def read_stream(folder: Path, config: dict[str, Any], stream: str, messages: int) -> int:
    """Discover, select the stream, read it, and print its first messages.

    Args:
        folder: Where the configuration and the catalog are written.
        config: Configuration of the tap.
        stream: Name of the stream.
        messages: How many messages to print.
    """
    config_file, catalog_file = folder / "config.json", folder / "catalog.json"
    logging_file = folder / "logging.yaml"
    logging_file.write_text(json.dumps(_LOGGING), encoding="utf-8")
    config_file.write_text(json.dumps(config), encoding="utf-8")
    command = [*_TAP, "--config", str(config_file)]
    found = subprocess.run(
        [*command, "--discover"], cwd=PROJECT, stdout=subprocess.PIPE, check=True
    )
    catalog = json.loads(found.stdout)
    names = [entry["tap_stream_id"] for entry in catalog["streams"]]
    if stream not in names:
        print(f"There is no stream {stream}; there are: {', '.join(names)}", file=sys.stderr)
        return 1
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if not metadata["breadcrumb"]:
                metadata["metadata"]["selected"] = entry["tap_stream_id"] == stream
    catalog_file.write_text(json.dumps(catalog), encoding="utf-8")
    with subprocess.Popen(
        [*command, "--catalog", str(catalog_file)],
        cwd=PROJECT,
        env={**os.environ, "SINGER_SDK_LOG_CONFIG": str(logging_file)},
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as tap:
        print_messages(tap.stdout or (), messages)
    return tap.returncode


def print_messages(lines: Iterable[str], most: int) -> None:
    """Print the first messages, and how many of which type there were."""
    counts: Counter[str] = Counter()
    for number, line in enumerate(lines):
        counts[json.loads(line)["type"]] += 1
        if number < most:
            text = line.rstrip("\n")
            print(text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…", flush=True)
    print(", ".join(f"{count:,} {kind}" for kind, count in counts.items()) or "no messages")


if __name__ == "__main__":
    sys.exit(main())
