"""Names that users typed become names that every loader takes, each of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.catalog.names import LONGEST, choose_names, folded, is_loadable

texts = st.text(max_size=90) | st.sampled_from(
    ["", " ", "xmin", "XMIN", "ctid", "_sdc_deleted_at", "plan", "Plan", "pl-an", '"', "a%b", "1a"]
)


@pytest.mark.parametrize(
    "name", ["plan", "Sign Up (UTC)", "a: b", "a:b", "ünï 東京", "_", "a.b", "x" * LONGEST]
)
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    """Who wrote it looks for it under this name."""
    assert choose_names({name: name}, kept={}, taken=()) == {name: name}


@pytest.mark.parametrize(
    "name",
    [
        *("", "xmin", "CTID", "tableoid", "x" * 64, "ä" * 32, 'a "b"', "100%", "_sdc_x", "😀"),
        *("\ud800", "plan :tier", ":é", ":"),
    ],
)
def test_a_name_that_a_loader_refuses_is_another_one(name: str) -> None:
    """Each was refused by a real loader or its database, or means something to it."""
    assert not is_loadable(name)
    (chosen,) = choose_names({name: name}, kept={}, taken=()).values()
    assert is_loadable(chosen)


@given(names=st.lists(texts, unique=True, max_size=12), taken=st.lists(texts, max_size=3))
def test_no_two_names_are_one_for_any_loader(names: list[str], taken: list[str]) -> None:
    """Whatever loaders fold away."""
    chosen = choose_names({name: name for name in names}, kept={}, taken=taken)
    assert list(chosen) == names
    used = {one for name in taken for one in folded(name)}
    for name in chosen.values():
        assert is_loadable(name)
        assert not folded(name) & used
        used |= folded(name)


@given(names=st.lists(texts, unique=True, min_size=1, max_size=8), later=texts)
def test_a_name_once_given_stays(names: list[str], later: str) -> None:
    """A name that comes later takes none from those before it."""
    kept = choose_names({name: name for name in names}, kept={}, taken=())
    again = choose_names({name: name for name in (later, *names)}, kept=kept, taken=())
    assert {name: again[name] for name in names} == kept
