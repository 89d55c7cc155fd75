"""The filter grammar, the sort parameter, and the times they name."""

from __future__ import annotations

import operator
from datetime import datetime, timedelta, timezone
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from px_sandbox.errors import RefusedError
from px_sandbox.filters import OPERATORS, parse_filter, parse_sort, sort_bodies
from px_sandbox.stores import decode, encode
from px_sandbox.times import parse_time
from tests.sandbox.client import CUSTOM, LAST_WEEK, NOW, Client, event, user

if TYPE_CHECKING:
    from px_sandbox import World

RECORD: dict[str, Any] = {
    "name": "Ada Lovelace",
    "age": 36,
    "ratio": 0.5,
    "active": True,
    "nothing": None,
    "seen": 1_704_067_200_000,
    "location": {"city": "München"},
    "keys": ["A", "B"],
    "agents": [{"browser": "CHROME"}, {"browser": "FIREFOX"}],
}
WORDS = st.text(st.characters(codec="utf-8", exclude_characters=";=*?[]"), min_size=1).filter(
    lambda text: text == text.strip()
)


def holds(text: str, record: dict[str, Any] = RECORD) -> bool:
    """Say whether all terms of ``text`` hold for ``record``."""
    return all(term.matches(record) for term in parse_filter(text))


@pytest.mark.parametrize(
    "text",
    [
        "name==Ada Lovelace",
        "name==ADA LOVELACE",
        "name!=Grace",
        "name~ada*",
        "name~*L?velace",
        "name!~grace*",
        "age==36",
        "age>=36;age<37",
        "age>35.5",
        "ratio<=0.5",
        "active==true",
        "location.city==münchen",
        "keys==b",
        "agents.browser==firefox",
        "seen==2024-01-01",
        "seen>=2023-12-31T23:00:00-01:00;seen<2024-01-01T00:00:00.001Z",
        "nothing!=x",
        "missing!=x",
        "missing!~*",
    ],
)
def test_terms_that_hold(text: str) -> None:
    """Each operator, each type, nesting and lists: these match the record."""
    assert holds(text)


@pytest.mark.parametrize(
    "text",
    [
        "name==Ada",
        "name!=ada lovelace",
        "name~ada",
        "name!~*LOVE*",
        "age==35",
        "age>36",
        "age<thirty",
        "active==1",
        "location.city==Berlin",
        "keys==C",
        "keys!=A",
        "seen>2024-01-01",
        "nothing==null",
        "missing==x",
        "missing~*",
        "age==36;name==Grace",
    ],
)
def test_terms_that_do_not_hold(text: str) -> None:
    """Their opposites, and anything said of a field that is not there."""
    assert not holds(text)


@pytest.mark.parametrize(
    "text",
    ["", "name", "name=Ada", "name==", "==Ada", "a b==c", "name==a;", ";", "name===a", ".x==1"],
)
def test_malformed_terms_are_refused(text: str) -> None:
    """What is not field, operator and value is never ignored."""
    with pytest.raises(RefusedError, match="Malformed filter term"):
        parse_filter(text)


@given(WORDS, st.sampled_from(OPERATORS))
def test_any_value_without_a_semicolon_survives_parsing(value: str, op: str) -> None:
    """A term gives back the field, the operator and the value it was made of."""
    (term,) = parse_filter(f"location.city{op}{value}")
    assert (term.field, term.op, term.value) == ("location.city", op, value)


@given(st.integers(), st.integers(), st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
def test_numbers_compare_as_numbers(have: int, wanted: int, op: str) -> None:
    """Not as text: 9 is less than 10."""
    compare = {
        "==": operator.eq,
        "!=": operator.ne,
        "<": operator.lt,
        "<=": operator.le,
        ">": operator.gt,
        ">=": operator.ge,
    }[op]
    assert holds(f"age{op}{wanted}", {"age": have}) == compare(have, wanted)


@given(st.text("ab*?", min_size=1), st.text("ab"))
def test_wildcards_work_like_those_of_a_shell(pattern: str, value: str) -> None:
    """A star is any run of characters, a question mark exactly one; !~ is the opposite."""
    assert holds(f"name~{pattern}", {"name": value}) == fnmatchcase(value, pattern)
    assert holds(f"name!~{pattern}", {"name": value}) != fnmatchcase(value, pattern)


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001
    st.integers(-14 * 60, 14 * 60),
)
def test_iso_times_and_epoch_milliseconds_name_the_same_instant(
    naive: datetime, minutes: int
) -> None:
    """Offsets are honoured, and a time without one is UTC."""
    moment = naive.replace(microsecond=naive.microsecond // 1000 * 1000, tzinfo=timezone.utc)
    wanted = (moment - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(milliseconds=1)
    shifted = moment.astimezone(timezone(timedelta(minutes=minutes)))
    texts = [
        str(wanted),
        shifted.isoformat(timespec="milliseconds"),
        moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        moment.replace(tzinfo=None).isoformat(timespec="milliseconds"),
    ]
    assert [parse_time(text) for text in texts] == [wanted] * 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2024-1-1",
        "2024-13-01",
        "2024-01-01T25:00:00Z",
        "1.5",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_what_is_no_time_names_no_instant(text: str) -> None:
    """Nothing is guessed."""
    assert parse_time(text) is None


@given(st.lists(st.tuples(st.integers(0, 3), st.none() | st.sampled_from("ab"))))
def test_sorting_is_by_all_keys_and_stable(pairs: list[tuple[int, str | None]]) -> None:
    """Descending numbers, ascending text among equals, what lacks a value last."""
    bodies = [encode({"n": n, "t": t, "i": i}) for i, (n, t) in enumerate(pairs)]
    got = [decode(body)["i"] for body in sort_bodies(bodies, parse_sort("-n;t"))]
    assert got == sorted(
        range(len(pairs)), key=lambda i: (-pairs[i][0], pairs[i][1] is None, pairs[i][1] or "", i)
    )


@pytest.mark.parametrize("text", ["date;", "--date", "date desc", "date,name"])
def test_malformed_sorts_are_refused(text: str) -> None:
    """A sort that cannot be read is never ignored."""
    with pytest.raises(RefusedError, match="Malformed sort"):
        parse_sort(text)


def test_one_filter_is_and_several_are_or(world: World, client: Client) -> None:
    """Terms within a parameter all have to hold; one of several parameters is enough."""
    for identity, name in (("1", "login"), ("2", "logout"), ("3", "seat added")):
        world.put("custom_events", event(identity, eventName=name))
    both = {"filter": f"{LAST_WEEK};eventName==login;eventName==logout"}
    either = {"filter": [f"{LAST_WEEK};eventName==LOGIN", f"{LAST_WEEK};eventName~seat*"]}
    assert client.ids(CUSTOM, both) == []
    assert client.ids(CUSTOM, either) == ["1", "3"]


def test_each_of_several_filters_has_its_own_range_of_time(world: World, client: Client) -> None:
    """The alternatives' ranges do not melt into one, and no record is doubled by two of them."""
    for identity in range(6):
        world.put("custom_events", event(identity, NOW - identity * 1000))
    filters = [f"date>={NOW - 1000}", f"date>={NOW - 4000};date<{NOW - 2000}", f"date>={NOW}"]
    assert client.ids(CUSTOM, {"filter": filters}) == ["4", "3", "1", "0"]


def test_sorting_by_date_descending_reverses_a_scroll(world: World, client: Client) -> None:
    """The order holds across pages."""
    for identity in range(5):
        world.put("custom_events", event(identity, NOW - 100 + identity))
    pages = client.pages(CUSTOM, {"filter": LAST_WEEK, "sort": "-date", "pageSize": 2})
    assert [[row["eventId"] for row in page["customEvents"]] for page in pages] == [
        ["4", "3"],
        ["2", "1"],
        ["0"],
    ]


def test_a_plus_in_a_sort_means_ascending_encoded_or_not(world: World, client: Client) -> None:
    """An unencoded plus arrives as a blank."""
    for name in ("b", "c", "a"):
        world.put("users", user(name, firstName=name))
    for query in ("sort=+firstName", "sort=%2BfirstName", "sort=firstName"):
        page = client.json(f"/v1/users?{query}")
        assert [row["firstName"] for row in page["users"]] == ["a", "b", "c"]


def test_users_filter_on_nested_fields_and_modification(world: World, client: Client) -> None:
    """Open lists of fields go into depth; users without the date match no range."""
    world.put("users", user("old", NOW - 5000, customAttributes={"tier": "gold"}))
    world.put("users", user("new", NOW - 1000, customAttributes={"tier": "gold"}))
    world.put("users", user("never", None, customAttributes={"tier": "Gold"}))

    def found(text: str) -> set[str]:
        page = client.json("/v1/users", {"filter": text})
        assert page["totalHits"] == len(page["users"])
        return {row["aptrinsicId"].removeprefix("apt-") for row in page["users"]}

    assert found("customAttributes.tier==gold") == {"old", "new", "never"}
    assert found(f"lastModifiedDate>={NOW - 3000}") == {"new"}
    assert found(f"lastModifiedDate<{NOW}") == {"old", "new"}
    assert found(f"lastModifiedDate<{NOW};identifyId~o*") == {"old"}


@pytest.mark.parametrize(
    ("mode", "status", "count"), [("honoured", 200, 1), ("refused", 400, None), ("ignored", 200, 2)]
)
def test_the_filter_on_modification_can_be_honoured_refused_or_ignored(
    world: World, client: Client, mode: str, status: int, count: int | None
) -> None:
    """The documentation leaves it open, so a client has to cope with all three."""
    world.put_many("accounts", [{"id": str(n), "lastModifiedDate": NOW - n} for n in (1, 1000)])
    client.sandbox.misbehave({"last_modified_filter": mode})
    answer = client.get("/v1/accounts", {"filter": f"lastModifiedDate>={NOW - 10}"})
    assert answer.status_code == status
    assert answer.json().get("totalHits") == count
