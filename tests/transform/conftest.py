"""A world in a database by the tap and a loader, and the marts that dbt makes of it.

`make transform` prepares in `.build` what they need. With `--warehouse=snowflake`, the database is
an imitation of Snowflake: `make snowflake` does so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.transform.warehouses import imitated_snowflake, postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.transform.warehouses import Warehouse


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the caller choose the database."""
    parser.addoption("--warehouse", choices=["postgres", "snowflake"], default="postgres")


@pytest.fixture(scope="session")
def warehouse(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    """Load the world, and let dbt build and test everything."""
    kinds = {"postgres": postgres, "snowflake": imitated_snowflake}
    with kinds[request.config.getoption("--warehouse")]() as made:
        made.dbt("build")
        yield made
