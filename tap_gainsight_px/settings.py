"""The settings: their JSON schema for the SDK, and the frozen `Settings` the tap works with.

`config_checks` says what is wrong with a configuration; here it is only read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from singer_sdk import typing as th
from singer_sdk.helpers._packaging import get_package_version

from tap_gainsight_px.catalog.spec import HISTORY_DAYS, MAX_RANGE_DAYS
from tap_gainsight_px.timestamps import DAY, EARLIEST, floor_second, parse

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGE = "tap-gainsight-px"

# Data centres and their hosts, as the API's documentation lists them.
REGIONS = {
    "US": "https://api.aptrinsic.com",
    "EU": "https://api-eu.aptrinsic.com",
    "US2": "https://api-us2.aptrinsic.com",
}

CUSTOM = "custom"
"""What stands for the region in a report where `api_url` is set."""

# The API documents "about 200 requests a second".
_MOST_REQUESTS_PER_SECOND = 200
_LARGEST_PAGE = 1_000
_MOST_WORKERS = 64
# Within this time PX answers as a rule.
_USUAL_SECONDS = 0.2


def _whole(minimum: int, maximum: int | None = None) -> th.IntegerType:
    return th.IntegerType(minimum=minimum, maximum=maximum)


SETTINGS_SCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property(
        "api_key",
        th.StringType,
        required=True,
        secret=True,
        title="API key",
        description="REST API key with the Read permission "
        "(PX: Administration → REST API). Not the product key of the web tag.",
    ),
    th.Property(
        "region",
        th.StringType(allowed_values=list(REGIONS)),
        default="US",
        title="Region",
        description="Data centre of the subscription: US, EU or US2.",
    ),
    th.Property(
        "api_url",
        th.StringType,
        title="API URL",
        description="Base address instead of the region's own, for a proxy or the sandbox. "
        "A trailing /v1 is accepted.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Earliest event of a first sync, inclusive, UTC unless it has an offset. "
        "Default: all that PX keeps, 36 months before the end.",
    ),
    th.Property(
        "end_date",
        th.DateTimeType,
        title="End date",
        description="End of the sync, exclusive. Default: now.",
    ),
    th.Property(
        "first_sync",
        th.StringType(allowed_values=["oldest_first", "newest_first"]),
        default="oldest_first",
        title="First sync",
        description="Where a first sync of events begins: with the oldest (oldest_first), or with "
        "the latest days of all streams (newest_first), which every run then keeps up to date "
        "while older ones are filled in.",
    ),
    th.Property(
        "page_size",
        _whole(1, _LARGEST_PAGE),
        default=_LARGEST_PAGE,
        title="Page size",
        description="Records per page, cut to each endpoint's own maximum (1 to 1000).",
    ),
    th.Property(
        "window_days",
        _whole(1, MAX_RANGE_DAYS),
        default=MAX_RANGE_DAYS,
        title="Window days",
        description=f"Widest time window of one call, in days (1 to {MAX_RANGE_DAYS}, the API's "
        "limit).",
    ),
    th.Property(
        "window_max_records",
        _whole(1),
        default=10_000,
        title="Window max records",
        description="A window that holds more records is split into smaller ones.",
    ),
    th.Property(
        "lookback_seconds",
        _whole(0, 31_536_000),
        default=3_600,
        title="Lookback seconds",
        description="How far before the bookmark a sync starts again, "
        "for records that become visible late (at most a year).",
    ),
    th.Property(
        "full_read_days",
        _whole(0, 365),
        default=7,
        title="Full read days",
        description="How often users and accounts are read whole, in days, so that the loader "
        "marks or deletes those that PX no longer has (0 to 365; 0: never).",
    ),
    th.Property(
        "recheck_days",
        _whole(0, HISTORY_DAYS),
        default=30,
        title="Recheck days",
        description="How many past days of events each sync compares with PX by their counts, to "
        f"read again the days that have changed (0 to {HISTORY_DAYS}; 0: never).",
    ),
    th.Property(
        "max_workers",
        _whole(1, _MOST_WORKERS),
        default=8,
        title="Max workers",
        description="Windows read at once (1 to 64).",
    ),
    th.Property(
        "requests_per_second",
        _whole(1, _MOST_REQUESTS_PER_SECOND),
        default=100,
        title="Requests per second",
        description="Limit shared by all workers (1 to 200, the account's limit).",
    ),
    th.Property(
        "max_requests",
        _whole(1),
        title="Max requests",
        description="Stop in good order after so many requests in one run. Default: no limit.",
    ),
    th.Property(
        "max_run_seconds",
        _whole(1),
        title="Max run seconds",
        description="Stop in good order after so many seconds, waits included; the next run goes "
        "on. Default: no limit.",
    ),
    th.Property(
        "request_timeout_seconds",
        _whole(1, 3_600),
        default=120,
        title="Request timeout seconds",
        description="Longest time one request may take (1 to 3600).",
    ),
    th.Property(
        "retry_timeout_seconds",
        _whole(0, 86_400),
        default=900,
        title="Retry timeout seconds",
        description="How long one request is tried again before the run ends in good order "
        "(0 to 86400; 0: never).",
    ),
    th.Property(
        "custom_event_streams",
        th.ArrayType(th.StringType),
        default=[],
        title="Custom event streams",
        description="Names of custom events that each become a stream of their own, with their "
        "attributes as typed columns.",
    ),
    th.Property(
        "unknown_fields",
        th.StringType(allowed_values=["pass", "report"]),
        default="pass",
        title="Unknown fields",
        description="Fields that the schema does not know: pass them on (pass; in _unexpected as "
        "well, where loaders with columns find them), or leave them out and report each once by "
        "name (report).",
    ),
    th.Property(
        "accept_missing_records",
        th.BooleanType,
        default=False,
        title="Accept missing records",
        description="Let the bookmark pass records that PX counts but never gives, however often "
        "it is asked. STATE notes each stretch, and every later run warns of it.",
    ),
    th.Property(
        "skip_forbidden_streams",
        th.BooleanType,
        default=False,
        title="Skip forbidden streams",
        description="Leave out streams that the key may not read (403) and name them at the end, "
        "instead of failing.",
    ),
    th.Property(
        "emit_activate_version_messages",
        th.BooleanType,
        default=True,
        title="Emit ACTIVATE_VERSION",
        description="After a full table or a full reading (`full_read_days`), let the loader "
        "delete or mark the rows that are no longer in PX.",
    ),
    th.Property(
        "progress",
        th.StringType(allowed_values=["auto", "bar", "log", "none"]),
        default="auto",
        title="Progress",
        description="How a run shows how far it is: bar (on a terminal), log (lines of the log), "
        "none, or auto: bars where standard error is a terminal and standard output is not, else "
        "lines.",
    ),
    th.Property(
        "report_path",
        th.StringType,
        title="Report path",
        description="File that the report of the run is written to as JSON when it ends, however "
        "it ends. Default: none.",
    ),
    th.Property(
        "user_agent",
        th.StringType,
        title="User agent",
        description="User-Agent header. Default: the tap's name and version.",
    ),
).to_dict()


@dataclass(frozen=True)
class Settings:
    """The settings of one run, with all defaults filled in. Times in epoch milliseconds."""

    api_key: str = field(repr=False)
    api_url: str
    start: int
    given_start: int | None
    """`start` where the user has set it, None where it is the default."""
    end: int
    newest_first: bool
    """Whether a first sync begins with the latest days."""
    page_size: int
    window: int
    window_max_records: int
    lookback: int
    full_read_days: int
    recheck: int
    """How far back counts are compared, in milliseconds (whole days)."""
    max_workers: int
    requests_per_second: int
    max_requests: int | None
    max_run_seconds: int | None
    request_timeout_seconds: int
    retry_timeout_seconds: int
    drop_unknown_fields: bool
    accept_missing_records: bool
    skip_forbidden_streams: bool
    emit_activate_version_messages: bool
    progress: str
    """`auto`, `bar`, `log` or `none`."""
    report_path: str | None
    user_agent: str
    run_start: int

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, run_start: int) -> Settings:
        """Read a configuration in which `config_checks.find_errors` has found nothing wrong.

        Args:
            config: Raw configuration with the schema's defaults filled in.
            run_start: When this run began, epoch milliseconds.
        """
        given_start = config.get("start_date")
        start, end = sync_range(given_start, config.get("end_date"), run_start)
        return cls(
            api_key=config["api_key"].strip(),
            api_url=_api_url(config),
            start=start,
            given_start=None if given_start is None else start,
            end=end,
            newest_first=config["first_sync"] == "newest_first",
            page_size=config["page_size"],
            window=config["window_days"] * DAY,
            window_max_records=config["window_max_records"],
            lookback=config["lookback_seconds"] * 1_000,
            full_read_days=config["full_read_days"],
            recheck=config["recheck_days"] * DAY,
            max_workers=config["max_workers"],
            requests_per_second=config["requests_per_second"],
            max_requests=config.get("max_requests"),
            max_run_seconds=config.get("max_run_seconds"),
            request_timeout_seconds=config["request_timeout_seconds"],
            retry_timeout_seconds=config["retry_timeout_seconds"],
            drop_unknown_fields=config["unknown_fields"] == "report",
            accept_missing_records=config["accept_missing_records"],
            skip_forbidden_streams=config["skip_forbidden_streams"],
            emit_activate_version_messages=config["emit_activate_version_messages"],
            progress=config["progress"],
            report_path=(config.get("report_path") or "").strip() or None,
            user_agent=(config.get("user_agent") or "").strip()
            or f"{PACKAGE}/{get_package_version(PACKAGE)}",
            run_start=floor_second(run_start),
        )

    @property
    def windows_at_once(self) -> int:
        """How many windows are read side by side: no more than the limit on requests can use."""
        return min(self.max_workers, math.ceil(_USUAL_SECONDS * self.requests_per_second))

    @property
    def sends_key_in_the_clear(self) -> bool:
        """Whether the key would leave this machine unencrypted."""
        address = urlsplit(self.api_url)
        return address.scheme == "http" and not _is_loopback(address.hostname or "")


def sync_range(start_date: str | None, end_date: str | None, run_start: int) -> tuple[int, int]:
    """Return the start (inclusive) and end (exclusive) of a sync, epoch milliseconds.

    Args:
        start_date: The setting; None for as far back as PX keeps events.
        end_date: The setting; None for the start of the run, which it never passes.
        run_start: When this run began, epoch milliseconds.

    Raises:
        ValueError: A date is none.
    """
    now = floor_second(run_start)
    end = now if end_date is None else min(floor_second(parse(end_date)), now)
    oldest = max(end - HISTORY_DAYS * DAY, EARLIEST)
    start = oldest if start_date is None else parse(start_date)
    return floor_second(start), end


def _api_url(config: Mapping[str, Any]) -> str:
    given: str = (config.get("api_url") or "").strip()
    if not given:
        return REGIONS[config["region"]]
    return given.rstrip("/").removesuffix("/v1").rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False  # a name, which may lead anywhere
