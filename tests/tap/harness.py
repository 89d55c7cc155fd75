"""Runs the whole tap against a sandbox, within this process or as a program, and keeps its output.

Nothing here knows the tap's parts: only its command line, its class and what it writes.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager, redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib.encoding.simple import SimpleSingerWriter

from tap_gainsight_px.errors import TapError
from tap_gainsight_px.tap import TapGainsightPx
from tests.patience import killed_if_it_hangs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from px_sandbox import SandboxServer

PROJECT = Path(__file__).resolve().parents[2]
KEYS = {"users": "aptrinsicId", "accounts": "id", "custom_events": "eventId"}
BOOKMARKS = {"users": "lastModifiedDate", "accounts": "lastModifiedDate", "custom_events": "date"}

Json = dict[str, Any]


@dataclass
class Output:
    """What one run wrote."""

    messages: list[Json]
    error: TapError | None = None
    log: str = ""
    exit_code: int = 0
    text: str = field(default="", repr=False)

    def of(self, kind: str, stream: str | None = None) -> list[Json]:
        """Return the messages of one type, of one stream or of all."""
        return [
            one
            for one in self.messages
            if one["type"] == kind and stream in (None, one.get("stream"))
        ]

    def records(self, stream: str) -> list[Json]:
        """Return the records of a stream, in the order in which they were written."""
        return [one["record"] for one in self.of("RECORD", stream)]

    def keys(self, stream: str) -> list[str]:
        """Return the keys of a stream's records, in the order in which they were written."""
        return [one[KEYS[stream]] for one in self.records(stream)]

    @property
    def states(self) -> list[Json]:
        """Every STATE, in the order in which they were written."""
        return [one["value"] for one in self.of("STATE")]

    def bookmarks(self, stream: str) -> list[str]:
        """Return the bookmark of a stream in every STATE that has one."""
        found = [state["bookmarks"].get(stream, {}) for state in self.states]
        return [one["replication_key_value"] for one in found if "replication_key_value" in one]

    def values(self, stream: str, field: str) -> list[Any]:
        """Return one field of all records of a stream."""
        return [record.get(field) for record in self.records(stream)]

    @property
    def streams(self) -> set[str]:
        """Names of the streams that have records."""
        return {one["stream"] for one in self.of("RECORD")}

    @property
    def activated(self) -> dict[str, int]:
        """Streams whose version was activated, with the version."""
        return {one["stream"]: one["version"] for one in self.of("ACTIVATE_VERSION")}

    @property
    def state(self) -> Json:
        """The last STATE."""
        return self.states[-1] if self.states else {}

    def bookmark(self, stream: str) -> Json:
        """Return what the last STATE holds of one stream."""
        found: Json = self.state.get("bookmarks", {}).get(stream, {})
        return found

    def up_to_each_state(self) -> Iterator[tuple[Json, Output]]:
        """Yield every STATE with what had been written before it."""
        for number, message in enumerate(self.messages):
            if message["type"] == "STATE":
                yield message["value"], Output(self.messages[:number])


def as_sent(record: Json) -> Json:
    """Return a record of a BATCH file without what a loader puts beside those of RECORD lines."""
    return {name: value for name, value in record.items() if not name.startswith("_sdc_")}


def config(sandbox: SandboxServer, **settings: Any) -> Json:
    """Return a configuration that reads from a sandbox as fast as it may."""
    return {
        "api_key": sandbox.api_key,
        "api_url": sandbox.url,
        "requests_per_second": 200,
        **settings,
    }


def discovered(sandbox: SandboxServer, **settings: Any) -> Json:
    """Return the tap's catalog as `--discover` prints it."""
    with signals_kept():
        tap = TapGainsightPx(
            clock=sandbox.world.clock.now_ms,
            config=config(sandbox, **settings),
            parse_env_config=False,
        )
    catalog: Json = json.loads(json.dumps(tap.catalog_dict))
    tap.finish()
    return catalog


def discover(
    sandbox: SandboxServer, *selected: str, everything: bool = False, **settings: Any
) -> Json:
    """Return the tap's catalog with these streams selected and no other."""
    catalog = discovered(sandbox, **settings)
    for entry in catalog["streams"]:
        root(entry)["selected"] = everything or entry["tap_stream_id"] in selected
    return catalog


def root(entry: Json, *breadcrumb: str) -> Json:
    """Return the metadata of a catalog entry, or of one of its fields."""
    found = [one for one in entry["metadata"] if list(one["breadcrumb"]) == list(breadcrumb)]
    metadata: Json = found[0]["metadata"]
    return metadata


def entry_of(catalog: Json, stream: str) -> Json:
    """Return a stream's entry of a catalog."""
    found: Json = next(one for one in catalog["streams"] if one["tap_stream_id"] == stream)
    return found


def sync(
    sandbox: SandboxServer,
    *streams: str,
    state: Json | None = None,
    catalog: Json | None = None,
    by_sdk: bool = False,
    clock: Callable[[], int] | None = None,
    stopwatch: Callable[[], float] = time.monotonic,
    **settings: Any,
) -> Output:
    """Sync some streams within this process.

    Args:
        sandbox: The server; its log of requests begins anew after discovery.
        streams: What to read; all streams where none is named.
        state: STATE of an earlier run.
        catalog: Catalog with a selection; discovered if not given.
        by_sdk: Write with the SDK's own writer, so that each record goes through the SDK.
        clock: The host's clock, epoch milliseconds; that of the sandbox if not given.
        stopwatch: What `max_run_seconds` is measured by, seconds.
        settings: Settings of the tap.

    Returns:
        What was written, every number with its digits. An error of the tap's is kept, not raised.
    """
    catalog = catalog or discover(sandbox, *streams, everything=not streams, **settings)
    sandbox.requests.clear()
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
    error = None
    with redirect_stdout(stdout), signals_kept():
        try:
            tap = TapGainsightPx(
                clock=clock or sandbox.world.clock.now_ms,
                stopwatch=stopwatch,
                config=config(sandbox, **settings),
                state=deepcopy(state),
                catalog=catalog,
                parse_env_config=False,
                message_writer=SimpleSingerWriter() if by_sdk else None,
            )
            try:
                tap.sync_all()
            except TapError:
                with suppress(TapError):
                    tap.finish()
                raise
            tap.finish()
        except TapError as raised:
            error = raised
        stdout.flush()
    binary = stdout.buffer
    assert isinstance(binary, io.BytesIO)
    text = binary.getvalue().decode()
    return Output(messages_in(text), error, "", error.exit_code if error else 0, text)


def messages_in(text: str) -> list[Json]:
    """Read messages, every number with its digits."""
    # Not `splitlines`: a record may hold other line separators, such as U+2028.
    return [json.loads(line, parse_float=Decimal) for line in text.split("\n") if line]


class Program:
    """The tap as a program, with its files in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        """Use `folder` for configuration, STATE and catalog."""
        self.folder = folder

    def command(self, *options: str, **files: Any) -> list[str]:
        """Return the command line; every named value becomes a file given with that option."""
        command = [sys.executable, "-m", "tap_gainsight_px", *options]
        for name, content in files.items():
            if content is not None:
                path = self.folder / f"{name}.json"
                text = content if isinstance(content, str) else json.dumps(content)
                path.write_text(text, encoding="utf-8")
                command += [f"--{name}", str(path)]
        return command

    def run(self, *options: str, env: dict[str, str] | None = None, **files: Any) -> Output:
        """Run the tap to its end."""
        done = subprocess.run(  # noqa: S603 - our own program
            self.command(*options, **files),
            capture_output=True,
            check=False,
            cwd=PROJECT,
            encoding="utf-8",
            env=environment(env),
        )
        return as_output(done.stdout, done.stderr, done.returncode)

    def start(self, *options: str, **files: Any) -> Running:
        """Start the tap."""
        log = self.folder / "log"
        with log.open("w", encoding="utf-8") as stderr:
            process = subprocess.Popen(  # noqa: S603
                self.command(*options, **files),
                cwd=PROJECT,
                encoding="utf-8",
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        return Running(process, log)


@dataclass
class Running:
    """A tap that is running, read the way a target reads it."""

    process: subprocess.Popen[str]
    log: Path
    text: str = ""

    def read_states(self, count: int) -> None:
        """Read until so many STATE messages have come."""
        stdout = self.process.stdout
        assert stdout is not None
        while count > 0 and (line := stdout.readline()):
            self.text += line
            count -= line.startswith('{"type":"STATE"')

    def send(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def close_pipe(self) -> None:
        """Read nothing more, as a target that has died."""
        assert self.process.stdout is not None
        self.process.stdout.close()

    def end(self) -> Output:
        """Read what is left and wait for the end, which has to come by itself."""
        with self.process, killed_if_it_hangs(self.process):
            if self.process.stdout and not self.process.stdout.closed:
                self.text += self.process.stdout.read()
        return as_output(self.text, self.log.read_text(encoding="utf-8"), self.process.returncode)


def as_output(stdout: str, stderr: str, exit_code: int) -> Output:
    """Read what a program wrote; a last line that was torn off counts as not written."""
    lines = [line for line in stdout.splitlines(keepends=True) if line.endswith("\n")]
    messages = [json.loads(line) for line in lines if line.startswith('{"type"')]
    return Output(messages, None, stderr, exit_code, stdout)


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Return the environment without settings of the tap's and without proxies."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TAP_GAINSIGHT_PX_") and not name.lower().endswith("_proxy")
    }
    return {**kept, **(extra or {})}


@contextmanager
def signals_kept() -> Iterator[None]:
    """Take back the signal handlers that a tap installs."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def doubled(keys: Iterable[str]) -> list[str]:
    """Return the keys that are there more than once."""
    return [key for key, times in Counter(keys).items() if times > 1]


def milliseconds(text: str) -> int:
    """Read a time as the tap writes it, by other means than the tap's own."""
    moment = datetime.fromisoformat(text.removesuffix("Z") + "+00:00")
    return round(moment.timestamp() * 1_000)


def plain(value: Any) -> Any:
    """Return a record with every time as epoch milliseconds, whoever has written it."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, str) and len(value) == 24 and value[10] == "T" and value[-1] == "Z":
        return milliseconds(value)
    return value


def by_key(stream: str, records: Iterable[Json]) -> dict[str, Json]:
    """Return records by their key, in a form in which output and truth can be compared."""
    return {one[KEYS[stream]]: plain(one) for one in records}
