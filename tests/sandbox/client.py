"""What the tests of the sandbox share: a moment, records, and a plain HTTP client."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import requests

from px_sandbox.endpoints import ENDPOINTS
from tests.contract.facts import STREAM_FACTS
from tests.patience import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from px_sandbox import SandboxServer

NOW = 1_718_000_000_000
"""Monday 2024-06-10T06:13:20Z in epoch milliseconds: where the clock of the tests stands."""

DAY = 86_400_000
KEY_HEADER = "X-APTRINSIC-API-KEY"
CUSTOM = "/v1/events/custom"
LAST_WEEK = f"date>={NOW - 7 * DAY};date<={NOW}"


def event(identity: object, date_ms: int = NOW - 1000, **fields: Any) -> dict[str, Any]:
    """Return a custom event with only what the contract requires."""
    return {
        "eventId": str(identity),
        "identifyId": "ada@example.com",
        "propertyKey": "AP-1",
        "userType": "USER",
        "eventName": "login",
        "date": date_ms,
        **fields,
    }


def user(identity: object, modified_ms: int | None = NOW - 1000, **fields: Any) -> dict[str, Any]:
    """Return a user with only what the contract requires."""
    record = {
        "aptrinsicId": f"apt-{identity}",
        "identifyId": f"{identity}@example.com",
        "propertyKeys": ["AP-1"],
        **fields,
    }
    return record if modified_ms is None else {**record, "lastModifiedDate": modified_ms}


class Client:
    """Asks a sandbox; keeps nothing from one request to the next."""

    def __init__(self, sandbox: SandboxServer) -> None:
        """Ask ``sandbox`` with its key."""
        self.sandbox = sandbox

    def get(
        self, path: str, params: Any = None, *, key: str | None = "", timeout: float = PATIENCE
    ) -> requests.Response:
        """Return the raw answer; ``key=None`` sends no key."""
        headers = {} if key is None else {KEY_HEADER: key or self.sandbox.api_key}
        return requests.get(
            self.sandbox.url + path,
            params=params,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
        )

    def json(self, path: str, params: Any = None) -> Any:
        """Return the JSON of an answer that has to be 200."""
        answer = self.get(path, params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, params: Any = None, *, status: int = 400) -> str:
        """Return the message of an answer that has to be ``status``."""
        answer = self.get(path, params)
        assert answer.status_code == status, answer.text
        return message_of(answer)

    def pages(self, path: str, params: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield pages until one of them holds fewer records than asked for."""
        asked = dict(params)
        while True:
            page = self.json(path, asked)
            yield page
            if len(rows(page)) < params["pageSize"]:
                return
            asked["scrollId"] = page["scrollId"]

    def ids(self, path: str, params: Any = None) -> list[str]:
        """Return the event ids of one page."""
        return [row["eventId"] for row in rows(self.json(path, params))]


def message_of(answer: requests.Response) -> str:
    """Return the message of an error."""
    message: str = answer.json()["externalapierror"]["message"]
    return message


def rows(page: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the records of a page, whatever their key is."""
    found: list[dict[str, Any]] = next(value for value in page.values() if isinstance(value, list))
    return found


def streams_without_route() -> list[str]:
    """Return the documented streams whose call the sandbox does not know."""
    return [
        f"{name}: {fact['path']}"
        for name, fact in STREAM_FACTS.items()
        if not any(_serves(endpoint.path, fact["path"]) for endpoint in ENDPOINTS)
    ]


def _serves(route: str, path: str) -> bool:
    pairs = list(zip_longest(route.split("/"), path.split("/")))
    # One call serves the attributes of both models, each of which is a stream.
    return all(mine in (theirs, "{type}") for mine, theirs in pairs)
