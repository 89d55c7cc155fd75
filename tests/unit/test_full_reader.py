"""Reading everything page by page: what has been handed on is not handed on again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tap_gainsight_px.reading.full_reader import FullReader
from tests.properties.scroll_api import ScrollApi, make_reader, run

if TYPE_CHECKING:
    from tap_gainsight_px.api.transport import Params


class Unfiltered(ScrollApi):
    """Answers with everything it has."""

    def _matching(self, params: Params) -> list[dict[str, Any]]:
        assert "filter" not in params
        return self.records


@pytest.mark.parametrize("dates", [(1_000, 2_000), (2_000, 1_000)], ids=["rising", "falling"])
def test_of_two_versions_on_a_page_the_later_one_is_handed_on(dates: tuple[int, int]) -> None:
    """Who changes while PX turns its pages may be on one of them twice, in whichever order."""
    records: list[dict[str, Any]] = [
        *({"eventId": f"other {date}", "date": date} for date in (500, 1_500, 2_500)),
        *({"eventId": "twice", "date": date} for date in dates),
    ]
    reader = make_reader(Unfiltered(records, iter(())), page_size=10, window_max_records=10)
    batches = run(FullReader(reader, lambda _: True, None).next_page)
    rows = [row for batch in batches for row in batch.rows]
    assert [row[:2] for row in rows] == [
        (500, "other 500"),
        (1_500, "other 1500"),
        (2_000, "twice"),
        (2_500, "other 2500"),
    ]
