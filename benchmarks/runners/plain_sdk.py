"""The same stream as a plain `RESTStream` of the Singer SDK, as its tutorial would have it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from singer_sdk import RESTStream, Tap
from singer_sdk.pagination import BaseAPIPaginator

from tap_gainsight_px.catalog.schemas import load_schema

if TYPE_CHECKING:
    import requests

_PAGE_SIZE = 1000
_SCHEMA = load_schema("custom_events")


class Paginator(BaseAPIPaginator[Any]):
    """Walks a scroll through one window after another."""

    def __init__(self, windows: int) -> None:
        """Begin with the first window."""
        super().__init__((0, None))
        self._windows = windows

    def get_next(self, response: requests.Response) -> tuple[int, str | None] | None:
        """Go on in the scroll, or with the next window."""
        number, _ = self.current_value
        answer = response.json()
        if len(answer["customEvents"]) == _PAGE_SIZE:
            return number, answer["scrollId"]
        return (number + 1, None) if number + 1 < self._windows else None


class CustomEvents(RESTStream[Any]):
    """Custom events."""

    name = "custom_events"
    path = "/v1/events/custom"
    records_jsonpath = "$.customEvents[*]"
    primary_keys = ("eventId",)
    replication_key = "date"
    is_sorted = True

    @property
    def url_base(self) -> str:
        """Return the address of the API."""
        return str(self.config["api_url"])

    @property
    def http_headers(self) -> dict[str, str]:
        """Return the headers of every request."""
        return {"X-APTRINSIC-API-KEY": self.config["api_key"]}

    def get_new_paginator(self) -> Paginator:
        """Return a paginator for the whole sync."""
        return Paginator(len(self.config["windows"]))

    def get_url_params(
        self,
        context: Any,  # noqa: ARG002
        next_page_token: tuple[int, str | None] | None,
    ) -> dict[str, Any]:
        """Ask for a page of a window."""
        number, scroll_id = next_page_token or (0, None)
        start, end = self.config["windows"][number]
        params = {"pageSize": _PAGE_SIZE, "filter": f"date>={start};date<{end}"}
        return params if scroll_id is None else {**params, "scrollId": scroll_id}


class PlainTap(Tap):
    """One stream."""

    name = "tap-plain"
    config_jsonschema = {"type": "object", "properties": {}}  # noqa: RUF012

    def discover_streams(self) -> list[CustomEvents]:
        """Return the stream; the bookmark stays in epoch milliseconds."""
        date = {"type": ["integer", "null"]}
        schema = {**_SCHEMA, "properties": {**_SCHEMA["properties"], "date": date}}
        return [CustomEvents(self, schema=schema)]


PlainTap(config=json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))).sync_all()
