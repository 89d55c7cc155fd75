"""What the check makes of a server that plays in a way that the sandbox does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tap_gainsight_px.catalog.streams import STREAMS
from tap_gainsight_px.check.asker import Asker
from tap_gainsight_px.check.context import CheckContext, time_of
from tap_gainsight_px.check.dates import ask_people
from tap_gainsight_px.check.manners import ask_error
from tap_gainsight_px.check.report import Level
from tap_gainsight_px.errors import AnswerLostError
from tap_gainsight_px.settings import SETTINGS_SCHEMA, Settings
from tap_gainsight_px.timestamps import to_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tap_gainsight_px.api.transport import Params

NOW = 1_781_072_000_000
[USERS] = [spec for spec in STREAMS if spec.name == "users"]


def context(
    send: Callable[[str, Params], tuple[int, Mapping[str, str], bytes]],
) -> CheckContext:
    """Return what the probes share where requests are answered like this."""
    config: dict[str, Any] = {
        name: one.get("default") for name, one in SETTINGS_SCHEMA["properties"].items()
    }
    settings = Settings.from_config({**config, "api_key": "k3y"}, run_start=NOW)
    return CheckContext(Asker(send, "", lambda _: None, lambda: NOW), settings, [USERS])


def sort_result(plain: list[int], by_sort: list[int]) -> str:
    """Return what is told of a sort, from the dates that come without and with it."""

    def send(path: str, params: Params) -> tuple[int, Mapping[str, str], bytes]:
        del path
        dates = by_sort if "sort" in params else [] if "filter" in params else plain
        users = [{"aptrinsicId": str(date), "lastModifiedDate": date} for date in dates]
        return 200, {}, json.dumps({"users": users, "totalHits": 100}).encode()

    findings = list(ask_people(context(send), USERS))
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


@pytest.mark.parametrize(
    "written", [NOW, str(NOW), to_iso(NOW)], ids=["number", "number as text", "RFC 3339"]
)
def test_a_date_is_understood_as_a_sync_understands_it(written: int | str) -> None:
    """Else a filter that works would be said to be ignored."""
    assert time_of({"date": written}, "date") == NOW


@pytest.mark.parametrize("written", [None, 0, "", "yesterday", True])
def test_what_is_no_date_is_none(written: object) -> None:
    """Nor is 0, which stands for what is not set."""
    assert time_of({"date": written}, "date") is None


def test_a_wrong_request_that_nobody_answers_has_no_status() -> None:
    """And none is told."""

    def send(path: str, params: Params) -> tuple[int, Mapping[str, str], bytes]:
        del params
        message = "connection reset"
        raise AnswerLostError(message, path=path)

    [told] = ask_error(context(send), USERS)
    assert told.text.startswith("nothing answers to a pageSize that is no number")
    assert told.level is Level.NOTE
