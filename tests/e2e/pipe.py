"""The tap, real HTTP and the real loader over several runs, and where tables and truth differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from px_sandbox import KINDS
from tests.contract.facts import fields_of
from tests.e2e.odd_values import ATTRIBUTE_TYPES
from tests.e2e.odd_worlds import MODELS
from tests.e2e.oracle import Comparison, clean
from tests.e2e.rows import announced, column_types, identified, key_text, matched, truth, without
from tests.tap.harness import Output, discover, sync

if TYPE_CHECKING:
    from collections.abc import Iterator

    from px_sandbox import SandboxServer, World
    from tests.e2e.loader import Loader, Table
    from tests.e2e.odd_worlds import Json, Plan, Step

# Where `attributes` as a whole is deselected, their columns still hold them.
_COLUMNS_ONLY = "attributes, in columns alone"


def happen(world: World, step: Step) -> None:
    """Let all of a step happen in a world."""
    for kind, keys in step.deleted.items():
        for key in keys:
            world.delete(kind, key)
    for kind, records in step.records.items():
        for number, record in enumerate(records):
            # Two without a key are two.
            stand_in = f"without a key {world.clock.now_ms()} {number}"
            world.put(kind, record, key=record.get(str(KINDS[kind].key)) or stand_in)
    for kind, attributes in step.attributes.items():
        for record in world.records(kind):
            world.delete(kind, record["id"])
        for name, value_type in attributes:
            told = {"id": name, "apiName": name, "name": name, "type": value_type}
            world.put(kind, {**told, "origin": "CUSTOM"})


class Pipe:
    """The tap and the loader over the runs of one plan."""

    def __init__(self, plan: Plan, sandbox: SandboxServer, loader: Loader, schema: str) -> None:
        """Start without STATE and tables."""
        self._plan = plan
        self._sandbox = sandbox
        self._loader = loader
        self._schema = schema
        self._state: Json | None = None
        self._catalog: Json | None = None
        self._types: dict[str, dict[str, Json]] = {stream: {} for stream in MODELS}
        self._columns: dict[str, dict[str, str]] = {}
        self._output = Output([])
        self._known: dict[str, set[str]] = {stream: set() for stream in plan.streams}

    def run(self, step: Step) -> None:
        """Run tap and loader to their good end."""
        plan = self._plan
        options: Json = {
            "page_size": plan.page_size,
            "custom_event_streams": plan.event_names,
            "retry_timeout_seconds": 1,
        }
        if plan.batches:
            options["batch_config"] = {
                "encoding": {"format": "jsonl", "compression": "gzip"},
                "storage": {"root": self._loader.folder.as_uri()},
            }
        if self._catalog is None or not plan.keeps_catalog:
            self._catalog = discover(self._sandbox, everything=True, **options)
            self._choose(self._catalog)
        self._output = sync(
            self._sandbox,
            state=self._state,
            catalog=self._catalog,
            by_sdk=plan.by_sdk,
            **options,
        )
        assert self._output.error is None, self._output.error
        self._state = self._loader.load(
            self._output.text, self._schema, validate_records=plan.validates
        )
        for stream, kind in MODELS.items():
            for name, value_type in step.attributes.get(kind, ()):
                # A type once announced stays.
                self._types[stream].setdefault(clean(name), ATTRIBUTE_TYPES[value_type])

    def _choose(self, catalog: Json) -> None:
        """Select the plan's streams without what is deselected."""
        for entry in catalog["streams"]:
            name = entry["tap_stream_id"]
            chosen = name in self._plan.streams or name.startswith("custom_event_")
            for one in entry["metadata"]:
                path = tuple(one["breadcrumb"][1::2])
                if not path:
                    one["metadata"]["selected"] = chosen
                elif path in self._plan.deselected and one["metadata"]["inclusion"] == "available":
                    one["metadata"]["selected"] = False

    def differences(self) -> Iterator[str]:
        """Yield where tables and truth differ."""
        tables = self._loader.tables(self._schema)
        for stream in self._plan.streams:
            records = [self._trimmed(one) for one in truth(self._sandbox.world, stream)]
            facts = dict(fields_of(stream))
            if stream in MODELS:
                facts["customAttributes"] = {"type": "object", "fields": self._types[stream]}
            yield from self._table(stream, tables, records, facts)
        events = truth(self._sandbox.world, "custom_events") if self._plan.event_names else []
        for name in self._plan.event_names:
            records = [self._trimmed(one) for one in events if one.get("eventName") == name]
            stream = self._stream_of(name, tables)
            yield from self._table(stream, tables, records, fields_of("custom_events"))

    def _stream_of(self, event_name: str, tables: dict[str, Table]) -> str:
        """Return the stream that holds the events of a name: what it is called is the tap's."""
        for name, table in tables.items():
            names = {row["eventName"] for row in table.rows if name.startswith("custom_event_")}
            if clean(event_name) in names:
                return name
        return ""

    def _trimmed(self, record: Json) -> Json:
        """Return a record without what is deselected."""
        for path in self._plan.deselected:
            holder: Any = record
            for name in path[:-1]:
                holder = holder.get(name) if isinstance(holder, dict) else None
            if isinstance(holder, dict):
                taken = holder.pop(path[-1], None)
                if path == ("attributes",):
                    record[_COLUMNS_ONLY] = taken
        return record

    def _table(
        self, stream: str, tables: dict[str, Table], records: list[Json], facts: dict[str, Json]
    ) -> Iterator[str]:
        key = str(KINDS.get(stream, KINDS["custom_events"]).key)
        rows = identified(tables[stream], key) if stream in tables else {}
        keyed = {key_text(one[key]): one for one in records if one.get(key) not in {None, ""}}
        gone = self._known.setdefault(stream, set()) - keyed.keys()
        self._known[stream] |= keyed.keys()
        columns = self._attribute_columns(stream, tables.get(stream))
        sent = {one[key] for one in self._output.records(stream)}

        def compared(record: Json, row: Json) -> list[str]:
            sent_fields = without(without(record, key), _COLUMNS_ONLY)
            comparison = Comparison(sent_fields, without(row, key))
            attributes = record.get(_COLUMNS_ONLY, record.get("attributes"))
            values = attributes if isinstance(attributes, dict) else {}
            return [
                *comparison.fields(facts),
                *comparison.copies(clean(values), columns, all_there=row[key] in sent),
                *comparison.left(),
            ]

        for one, row in rows.items():
            is_marked = row.get("_sdc_deleted_at") is not None
            # A whole table that is empty all of a sudden proves nothing: no row is marked then.
            if is_marked != (one in gone) and (records or is_marked):
                yield f"{stream}: {one!r} is marked as deleted wrongly, or not marked"
        for one in keyed.keys() - rows.keys():
            yield f"{stream}: no row for {one!r}"
        for one in keyed.keys() & rows.keys():
            for difference in compared(keyed[one], rows[one]):
                yield f"{stream} {one!r}: {difference}"
        others = [row for one, row in rows.items() if one not in keyed.keys() | gone]
        without_key = [one for one in records if one.get(key) in {None, ""}]
        yield from matched(without_key, others, compared)

    def _attribute_columns(self, stream: str, table: Table | None) -> dict[str, tuple[str, Json]]:
        """Return the columns that the attributes of an event have had so far, with their types."""
        found = self._columns.setdefault(stream, {})
        if stream.startswith("custom_event_"):
            for message in self._output.of("SCHEMA", stream):
                found.update(announced(message))
        return column_types(found, table)
