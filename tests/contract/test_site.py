"""The pages that are made from the code are up to date, and the site holds all of them."""

from __future__ import annotations

import json
import re
from functools import cache

import pytest
import yaml

from docs import pages, site
from docs.tables import described
from tap_gainsight_px.catalog.streams import STREAMS
from tests.contract.facts import PROJECT, schema_of


@cache
def made() -> dict[str, str]:
    """Return what the code makes of each generated page and drawing."""
    return pages.pages()


def test_generated_pages_are_up_to_date() -> None:
    """If not, `make docs` writes them anew."""
    docs = PROJECT / "docs"
    stale = [path for path, text in made().items() if (docs / path).read_text("utf-8") != text]
    assert stale == []
    kept = {f"streams/{file.name}" for file in (docs / "streams").glob("*.md")}
    assert kept - {"streams/README.md"} <= made().keys()


@pytest.mark.parametrize("stream", [spec.name for spec in STREAMS])
def test_the_page_of_a_stream_has_all_its_fields_and_a_record(stream: str) -> None:
    """Names and descriptions are those of the schema file; the record is one that the tap emits."""
    page = made()[f"streams/{stream}.md"]
    for name, _, meaning in described(schema_of(stream)["properties"]):
        assert f"| {name}" in page
        assert meaning.replace("|", "\\|") in page
    record = json.loads(re.findall(r"```json\n(.*?)\n```", page, re.DOTALL)[0])
    assert record
    assert record.keys() <= schema_of(stream)["properties"].keys() | {"_unexpected"}


def test_the_drawing_of_the_layers_shows_every_module() -> None:
    """A module that `pyproject.toml` places in a layer has a box."""
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    contract = text.partition('containers = ["tap_gainsight_px"]')[2].partition("[[tool")[0]
    layers = re.findall(r'^  "(.+)",$', contract, re.MULTILINE)
    modules = {name.strip() for layer in layers for name in re.split("[|:]", layer)}
    assert len(modules) > 10
    assert {name for name in modules if f">{name}<" not in made()["drawings/layers.svg"]} == set()


def test_every_page_is_in_the_navigation() -> None:
    """A page that no menu leads to is found by nobody."""
    text = (PROJECT / "mkdocs.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"\S+\.md", str(yaml.safe_load(text)["nav"]).replace("'", " ")))
    places = {place.as_posix() for place in site.collect().values() if place.suffix == ".md"}
    assert listed == places


def test_links_of_a_page_lead_to_their_places_in_the_site() -> None:
    """README.md becomes index.md, docs/ becomes the root, and a file outside comes along."""
    page = PROJECT / "docs" / "start" / "meltano-postgres.md"
    text, files = site.rewritten(
        page, "[a](../../README.md#b) [c](../loading.md) [d](../../meltano.yml)"
    )
    assert text == "[a](../index.md#b) [c](../loading.md) [d](../files/meltano.yml.txt)"
    assert PROJECT / "meltano.yml" in files
