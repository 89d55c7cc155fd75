"""Generated things that users meet: features, segments, engagements, articles, bots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from px_sandbox.people import PROPERTY_KEYS
from px_sandbox.plan import Chance
from px_sandbox.times import DAY_MS, HOUR_MS, to_iso

if TYPE_CHECKING:
    from px_sandbox.kinds import Record
    from px_sandbox.plan import WorldPlan

_TYPES = (
    "IN_APP_DIALOG",
    "IN_APP_CAROUSEL",
    "IN_APP_GUIDE",
    "EMAIL",
    "OUT_BOUND_EMAIL",
    "IN_APP_NPS_SURVEY",
    "IN_APP_CES_SURVEY",
    "IN_APP_RATING_SURVEY",
    "IN_APP_BOOLEAN_SURVEY",
    "IN_APP_MULTIPLE_QUESTION_SURVEY",
)
_STATES = ("IN_PROGRESS", "STARTED", "PAUSED", "EDITING", "COMPLETED")
_ELEMENTS = (("CLICK", "TAG"), ("PAGE_VIEW", "URL"), ("CUSTOM_EVENT", "CUSTOM_EVENT"))
CUSTOM_EVENT_NAMES = ("report_exported", "cart_checked_out", "Суперсобытие", "seat added", "login")


@dataclass(frozen=True)
class Catalogue:
    """Everything users meet, and what PX says about itself."""

    features: list[Record]
    segments: list[Record]
    engagements: list[Record]
    survey_metadata: list[Record]
    articles: list[Record]
    kc_bots: list[Record]
    subscription: Record
    integrations: list[Record]
    collisions: list[Record]
    errors: list[Record]


def make_catalogue(plan: WorldPlan, users: list[Record]) -> Catalogue:
    """Return the catalogue of ``plan``; rows that name a user name one of ``users``."""
    rng = Chance(f"{plan.seed}/catalogue")
    engagements = [_engagement(rng, index) for index in range(25)]
    span_ms = plan.anchor_ms - plan.start_ms
    return Catalogue(
        features=_features(rng),
        segments=[{"id": f"segment-{i}", "name": f"Ségment {i}"} for i in range(30)],
        engagements=engagements,
        survey_metadata=[_survey(row) for row in engagements if "SURVEY" in row["type"]],
        articles=[_article(plan, rng, index) for index in range(15)],
        kc_bots=[_bot(plan, index) for index in range(4)],
        subscription=_subscription(),
        integrations=_integrations(plan),
        collisions=[
            _collision(rng, engagements, users, plan.anchor_ms - 1 - rng.randrange(span_ms))
            for _ in range(60)
        ],
        errors=sorted(
            (
                _error(rng, engagements, plan.anchor_ms - 1 - rng.randrange(span_ms))
                for _ in range(120)
            ),
            key=lambda row: row["date"],
        ),
    )


def _features(rng: Chance) -> list[Record]:
    rows: list[Record] = []
    for module in range(6):
        parent = f"feature-{module}"
        rows.append(_feature(rng, parent, f"Módulo {module}", None))
        rows += [
            _feature(rng, f"{parent}-{child}", f"Feature {module}.{child}", parent)
            for child in range(8)
        ]
    return rows


def _feature(rng: Chance, identity: str, name: str, parent: str | None) -> Record:
    event_type, element = rng.choice(_ELEMENTS)
    row: Record = {
        "id": identity,
        "name": name,
        "type": "FEATURE" if parent else "MODULE",
        "propertyKey": PROPERTY_KEYS[0],
        "status": "ACTIVATED" if rng.happens(0.9) else "DELETED",
        "mappedElements": [
            {
                "id": f"element-{identity}",
                "name": f"#{identity} > .btn",
                "eventType": event_type,
                "state": "ENABLED",
                "type": element,
            }
        ]
        if parent
        else [],
        "featureLabels": [{"id": "label-1", "name": "Core", "color": "#1B5E20"}]
        if rng.happens(0.4)
        else [],
    }
    if parent:
        row["parentFeatureId"] = parent
    return row


def _engagement(rng: Chance, index: int) -> Record:
    row: Record = {
        "id": f"engagement-{index}",
        "name": f"Willkommen № {index}",
        "type": _TYPES[index % len(_TYPES)],
        "state": rng.choice(_STATES),
        "propertyKeys": list(PROPERTY_KEYS),
        "envs": ["Production", "QA"],
        "defaultLanguage": "en",
        "translationState": "PUBLISHED",
        "languages": [{"languageCode": "de", "translated": rng.happens(0.5)}],
        "createdById": f"px-user-{index % 3}",
        "customEvents": [
            {"name": name, "properties": ["plan", "amount"]} for name in CUSTOM_EVENT_NAMES[:2]
        ]
        if index % 3 == 0
        else [],
    }
    if index % 4:
        row["description"] = "Shown once.\nThen never again."
    return row


def _survey(engagement: Record) -> Record:
    return {
        "engagementId": engagement["id"],
        "questions": [
            {
                "questionId": f"{engagement['id']}-q1",
                "question": "How likely are you to recommend us? 🙂",
                "type": "RATING",
                "options": [{"selectionId": f"s{i}", "label": str(i)} for i in range(3)],
            }
        ],
    }


def _article(plan: WorldPlan, rng: Chance, index: int) -> Record:
    created_ms = plan.start_ms - rng.randrange(100 * DAY_MS)
    return {
        "id": f"article-{index}",
        "articleName": f"How to → part {index}",
        "articleKCs": [{"kcId": f"kc-{index % 4}", "kcName": f"Bot {index % 4}"}],
        "author": "Ada Lovelace",
        "createdDate": created_ms,
        "modifiedDate": created_ms + DAY_MS,
        "modifiedBy": {"id": "px-user-1", "name": "Ada Lovelace"},
        "defaultLanguage": "en",
        "languages": [{"languageCode": "fr", "translated": True}],
        "productId": f"product-{index % 2}",
        "productName": "Web",
        # Contract: a date-time string, unlike the dates beside it.
        "releaseDate": to_iso(created_ms + DAY_MS) if index % 3 else None,
        "viewType": "ARTICLE",
    }


def _bot(plan: WorldPlan, index: int) -> Record:
    return {
        "id": f"kc-{index}",
        "name": f"Bot {index}",
        "createdBy": {"id": "px-user-1", "name": "Ada Lovelace"},
        "createdDate": plan.start_ms,
        "modifiedBy": {"id": "px-user-2", "name": "Bjørn Ångström"},
        "modifiedDate": plan.start_ms + index * DAY_MS,
        "defaultLanguage": "en",
        "description": None,
        "environments": ["Production"],
        "languages": [],
        "priority": index,
        "productId": f"product-{index % 2}",
        "productName": "Web",
        "status": "ACTIVE",
    }


def _subscription() -> Record:
    return {
        "id": "sub-sandbox",
        "name": "Sandbox, Inc.",
        "iconUrl": None,
        "timeZone": "America/Los_Angeles",
        "website": "https://www.example.com",
        "products": [
            {
                "name": "Web",
                "description": "The web application",
                "productKeys": [
                    {"channel": "WEB", "productKey": key, "url": "https://app.example.com"}
                    for key in PROPERTY_KEYS
                ],
            }
        ],
    }


def _integrations(plan: WorldPlan) -> list[Record]:
    return [
        {
            "integrationSyncName": name,
            "currentStatus": "DOWN" if error else "UP",
            "lastSuccessfulDate": plan.anchor_ms - HOUR_MS,
            "lastError": error,
            "numberOfRecordsProcessed": count,
        }
        for name, error, count in (
            ("Salesforce", None, 12_345),
            ("Segment", "401 from the other side", 0),
            ("S3 export", None, 5_000_000_000),
        )
    ]


def _collision(rng: Chance, engagements: list[Record], users: list[Record], date_ms: int) -> Record:
    winner, loser = rng.sample(engagements, 2)
    return {
        "engagementId": winner["id"],
        "engagementName": winner["name"],
        "propertyKey": PROPERTY_KEYS[0],
        "engagementType": winner["type"],
        "otherQualifiedEngagementNames": [loser["name"]],
        "views": rng.randrange(1, 50),
        "priorityRule": "PRIORITY",
        "triggeredDate": date_ms,
        "viewedByUser": rng.choice(users)["identifyId"],
    }


def _error(rng: Chance, engagements: list[Record], date_ms: int) -> Record:
    step = rng.randrange(1, 4)
    return {
        "engagementId": rng.choice(engagements[:6])["id"],
        "propertyKey": PROPERTY_KEYS[0],
        "date": date_ms,
        "views": rng.randrange(1, 9),
        "stepName": f"Step {step}",
        "stepNumber": step,
        "errorType": rng.choice(("ELEMENT_NOT_FOUND", "TIMEOUT")),
        "value": "#save > button",
        "browser": rng.choice(("CHROME", "FIREFOX")),
    }
