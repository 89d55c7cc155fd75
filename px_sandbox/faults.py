"""The list of everything that can go wrong, each with its name and settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Stage = Literal["delay", "instead", "shape", "rows", "wire"]


@dataclass(frozen=True)
class Fault:
    """One kind of misbehaviour.

    Attributes:
        about: What the client sees.
        stage: ``delay`` before anything else; ``instead`` of an answer; ``shape`` of the right
            answer's JSON; which ``rows`` and counts it holds; how it goes over the ``wire``.
        loses_answer: The client cannot use the answer, so the scroll stays where it is.
        settings: Settings and their defaults.
    """

    about: str
    stage: Stage
    loses_answer: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)


FAULTS: dict[str, Fault] = {
    "latency": Fault(
        "answers late by ms, and up to jitter_ms more", "delay", settings={"ms": 50, "jitter_ms": 0}
    ),
    "hang": Fault(
        "no answer until the client gives up, or after seconds",
        "instead",
        loses_answer=True,
        settings={"seconds": 3600},
    ),
    "too_many_requests": Fault(
        "429 with Retry-After in seconds", "instead", loses_answer=True, settings={"retry_after": 1}
    ),
    "too_many_requests_date": Fault(
        "429 with Retry-After as HTTP date",
        "instead",
        loses_answer=True,
        settings={"retry_after": 1},
    ),
    "too_many_requests_bare": Fault("429 without Retry-After", "instead", loses_answer=True),
    "http_500": Fault("500 with a JSON error", "instead", loses_answer=True),
    "http_502": Fault("502 with an HTML page of a proxy", "instead", loses_answer=True),
    "http_503": Fault(
        "503, with Retry-After if retry_after is not null",
        "instead",
        loses_answer=True,
        settings={"retry_after": None},
    ),
    "http_598": Fault(
        "598 (read timeout of a proxy) with an HTML page", "instead", loses_answer=True
    ),
    "http_599": Fault(
        "599 (connect timeout of a proxy) with an HTML page", "instead", loses_answer=True
    ),
    "http_504": Fault("504 with an HTML page of a proxy", "instead", loses_answer=True),
    "key_revoked": Fault(
        "401 as for a wrong key; use with nth and times: null", "instead", loses_answer=True
    ),
    "bad_request": Fault("400 with a JSON error", "instead", loses_answer=True),
    "forbidden": Fault("403 as for a key without permission", "instead", loses_answer=True),
    "edge_forbidden": Fault(
        "403 with an HTML page of an edge in front of PX", "instead", loses_answer=True
    ),
    "scroll_expired": Fault(
        "status: the scroll has expired, and stays so",
        "instead",
        loses_answer=True,
        settings={"status": 404},
    ),
    "too_many_scrolls": Fault(
        "status: too many scroll contexts are open",
        "instead",
        loses_answer=True,
        settings={"status": 429},
    ),
    "redirect": Fault(
        "302 to location (default: this sandbox under another host name)",
        "instead",
        loses_answer=True,
        settings={"location": None},
    ),
    "no_content": Fault("204: nothing to tell", "instead", loses_answer=True),
    "html": Fault("200 with an HTML page", "instead", loses_answer=True),
    "empty_body": Fault("200 with no body", "instead", loses_answer=True),
    "list_instead_of_object": Fault("the answer wrapped in a list", "shape", loses_answer=True),
    "several_rows": Fault(
        "a single answer as a bare list of count rows, each with its number as row",
        "shape",
        settings={"count": 3},
    ),
    "records_key_missing": Fault("no records key in the answer", "shape", loses_answer=True),
    "records_not_a_list": Fault("the records key holds an object", "shape", loses_answer=True),
    "records_null": Fault("the records key holds null", "shape", loses_answer=True),
    "repeated_records": Fault(
        "the page begins with the last count records of the one before",
        "rows",
        settings={"count": 5},
    ),
    "duplicate_records": Fault(
        "the first count records of the page stand in it twice", "rows", settings={"count": 5}
    ),
    "lost_records": Fault(
        "count records are left out without a word", "rows", settings={"count": 5}
    ),
    "empty_page": Fault("a page without records; the next one goes on", "rows"),
    "unsorted": Fault("records in random order (decided at the first page)", "rows"),
    "filter_ignored": Fault("all records, whatever the filter (at the first page)", "rows"),
    "total_hits_too_high": Fault("totalHits is by too high", "rows", settings={"by": 10}),
    "total_hits_too_low": Fault("totalHits is by too low", "rows", settings={"by": 10}),
    "total_hits_capped": Fault("totalHits is at most cap", "rows", settings={"cap": 10_000}),
    "total_hits_missing": Fault("no totalHits", "rows"),
    "total_hits_growing": Fault("totalHits grows by with every page", "rows", settings={"by": 1}),
    "reset_before": Fault("connection reset (RST) before any byte", "wire", loses_answer=True),
    "reset_midway": Fault(
        "connection reset (RST) in the middle of the body", "wire", loses_answer=True
    ),
    "short_body": Fault("closed with Content-Length unmet", "wire", loses_answer=True),
    "truncated_json": Fault(
        "half of the JSON, framed as if it were whole", "wire", loses_answer=True
    ),
    "byte_order_mark": Fault("the right JSON after a byte order mark", "wire"),
    "control_character": Fault("a raw control character in the first text of the JSON", "wire"),
    "wrong_content_type": Fault("the right JSON as text/html", "wire"),
    "oversize_body": Fault(
        "the right JSON followed by blanks, bytes long in all",
        "wire",
        settings={"bytes": 64_000_000},
    ),
}
