"""What the tests of all streams do with catalogs and runs, beside `tests.tap.harness`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.tap.harness import Output, discovered, entry_of, root, sync

if TYPE_CHECKING:
    from px_sandbox import SandboxServer
    from tests.tap.harness import Json


def names_of(catalog: Json) -> list[str]:
    """Return the names of a catalog's streams."""
    return [entry["tap_stream_id"] for entry in catalog["streams"]]


def properties_of(catalog: Json, stream: str) -> Json:
    """Return the properties of a stream's schema in a catalog."""
    found: Json = entry_of(catalog, stream)["schema"]["properties"]
    return found


def select(catalog: Json, *streams: str) -> Json:
    """Select these streams of a catalog and no other; all where none is named."""
    for entry in catalog["streams"]:
        root(entry)["selected"] = not streams or entry["tap_stream_id"] in streams
    return catalog


def sync_each(sandbox: SandboxServer, *streams: str, **options: Any) -> Output:
    """Sync each stream in a run of its own; return the runs' messages as those of one run.

    What is wrong with one stream then shows in the tests of that stream, and in no others.
    """
    catalog = discovered(sandbox)
    runs = [
        sync(sandbox, catalog=select(catalog, stream), **options)
        for stream in streams or names_of(catalog)
    ]
    errors = (run.error for run in runs)
    return Output([one for run in runs for one in run.messages], next(filter(None, errors), None))
