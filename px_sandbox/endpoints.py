"""Every readable endpoint: path, parameters, limits. The contract's facts, not the tap's table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Paging = Literal["scroll", "page_number", "none"]

_CONTENT_TYPES = frozenset(
    {
        "IN_APP_DIALOG",
        "IN_APP_CAROUSEL",
        "IN_APP_GUIDE",
        "IN_APP_NOTIFICATION",
        "OUT_BOUND_EMAIL",
        "IN_APP_NPS_SURVEY",
        "IN_APP_CES_SURVEY",
        "IN_APP_RATING_SURVEY",
        "IN_APP_BOOLEAN_SURVEY",
        "IN_APP_MULTIPLE_QUESTION_SURVEY",
        "UNRECOGNIZE",
    }
)

_USER_FIELDS = (
    "aptrinsicId identifyId type gender email firstName lastName lastSeenDate signUpDate "
    "firstVisitDate title phone score role subscriptionId accountId numberOfVisits location "
    "propertyKeys createDate lastModifiedDate customAttributes globalUnsubscribe sfdcContactId "
    "channelMetricList lastVisitedUserAgentData lastInferredLocation globalId"
)  # without "id", which the contract calls not filterable
_ACCOUNT_FIELDS = (
    "id name trackedSubscriptionId sfdcId lastSeenDate dunsNumber industry numberOfEmployees "
    "sicCode website naicsCode plan location numberOfUsers propertyKeys createDate "
    "lastModifiedDate customAttributes parentGroupId renewalDate healthScore gsId nps csm"
)


@dataclass(frozen=True)
class PageSize:
    """Bounds of ``pageSize``, inclusive, and what holds without it."""

    default: int
    maximum: int


@dataclass(frozen=True)
class Endpoint:
    """One readable call.

    Attributes:
        path: Template; a part in braces is a path parameter.
        kind: The kind of records it shows, or the name of a sum (see ``answers.py``).
        records_key: Where the records stand in the answer; None: the body is the record or list.
        paging: How the pages follow each other.
        page_size: Bounds of ``pageSize`` for paged calls.
        params: Names of the remaining query parameters.
        required: Those of them without which the call is refused.
        filter_fields: Fields a filter may name (first part of the path for open lists).
        equality_only: Filter fields that only take ``==``.
        sort_fields: Fields that ``sort`` may name.
        fields_complete: False: nested fields below the listed ones are fine, too.
        max_days: Widest range of time in one call, in days.
        default_days: Range without a date term, in days before now.
    """

    path: str
    kind: str
    records_key: str | None = None
    paging: Paging = "none"
    page_size: PageSize | None = None
    params: frozenset[str] = frozenset()
    required: frozenset[str] = frozenset()
    filter_fields: frozenset[str] = frozenset()
    equality_only: frozenset[str] = frozenset()
    sort_fields: frozenset[str] = frozenset()
    fields_complete: bool = True
    max_days: int | None = None
    default_days: int | None = None
    all_params: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        """Derive the parameters that the way of paging brings along."""
        names = set(self.params) | set(self.required)
        if self.page_size is not None:
            names.add("pageSize")
        if self.paging == "scroll":
            names.add("scrollId")
        if self.paging == "page_number":
            names.add("pageNumber")
        if self.filter_fields:
            names |= {"filter", "sort"}
        object.__setattr__(self, "all_params", frozenset(names))


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


def _event(
    name: str,
    kind: str,
    records_key: str,
    filters: str,
    *,
    sorts: str = "accountId date",
    equality_only: str = "",
    params: str = "",
) -> Endpoint:
    return Endpoint(
        path=name,
        kind=kind,
        records_key=records_key,
        paging="scroll",
        page_size=PageSize(25, 1000),
        params=_set(params),
        filter_fields=_set(filters),
        equality_only=_set(equality_only),
        sort_fields=_set(sorts),
        max_days=190,
        default_days=1,
    )


def _entities(path: str, kind: str, fields: str) -> Endpoint:
    return Endpoint(
        path=path,
        kind=kind,
        records_key=kind,
        paging="scroll",
        page_size=PageSize(25, 1000),
        filter_fields=_set(fields),
        sort_fields=_set(fields),
        fields_complete=False,
    )


def _monitoring(name: str, kind: str, records_key: str) -> Endpoint:
    return Endpoint(
        path=f"/v1/admin/monitoring/{name}",
        kind=kind,
        records_key=records_key,
        paging="scroll",
        page_size=PageSize(25, 1000),
        params=_set("dateRangeStart dateRangeEnd propertyKey pageNumber"),
        max_days=180,
        default_days=1,
    )


def _numbered(path: str, kind: str, records_key: str, size: PageSize, params: str = "") -> Endpoint:
    return Endpoint(
        path=path,
        kind=kind,
        records_key=records_key,
        paging="page_number",
        page_size=size,
        params=_set(params),
    )


ENDPOINTS: tuple[Endpoint, ...] = (
    _entities("/v1/users", "users", _USER_FIELDS),
    _entities("/v1/accounts", "accounts", _ACCOUNT_FIELDS),
    Endpoint("/v1/users/denylist/{identifyId}", "user_denylist"),
    Endpoint("/v1/users/{identifyId}", "user"),
    Endpoint("/v1/accounts/{accountId}", "account"),
    Endpoint("/v1/user/preferences/{identifyId}", "user_preferences_v1"),
    Endpoint("/v2/user/preferences/{identifyId}", "user_preferences_v2"),
    Endpoint("/v1/admin/model/{type}/attributes", "attributes"),
    _event(
        "/v1/events/custom",
        "custom_events",
        "customEvents",
        "identifyId eventName date",
        params="dateRangeStart dateRangeEnd",
    ),
    _event(
        "/v1/events/email",
        "email_events",
        "results",
        "identifyId date email engagementId emailTrackType executionDate",
        sorts="date",
    ),
    _event(
        "/v1/events/engagementView",
        "engagement_view_events",
        "results",
        "identifyId accountId date contentType carouselState guideState surveyState",
    ),
    _event(
        "/v1/events/feature_match",
        "feature_match_events",
        "featureMatchEvents",
        "featureId identifyId accountId date",
        equality_only="identifyId",
    ),
    _event(
        "/v1/events/formSubmit",
        "form_submit_events",
        "results",
        "identifyId accountId date",
        sorts="date",
    ),
    _event("/v1/events/identify", "identify_events", "identifyEvents", "identifyId email date"),
    _event("/v1/events/lead", "lead_events", "results", "identifyId email date"),
    _event(
        "/v1/events/pageView",
        "page_view_events",
        "results",
        "identifyId accountId date path queryString pageTitle host",
    ),
    # The records key of segment matches really is that of feature matches.
    _event(
        "/v1/events/segment_match",
        "segment_match_events",
        "featureMatchEvents",
        "segmentId identifyId accountId date",
        equality_only="identifyId",
    ),
    _event(
        "/v1/events/session",
        "session_events",
        "sessionInitializedEvents",
        "identifyId accountId date",
    ),
    _event(
        "/v1/survey/responses",
        "survey_responses",
        "results",
        "identifyId accountId date contentType",
    ),
    _numbered(
        "/v1/engagement",
        "engagements",
        "engagements",
        PageSize(200, 500),
        "contentTypes createdById",
    ),
    _numbered(
        "/v1/engagement/extended",
        "engagements_extended",
        "engagements",
        PageSize(200, 500),
        "contentTypes",
    ),
    Endpoint("/v1/engagement/metadata/survey", "survey_metadata", required=_set("engagementId")),
    Endpoint("/v1/engagement/{engagementId}", "engagement"),
    _numbered("/v1/feature", "features", "features", PageSize(25, 200), "propertyKey"),
    _numbered("/v2/feature_ext", "features_extended", "features", PageSize(25, 200), "propertyKey"),
    Endpoint(
        "/v1/feature/adoption/{featureId}",
        "feature_adoption",
        params=_set("dateRangeStart dateRangeEnd propertyKey"),
        max_days=7,
    ),
    Endpoint("/v1/feature/{featureId}", "feature"),
    _numbered("/v1/segment", "segments", "segments", PageSize(25, 200)),
    Endpoint("/v1/segment/{segmentId}", "segment"),
    _numbered(
        "/v1/articles", "articles", "articleExternalViewList", PageSize(200, 500), "productId"
    ),
    Endpoint("/v1/articles/{articleId}", "article"),
    _numbered("/v1/kcbot", "kc_bots", "kcList", PageSize(200, 500), "productId"),
    Endpoint("/v1/kcbot/{kcId}", "kc_bot"),
    _monitoring("engagement_collisions", "engagement_collisions", "engagementCollisions"),
    _monitoring("engagement_errors", "engagement_errors", "engagementErrorSummaries"),
    Endpoint(
        "/v1/admin/monitoring/engagement_error_details/{engagementId}",
        "engagement_error_details",
        records_key="engagementErrorDetails",
        params=_set("dateRangeStart dateRangeEnd groupByBrowser"),
    ),
    Endpoint("/v1/admin/monitoring/integrations", "integrations", "integrationStatuses"),
    Endpoint("/v1/admin/subscription", "subscription"),
    Endpoint(
        "/v1/admin/subscription/users/notSeenAfter",
        "subscription_users",
        records_key="subscriptionUsers",
        paging="page_number",
        page_size=PageSize(200, 1000),
        required=_set("notSeenAfterTimestamp"),
    ),
)

ENUMS: dict[str, frozenset[str]] = {"contentTypes": _CONTENT_TYPES}
"""Parameters whose values the contract lists."""

REPEATABLE = frozenset({"filter", "contentTypes"})
"""Parameters that may be sent more than once (``multi`` in the contract)."""

INTEGERS = frozenset(
    {"pageSize", "pageNumber", "dateRangeStart", "dateRangeEnd", "notSeenAfterTimestamp"}
)
"""Parameters that hold whole numbers, whatever type the contract gives them."""

BOOLEANS = frozenset({"groupByBrowser"})
"""Parameters that hold ``true`` or ``false``."""
