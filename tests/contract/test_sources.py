"""What dbt is told of the tables is made from the code, and is up to date."""

from __future__ import annotations

import yaml

from docs import sources
from tap_gainsight_px.catalog.streams import STREAMS
from tests.contract.facts import schema_of


def test_the_sources_of_the_dbt_package_are_up_to_date() -> None:
    """If not, `make docs` writes them anew."""
    assert sources.FILE.read_text(encoding="utf-8") == sources.sources()


def test_every_stream_is_a_source_with_all_its_columns() -> None:
    """Each with its description, and none that is not read by default has to be fresh."""
    (source,) = yaml.safe_load(sources.sources())["sources"]
    tables = {table["name"]: table for table in source["tables"]}
    assert list(tables) == [spec.name for spec in STREAMS]
    for spec in STREAMS:
        table = tables[spec.name]
        assert {one["name"]: one["description"] for one in table["columns"]} == {
            name: field["description"] for name, field in schema_of(spec.name)["properties"].items()
        }
        assert bool(table["config"]["freshness"]) == spec.selected_by_default
