"""What the check makes of sorts that a server plays in a way that the sandbox does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.check.asker import Asker
from tap_gainsight_px.check.context import CheckContext
from tap_gainsight_px.check.dates import ask_people
from tap_gainsight_px.settings import SETTINGS_SCHEMA, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_gainsight_px.api.transport import Params

NOW = 1_781_072_000_000
[USERS] = [spec for spec in STREAMS if spec.name == "users"]


def sort_result(plain: list[int], by_sort: list[int]) -> str:
    """Return what is told of a sort, from the dates that come without and with it."""

    def send(path: str, params: Params) -> tuple[int, Mapping[str, str], bytes]:
        del path
        dates = by_sort if "sort" in params else [] if "filter" in params else plain
        users = [{"aptrinsicId": str(date), "lastModifiedDate": date} for date in dates]
        return 200, {}, json.dumps({"users": users, "totalHits": 100}).encode()

    config: dict[str, Any] = {
        name: one.get("default") for name, one in SETTINGS_SCHEMA["properties"].items()
    }
    settings = Settings.from_config({**config, "api_key": "k3y"}, run_start=NOW)
    asker = Asker(send, "", lambda _: None, lambda: NOW)
    check = CheckContext(asker, settings, [USERS])
    findings = list(ask_people(check, USERS))
    [told] = [one for one in findings if one.topic == "last_modified_sort"]
    return str(told.details["result"])


@pytest.mark.parametrize(
    ("by_sort", "result"),
    [
        ([90, 80, 70], "works"),
        ([70, 80, 90], "ignored"),
        ([90, 70, 80], "ignored"),
        # In order, but of a page that was cut before it was sorted: a newer one is known.
        ([50, 40, 30], "ignored"),
        ([90, 90, 80], "accepted, no records to tell by"),
        ([], "accepted, no records to tell by"),
    ],
)
def test_a_sort_is_judged_by_its_order_and_by_the_newest_known(
    by_sort: list[int], result: str
) -> None:
    """An early stop is of use only where the newest of all come first."""
    assert sort_result([10, 60, 20], by_sort) == result
