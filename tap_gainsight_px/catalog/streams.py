"""The table of streams: one entry each.

Facts come from the API's description (Gainsight PX REST API, document version 0.1.6). A new
stream is one entry here and one file in `schemas/`; `check_table` refuses one that contradicts
itself or its file.
"""

from __future__ import annotations

from tap_gainsight_px.catalog.spec import (
    ALL_FIELDS,
    Granularity,
    Paging,
    Parent,
    RangeParams,
    StreamSpec,
    TimeFormat,
    TimeRange,
    check_table,
)


def _entity(name: str, path: str, primary_key: str, attributes_path: str) -> StreamSpec:
    return StreamSpec(
        name=name,
        path=path,
        records_key=name,
        paging=Paging.SCROLL,
        page_size_max=1_000,
        primary_keys=(primary_key,),
        replication_key="lastModifiedDate",
        # The description lists no date field of users and accounts as filterable. The tap finds
        # out which way of writing the time the API understands, if any.
        time_range=TimeRange(
            "lastModifiedDate",
            max_days=None,
            documented=False,
            records_change=True,
            full_table_is_whole=True,
        ),
        attributes_path=attributes_path,
    )


def _events(
    name: str,
    path: str,
    records_key: str,
    *,
    params: RangeParams = RangeParams.FILTER,
    time_formats: tuple[TimeFormat, ...] = (TimeFormat.ISO, TimeFormat.EPOCH_MS),
) -> StreamSpec:
    return StreamSpec(
        name=name,
        path=path,
        records_key=records_key,
        paging=Paging.SCROLL,
        page_size_max=1_000,
        primary_keys=("eventId",),
        replication_key="date",
        time_range=TimeRange("date", params=params, time_formats=time_formats),
    )


def _listing(
    name: str,
    path: str,
    records_key: str,
    page_size_max: int,
    params: dict[str, str | int] | None = None,
) -> StreamSpec:
    return StreamSpec(
        name=name,
        path=path,
        records_key=records_key,
        paging=Paging.PAGE_NUMBER,
        page_size_max=page_size_max,
        primary_keys=("id",),
        params=params or {},
    )


def _single(name: str, path: str, records_key: str | None, primary_key: str) -> StreamSpec:
    return StreamSpec(
        name=name,
        path=path,
        records_key=records_key,
        paging=Paging.SINGLE,
        page_size_max=None,
        primary_keys=(primary_key,),
    )


def _per_user(name: str, path: str, *, empty_documented: bool = False) -> StreamSpec:
    return StreamSpec(
        name=name,
        path=path,
        records_key=None,
        paging=Paging.SINGLE,
        page_size_max=None,
        primary_keys=("identifyId",),
        parent=Parent(
            "users", "identifyId", "identifyId", many=True, empty_documented=empty_documented
        ),
        selected_by_default=False,
    )


_USER_ATTRIBUTES = "/v1/admin/model/user/attributes"
_ACCOUNT_ATTRIBUTES = "/v1/admin/model/account/attributes"

# "Not seen after" a time that is far off is everybody: 2100-01-01.
_NOT_SEEN_AFTER: dict[str, str | int] = {"notSeenAfterTimestamp": 4_102_444_800_000}

STREAMS: tuple[StreamSpec, ...] = check_table(
    [
        _entity("accounts", "/v1/accounts", "id", _ACCOUNT_ATTRIBUTES),
        _entity("users", "/v1/users", "aptrinsicId", _USER_ATTRIBUTES),
        # The one event call that also documents dateRangeStart and dateRangeEnd.
        _events("custom_events", "/v1/events/custom", "customEvents", params=RangeParams.BOTH),
        _events("email_events", "/v1/events/email", "results"),
        _events("engagement_view_events", "/v1/events/engagementView", "results"),
        _events("feature_match_events", "/v1/events/feature_match", "featureMatchEvents"),
        _events("form_submit_events", "/v1/events/formSubmit", "results"),
        _events("identify_events", "/v1/events/identify", "identifyEvents"),
        _events("lead_events", "/v1/events/lead", "results"),
        _events("page_view_events", "/v1/events/pageView", "results"),
        # The answer really holds segment matches under this key.
        _events("segment_match_events", "/v1/events/segment_match", "featureMatchEvents"),
        _events("session_events", "/v1/events/session", "sessionInitializedEvents"),
        # The one call whose description says that the date of its filter is in epoch milliseconds.
        _events(
            "survey_responses",
            "/v1/survey/responses",
            "results",
            time_formats=(TimeFormat.EPOCH_MS, TimeFormat.ISO),
        ),
        _listing("engagements", "/v1/engagement", "engagements", 500),
        _listing("engagements_extended", "/v1/engagement/extended", "engagements", 500),
        _listing("features", "/v1/feature", "features", 200),
        _listing("features_extended", "/v2/feature_ext", "features", 200),
        _listing("segments", "/v1/segment", "segments", 200),
        _listing("articles", "/v1/articles", "articleExternalViewList", 500),
        _listing("kc_bots", "/v1/kcbot", "kcList", 500),
        _listing(
            "subscription_users",
            "/v1/admin/subscription/users/notSeenAfter",
            "subscriptionUsers",
            1_000,
            _NOT_SEEN_AFTER,
        ),
        _single("account_attributes", _ACCOUNT_ATTRIBUTES, None, "id"),
        _single("user_attributes", _USER_ATTRIBUTES, None, "id"),
        _single("subscription", "/v1/admin/subscription", None, "id"),
        _single(
            "integrations",
            "/v1/admin/monitoring/integrations",
            "integrationStatuses",
            "integrationSyncName",
        ),
        StreamSpec(
            name="engagement_collisions",
            path="/v1/admin/monitoring/engagement_collisions",
            records_key="engagementCollisions",
            paging=Paging.SCROLL,
            page_size_max=1_000,
            primary_keys=("engagementId", "triggeredDate", "rowId"),
            row_id_of=ALL_FIELDS,
            replication_key="triggeredDate",
            time_range=TimeRange("triggeredDate", params=RangeParams.RANGE, max_days=180),
        ),
        StreamSpec(
            name="engagement_errors",
            path="/v1/admin/monitoring/engagement_errors",
            records_key="engagementErrorSummaries",
            paging=Paging.SCROLL,
            page_size_max=1_000,
            primary_keys=("engagementId", "dateRangeStart", "rowId"),
            row_id_of=("propertyKey",),
            replication_key="dateRangeStart",
            time_range=TimeRange(
                "dateRangeStart",
                params=RangeParams.RANGE,
                max_days=180,
                granularity=Granularity.DAY,
            ),
        ),
        StreamSpec(
            name="engagement_error_details",
            path="/v1/admin/monitoring/engagement_error_details/{engagementId}",
            records_key="engagementErrorDetails",
            paging=Paging.SINGLE,
            page_size_max=None,
            primary_keys=("engagementId", "dateRangeStart", "rowId"),
            row_id_of=("stepName", "stepNumber", "errorType", "value", "browser"),
            replication_key="dateRangeStart",
            # No longest range is stated for this call; a week keeps the requests few.
            time_range=TimeRange(
                "dateRangeStart",
                params=RangeParams.RANGE,
                max_days=None,
                granularity=Granularity.WEEK,
            ),
            parent=Parent("engagements", "id", "engagementId"),
        ),
        StreamSpec(
            name="feature_adoption",
            path="/v1/feature/adoption/{featureId}",
            records_key=None,
            paging=Paging.SINGLE,
            page_size_max=None,
            primary_keys=("featureId", "propertyKey", "dateRangeStart"),
            replication_key="dateRangeStart",
            time_range=TimeRange(
                "dateRangeStart", params=RangeParams.RANGE, max_days=7, granularity=Granularity.WEEK
            ),
            parent=Parent("features", "id", "featureId"),
        ),
        StreamSpec(
            name="survey_metadata",
            path="/v1/engagement/metadata/survey",
            records_key=None,
            paging=Paging.SINGLE,
            page_size_max=None,
            primary_keys=("engagementId",),
            parent=Parent("engagements", "id", "engagementId", in_path=False),
        ),
        # Both versions of the path hold the same settings; the second has one more.
        _per_user("user_preferences", "/v2/user/preferences/{identifyId}"),
        # The one call about a single parent that documents 204: nobody has decided about this user.
        _per_user("user_denylist", "/v1/users/denylist/{identifyId}", empty_documented=True),
    ]
)
