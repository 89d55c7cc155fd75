"""Draws worlds that change from run to run, and how the pipe that reads them is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from px_sandbox import KINDS
from tests.contract.facts import DEFINITIONS, EVENT_STREAMS, fields_of
from tests.e2e.odd_values import (
    ATTRIBUTE_TYPES,
    Fact,
    anything,
    names,
    objects,
    of_fact,
    pieces,
    some_of,
)
from tests.tap.worlds import DAY, NOW

Json = dict[str, Any]
Path = tuple[str, ...]

MODELS = {"users": "user_attributes", "accounts": "account_attributes"}
_EVENT_NAMES = ("clicked", "Ünï 東京 — exported!", "x" * 80, "a b", "😀", 'Report "exported"')
# Streams that are read together; each holds its records under a key of its own.
_GROUPS: tuple[tuple[str, ...], ...] = (
    ("users",),
    ("accounts",),
    ("users", "accounts"),
    ("custom_events",),
    *((name,) for name in EVENT_STREAMS if name != "custom_events"),
    ("engagements", "engagements_extended"),
    ("features", "features_extended"),
    ("segments", "articles", "kc_bots"),
    ("subscription_users", "integrations"),
    ("user_attributes", "account_attributes"),
)
EVENT_TABLES = ("custom_events", "custom_events")


@dataclass
class Step:
    """What happens in PX before one run."""

    records: dict[str, list[Json]]
    deleted: dict[str, list[str]] = field(default_factory=dict)
    attributes: dict[str, list[tuple[str, str]]] = field(default_factory=dict)


@dataclass
class Plan:
    """A world over several runs, and the settings of tap and loader."""

    streams: tuple[str, ...]
    event_names: list[str]
    steps: list[Step]
    deselected: set[Path]
    page_size: int
    by_sdk: bool
    keeps_catalog: bool
    validates: bool
    batches: bool = False


def kind_of(stream: str) -> str:
    """Return the kind whose records a stream shows."""
    return KINDS[stream].base or stream


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw a world, its changes and its settings."""
    streams = draw(st.sampled_from([*_GROUPS, *[EVENT_TABLES] * 6]))
    event_names: list[str] = []
    if streams is EVENT_TABLES:
        streams = ("custom_events",)
        event_names = draw(
            st.lists(st.sampled_from(_EVENT_NAMES), min_size=1, max_size=2, unique=True)
        )
    runs = draw(st.integers(2, 4))
    attributes = draw(st.dictionaries(names, st.sampled_from(_VALUES), max_size=6))
    steps: list[Step] = []
    for run in range(runs):
        step = Step({})
        for kind in dict.fromkeys(kind_of(stream) for stream in streams):
            fields = {
                name: fact
                for stream in streams
                if kind_of(stream) == kind
                for name, fact in fields_of(stream).items()
                # PX does not show who was seen after the moment asked for.
                if name != "lastSuccessfulLoginTimestamp"
            }
            step.records[kind] = draw(
                _records(
                    kind=kind,
                    fields=fields,
                    run=run,
                    event_names=event_names,
                    attributes=attributes,
                )
            )
            if run and KINDS[kind].time is None:
                known = [str(one[str(KINDS[kind].key)]) for one in steps[-1].records[kind]]
                changed = {one[str(KINDS[kind].key)] for one in step.records[kind]}
                step.deleted[kind] = [
                    one for one in known[:1] if one not in changed and draw(st.booleans())
                ]
            if kind in MODELS:
                step.attributes[MODELS[kind]] = draw(_attributes)
        steps.append(step)
    return Plan(
        streams,
        event_names,
        steps,
        draw(_paths(streams)),
        page_size=draw(st.sampled_from([1000, 1, 3])),
        by_sdk=draw(st.booleans()),
        keeps_catalog=draw(st.booleans()),
        validates=draw(st.booleans()),
        batches=not draw(st.integers(0, 4)),
    )


# What stands where a key belongs, or behind it: no index of Postgres holds one so long.
_NO_KEYS = (None, "", "".join(str(number * 7_919 % 10_007) for number in range(2_000)))
_VALUES: tuple[Fact, ...] = (
    {"type": "string"},
    {"type": "number"},
    {"type": "integer"},
    {"type": "boolean"},
    {"type": "array", "items": {"type": "string"}},
    {"type": "object", "free_form": True},
)
_attributes = st.lists(
    st.tuples(names, st.sampled_from(sorted(ATTRIBUTE_TYPES))),
    max_size=4,
    unique_by=lambda one: one[0],
)


@st.composite
def _records(
    draw: st.DrawFn,
    *,
    kind: str,
    fields: dict[str, Fact],
    run: int,
    event_names: list[str],
    attributes: dict[str, Fact],
) -> list[Json]:
    definition = KINDS[kind]
    assert definition.key is not None
    is_event = definition.time is not None and not definition.unique
    made = []
    for number in range(draw(st.integers(0 if run else 1, 4))):
        record: Json = draw(some_of(fields))
        if kind in MODELS or event_names:
            name = "customAttributes" if kind in MODELS else "attributes"
            record[name] = draw(_attribute_values(attributes))
        if event_names:
            # See `test_a_field_that_px_makes_up_is_no_attribute`.
            record = {
                name if name in fields else f"made up {name}": value
                for name, value in record.items()
            }
            record["eventName"] = draw(st.sampled_from(event_names))
        # Users, accounts and listings change; an event has happened.
        fresh = is_event or not draw(st.booleans())
        suffix = draw(pieces) if fresh else ""
        record[definition.key] = f"k{run if fresh else 0}-{number}{suffix}"
        if fresh and not draw(st.integers(0, 9)):
            odd = draw(st.sampled_from(_NO_KEYS))
            record[definition.key] = f"{record[definition.key]}{odd}" if odd else odd
        if definition.time is not None:
            record[definition.time] = NOW + run * DAY - DAY // 2 + number
        made.append(record)
    return made


@st.composite
def _attribute_values(draw: st.DrawFn, attributes: dict[str, Fact]) -> Any:
    values = {name: draw(of_fact(fact)) for name, fact in attributes.items() if draw(st.booleans())}
    return draw(st.one_of(*[st.just(values)] * 8, objects(names, anything, 4), anything))


@st.composite
def _paths(draw: st.DrawFn, streams: tuple[str, ...]) -> set[Path]:
    """Draw what is deselected: fields of the first stream, or fields of these."""
    kept = {"eventName", KINDS[streams[0]].key, KINDS[streams[0]].time}
    found: list[Path] = []
    for name, fact in fields_of(streams[0]).items():
        if name not in kept:
            found.append((name,))
            found += [(name, inner) for inner in DEFINITIONS.get(fact.get("ref", ""), {})]
    return set(draw(st.just([]) | st.lists(st.sampled_from(sorted(found)), max_size=3)))
