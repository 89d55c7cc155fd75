"""Runs the tap against a sandbox within this process, and keeps its messages digit for digit."""

from __future__ import annotations

import io
import json
import signal
from contextlib import contextmanager, redirect_stdout, suppress
from copy import deepcopy
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from singer_sdk.singerlib.encoding.simple import SimpleSingerWriter

from tap_gainsight_px.errors import TapError
from tap_gainsight_px.tap import TapGainsightPx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from px_sandbox import SandboxServer

Json = dict[str, Any]


@dataclass
class Run:
    """What one run of the tap wrote."""

    messages: list[Json]
    error: TapError | None = None

    def of(self, kind: str, stream: str | None = None) -> list[Json]:
        """Return the messages of one type, of one stream or of all."""
        return [
            one
            for one in self.messages
            if one["type"] == kind and stream in (None, one.get("stream"))
        ]

    def records(self, stream: str) -> list[Json]:
        """Return the records of a stream in the order in which they were written."""
        return [one["record"] for one in self.of("RECORD", stream)]

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
        states = self.of("STATE")
        value: Json = states[-1]["value"] if states else {}
        return value

    def bookmark(self, stream: str) -> Json:
        """Return what the last STATE holds of one stream."""
        found: Json = self.state.get("bookmarks", {}).get(stream, {})
        return found


def config(sandbox: SandboxServer, **settings: Any) -> Json:
    """Return a configuration that reads from a sandbox as fast as it may."""
    return {
        "api_key": sandbox.api_key,
        "api_url": sandbox.url,
        "requests_per_second": 200,
        **settings,
    }


def discover(sandbox: SandboxServer, **settings: Any) -> Json:
    """Return the catalog as `--discover` prints it."""
    with _signals_kept():
        tap = TapGainsightPx(config=config(sandbox, **settings), parse_env_config=False)
    catalog: Json = json.loads(json.dumps(tap.catalog_dict))
    tap.finish()
    return catalog


def names_of(catalog: Json) -> list[str]:
    """Return the names of a catalog's streams."""
    return [entry["tap_stream_id"] for entry in catalog["streams"]]


def entry_of(catalog: Json, stream: str) -> Json:
    """Return a stream's entry of a catalog."""
    found: Json = next(one for one in catalog["streams"] if one["tap_stream_id"] == stream)
    return found


def properties_of(catalog: Json, stream: str) -> Json:
    """Return the properties of a stream's schema in a catalog."""
    found: Json = entry_of(catalog, stream)["schema"]["properties"]
    return found


def root(entry: Json) -> Json:
    """Return the metadata of a catalog entry as a whole."""
    found: Json = next(one["metadata"] for one in entry["metadata"] if not one["breadcrumb"])
    return found


def select(catalog: Json, *streams: str) -> Json:
    """Select these streams of a catalog and no other; all where none is named."""
    for entry in catalog["streams"]:
        root(entry)["selected"] = not streams or entry["tap_stream_id"] in streams
    return catalog


def sync(
    sandbox: SandboxServer,
    *streams: str,
    state: Json | None = None,
    catalog: Json | None = None,
    by_sdk: bool = False,
    **settings: Any,
) -> Run:
    """Sync some streams by the sandbox's clock; an error of the tap's is kept, not raised.

    Args:
        sandbox: The server; its log of requests begins anew after discovery.
        streams: What to read; all streams where none is named.
        state: STATE of an earlier run.
        catalog: Catalog with a selection; discovered if not given.
        by_sdk: Write with the SDK's own writer, so that each record goes through the SDK.
        settings: Settings of the tap.
    """
    catalog = catalog or select(discover(sandbox, **settings), *streams)
    sandbox.requests.clear()
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")
    error = None
    with redirect_stdout(stdout), _signals_kept():
        try:
            tap = TapGainsightPx(
                clock=sandbox.world.clock.now_ms,
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
    return Run(messages_in(binary.getvalue().decode()), error)


def sync_each(sandbox: SandboxServer, *streams: str, **options: Any) -> Run:
    """Sync each stream in a run of its own; return the runs' messages as those of one run.

    What is wrong with one stream then shows in the tests of that stream, and in no others.
    """
    catalog = discover(sandbox)
    runs = [
        sync(sandbox, catalog=select(catalog, stream), **options)
        for stream in streams or names_of(catalog)
    ]
    errors = (run.error for run in runs)
    return Run([one for run in runs for one in run.messages], next(filter(None, errors), None))


def messages_in(text: str) -> list[Json]:
    """Read messages, every number with its digits."""
    # Not `splitlines`: a record may hold other line separators, such as U+2028.
    return [json.loads(line, parse_float=Decimal) for line in text.split("\n") if line]


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Take back the signal handlers that a tap installs."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
