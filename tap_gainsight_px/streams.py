"""The table of streams: one entry each.

Facts come from the API's description (Gainsight PX REST API, document version 0.1.6). A new
stream is one entry here and one file in `schemas/`.
"""

from __future__ import annotations

from tap_gainsight_px.stream_spec import DateFilter, Paging, StreamSpec, TimeForm

# The description lists no date field of users and accounts as filterable. The tap finds out
# which way of writing the time the API understands, if any.
_MODIFIED = DateFilter(
    "lastModifiedDate",
    forms=(TimeForm.ISO, TimeForm.EPOCH_MS),
    max_days=None,
    documented=False,
)


def _entity(
    name: str, path: str, records_key: str, primary_key: str, attributes_path: str
) -> StreamSpec:
    return StreamSpec(
        name=name,
        path=path,
        records_key=records_key,
        paging=Paging.SCROLL,
        page_size_max=1_000,
        primary_keys=(primary_key,),
        replication_key="lastModifiedDate",
        date_filter=_MODIFIED,
        attributes_path=attributes_path,
    )


def _events(
    name: str, path: str, records_key: str, date_filter: DateFilter | None = None
) -> StreamSpec:
    return StreamSpec(
        name=name,
        path=path,
        records_key=records_key,
        paging=Paging.SCROLL,
        page_size_max=1_000,
        primary_keys=("eventId",),
        replication_key="date",
        date_filter=date_filter or DateFilter("date"),
    )


STREAMS: tuple[StreamSpec, ...] = (
    _entity("accounts", "/v1/accounts", "accounts", "id", "/v1/admin/model/account/attributes"),
    _entity("users", "/v1/users", "users", "aptrinsicId", "/v1/admin/model/user/attributes"),
    _events(
        "custom_events",
        "/v1/events/custom",
        "customEvents",
        # The one event call that also documents dateRangeStart and dateRangeEnd.
        DateFilter("date", also_range_params=True),
    ),
)
