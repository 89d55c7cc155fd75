"""Hand-made records of every kind: full, sparse, null, huge, and with more than is documented."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from px_sandbox import KINDS, ManualClock, World
from tests.contract.facts import DEFINITIONS, STREAM_FACTS, fields_of
from tests.streams.truth import DAY
from tests.tap.worlds import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]

HUGE = 2**70
TEXT = 'Zoë „東京“ "quoted" \\ \u2028 😀\nsecond line \u0000'
FREE: Json = {
    "nested": {"list": [1, Decimal("2.50"), None, True, "é", {"deep": HUGE}], "": {}},
    "100%": Decimal("0.10"),
    "nothing": None,
}

# What tells one record of a kind from another, and the times that put it into a range.
KEYS = {name: kind.key for name, kind in KINDS.items() if kind.key is not None}
TIMES = {
    name: kind.time
    for name, kind in KINDS.items()
    if kind.time is not None and name not in {"users", "accounts"}
}
# The sandbox stores two views of the same thing as one record.
VIEWS = {"engagements": "engagements_extended", "features": "features_extended"}

# What the API lists: neither a view, nor what is asked for one by one.
LISTED = tuple(
    name
    for name, kind in KINDS.items()
    if name in STREAM_FACTS
    and kind.base is None
    and name not in {"subscription", "survey_metadata", "user_preferences", "user_denylist"}
)


def now() -> int:
    """Return the midnight (UTC) before the clock of these worlds in epoch milliseconds."""
    return NOW // DAY * DAY


def empty_world() -> World:
    """Make a world that holds nothing and stands still at `NOW`."""
    return World(ManualClock(NOW))


class Maker:
    """Makes one variant of a record: what stands in the fields of each type."""

    def __init__(
        self, *, text: Any, whole: Any, number: Any, flag: Any, moment: Any, free: Any, many: int
    ) -> None:
        """Say what stands for each type; `many` is the length of lists."""
        self._scalars = {"string": text, "integer": whole, "number": number, "boolean": flag}
        self._moment = moment
        self._free = free
        self._many = many

    def record(self, fields: dict[str, Json]) -> Json:
        """Make a record with all these documented fields."""
        return {name: self._value(fact) for name, fact in fields.items()}

    def _value(self, fact: Json) -> Any:
        if fact.get("epoch_ms"):
            return self._moment
        if fact.get("format") == "date-time":
            return "2024-02-29T12:00:00.5Z"
        if "ref" in fact:
            return self.record(DEFINITIONS[fact["ref"]])
        if fact["type"] == "array":
            return [self._value(fact["items"]) for _ in range(self._many)]
        if "additionalProperties" in fact:
            return {TEXT: self._value(fact["additionalProperties"]), "": None}
        return self._free if fact["type"] == "object" else self._scalars[fact["type"]]


def variants(fields: dict[str, Json]) -> dict[str, Json]:
    """Make one record of each variant."""
    moment = now() - 3 * DAY + 7
    full = Maker(
        text=TEXT,
        whole=7,
        number=Decimal("1.10"),
        flag=True,
        moment=moment,
        free=FREE,
        many=2,
    ).record(fields)
    huge = Maker(
        text="x" * 3_000,
        whole=HUGE,
        number=Decimal("-12345678901234567890.12345678900"),
        flag=False,
        moment=-1,
        free={"huge": -HUGE},
        many=1,
    ).record(fields)
    empty = Maker(text="", whole=0, number=0, flag=False, moment=0, free={}, many=0).record(fields)
    holes: Json = {
        name: [None, *value] if isinstance(value, list) else {} if isinstance(value, dict) else None
        for name, value in full.items()
    }
    more = {**full, "undocumented": FREE, "undocumentedToo": None, "undocumented 3": Decimal("5.0")}
    for value in more.values():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict) and inner is not FREE:
                inner["undocumented"] = [HUGE, {"a": None}]
    return {
        "full": full,
        "huge": huge,
        "empty": empty,
        "holes": holes,
        "null": dict.fromkeys(fields),
        "bare": {},
        "more": more,
    }


def records_of(kind: str) -> Iterable[Json]:
    """Make the records of one kind that the API lists, each with a key of its own."""
    fields = fields_of(kind) | fields_of(VIEWS.get(kind, kind))
    for number, (variant, record) in enumerate(variants(fields).items()):
        made = {**record, KEYS.get(kind, "id"): f"{kind} {variant}"}
        if kind == "users" and variant not in {"null", "bare"}:
            # What has to be escaped in a path.
            made["identifyId"] = f"{variant} ünï/cödé?a=b&c#d%2F+東京"
        if kind in {"users", "accounts"} and variant == "huge":
            made["lastModifiedDate"] = now() - 900 * DAY
        if kind in TIMES:
            made[TIMES[kind]] = now() - (number + 1) * DAY + 250 + number
        if kind == "engagement_collisions":
            del made["id"]
            made["engagementId"] = f"engagements {variant}"
        yield made


def subscription(variant: str) -> Json:
    """Make one variant of the one record of `subscription`."""
    return {**variants(fields_of("subscription"))[variant], "id": f"subscription {variant}"}


def rich_world() -> World:
    """Make a world with every variant of every kind, and something to tell about each."""
    world = empty_world()
    for kind in LISTED:
        world.put_many(kind, records_of(kind))
    world.put("subscription", subscription("more"))
    for engagement in world.records("engagements")[:2]:
        world.put("survey_metadata", {"engagementId": engagement["id"], "huge": HUGE, "né": [None]})
    for number, user in enumerate(world.records("users")[:-2]):
        if user.get("identifyId"):
            named = {"identifyId": user["identifyId"]}
            flags = {"surveys": number % 2 == 0, "trackUsage": None}
            world.put("user_preferences", {**named, **flags})
            world.put("user_denylist", {**named, "denied": None, "undocumented": FREE})
    return world


def named_world() -> World:
    """Make the same world, in which every feature has a name."""
    world = rich_world()
    for name in ("null", "bare"):
        world.delete("features", f"features {name}")
    return world
