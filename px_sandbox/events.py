"""Generated events: one function per kind, used for history and for growth alike."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from px_sandbox.catalogue import CUSTOM_EVENT_NAMES, Catalogue
from px_sandbox.people import PROPERTY_KEYS, location

if TYPE_CHECKING:
    from collections.abc import Callable

    from px_sandbox.habits import Evenly
    from px_sandbox.kinds import Record
    from px_sandbox.plan import Chance

_PAGES = (
    ("/", "Home"),
    ("/reports/42", "Berichte · Übersicht"),
    ("/settings/profile", "Settings"),
    ("/検索", "検索"),
)
_VIEW_TYPES = (
    ("IN_APP_DIALOG", None),
    ("IN_APP_GUIDE", "guideState"),
    ("IN_APP_CAROUSEL", "carouselState"),
    ("IN_APP_SURVEY_NPS", "surveyState"),
)
_TRACKS = ("PROCESSED", "DELIVERED", "OPEN", "CLICK", "BOUNCE", "UNSUBSCRIBE")


class Session(NamedTuple):
    """A visit of a user, to which other events belong."""

    id: str
    start_ms: int
    user: Record


class EventMaker:
    """Makes events that refer to the things of one world."""

    def __init__(self, catalogue: Catalogue, habits: Evenly) -> None:
        """Refer to the features, segments and engagements of ``catalogue``, as ``habits`` say."""
        self._habits = habits
        self._features = [row["id"] for row in catalogue.features if row["type"] == "FEATURE"]
        self._segments = [row["id"] for row in catalogue.segments]
        self._engagements = [row["id"] for row in catalogue.engagements]
        self._surveys = [row["engagementId"] for row in catalogue.survey_metadata]
        self._emails = [row["id"] for row in catalogue.engagements if "EMAIL" in row["type"]]
        self._makers: dict[str, Callable[[Chance, Record], None]] = {
            "custom_events": self._custom,
            "email_events": self._email,
            "engagement_view_events": self._view,
            "feature_match_events": self._feature,
            "form_submit_events": self._form,
            "identify_events": self._identify,
            "lead_events": self._identify,
            "page_view_events": self._page,
            "segment_match_events": self._segment,
            "session_events": self._session,
            "survey_responses": self._survey,
        }

    def make(self, kind: str, rng: Chance, date_ms: int, session: Session) -> Record:
        """Return an event of ``kind`` in ``session``."""
        user = session.user
        event: Record = {
            "eventId": f"{rng.getrandbits(128):032x}",
            "identifyId": user["identifyId"],
            "propertyKey": PROPERTY_KEYS[0],
            "date": date_ms,
            "eventType": kind.removesuffix("s").upper(),
            "sessionId": session.id,
            "userType": user["type"],
        }
        account_id = user.get("accountId")
        if account_id is not None:
            event["accountId"] = account_id
        if rng.happens(0.2):
            event["globalContext"] = {"release": "2024.6", "flags": {"beta": True, "load": 0.25}}
        if kind in self._makers:
            self._makers[kind](rng, event)
        return event

    def a_feature(self, rng: Chance) -> str:
        """Return the id of a feature that events can match."""
        return self._habits.feature(rng, self._features)

    def _custom(self, rng: Chance, event: Record) -> None:
        number = rng.getrandbits(30)
        event["eventName"] = CUSTOM_EVENT_NAMES[number % 5]
        attributes: Record = {"plan": "pro", "count": number, "ok": number % 2 == 0}
        if number % 4 == 0:
            # Decimals with a closing zero and integers past 64 bits have to survive as they are.
            attributes["amount"] = Decimal(number % 100_000).scaleb(-2)
            attributes["orderNumber"] = 2**64 + number
        if number % 7 == 0:
            attributes["cart"] = {"items": [{"sku": "Ä-1", "qty": 2}, {"sku": None}], "note": ""}
        event["attributes"] = attributes if number % 29 else None
        event["url"] = "https://app.example.com/reports/42?tab=a&x=%C3%A4"
        event["remoteHost"] = f"198.51.100.{number % 250}"

    def _email(self, rng: Chance, event: Record) -> None:
        # Contract: email events have neither account nor session.
        event.pop("accountId", None)
        del event["sessionId"]
        track = rng.choice(_TRACKS)
        event["engagementId"] = rng.choice(self._emails)
        event["email"] = event["identifyId"]
        event["emailTrackType"] = f"EMAIL_TRACK_{track}"
        event["bounceType"] = "DELIVER_EXIPERED" if track == "BOUNCE" else "EMPTY_BOUNCE_TYPE"
        event["attempt"] = "1"
        if track == "CLICK":
            event |= {"linkIndex": 1, "linkType": "HTML_LINK_TYPE", "linkUrl": "https://e.com/?q=1"}
        if rng.happens(0.5):
            event["inferredLocation"] = location(rng)

    def _view(self, rng: Chance, event: Record) -> None:
        content, state = rng.choice(_VIEW_TYPES)
        event |= {
            "engagementId": rng.choice(self._engagements),
            "engagementTrackType": rng.choice(("ENGAGEMENT_VIEW", "ENGAGEMENT_CLICK")),
            "contentId": f"content-{rng.randrange(50)}",
            "contentType": content,
            "executionDate": event["date"] - rng.randrange(60_000),
            "executionId": f"{rng.getrandbits(64):016x}",
            "sequenceNumber": rng.randrange(5),
            "path": rng.choice(_PAGES)[0],
        }
        if state:
            event[state] = rng.choice(("VIEWED", "COMPLETED"))

    def _feature(self, rng: Chance, event: Record) -> None:
        event["featureId"] = self.a_feature(rng)

    def _segment(self, rng: Chance, event: Record) -> None:
        event["segmentId"] = rng.choice(self._segments)

    def _identify(self, rng: Chance, event: Record) -> None:
        event["email"] = event["identifyId"] if rng.happens(0.9) else None

    def _session(self, rng: Chance, event: Record) -> None:
        event["remoteHost"] = f"203.0.113.{rng.randrange(250)}"
        event["inferredLocation"] = location(rng)

    def _page(self, rng: Chance, event: Record) -> None:
        number = rng.getrandbits(24)
        path, title = _PAGES[number % 4]
        event |= {
            "scheme": "https",
            "host": "app.example.com",
            "path": path,
            "queryString": f"tab={number % 9}",
            "queryParams": {"tab": [str(number % 9)]},
            "remoteHost": f"203.0.113.{number % 250}",
            "screenHeight": 1080,
            "screenWidth": 1920,
            "languages": ["de-DE", "en"],
            "pageTitle": title,
        }
        if number % 3 == 0:
            event["hash"] = "top"
            event["referrer"] = None

    def _form(self, rng: Chance, event: Record) -> None:
        self._page(rng, event)
        event["formData"] = {"comment": "naïve ☕", "agree": "on"}

    def _survey(self, rng: Chance, event: Record) -> None:
        habits = self._habits
        event |= {
            "engagementId": rng.choice(self._surveys),
            "engagementTrackType": "ENGAGEMENT_CLICK",
            "contentId": f"content-{rng.randrange(50)}",
            "contentType": (survey_type := habits.survey_type(rng)),
            "executionDate": event["date"],
            "executionId": f"{rng.getrandbits(64):016x}",
            "surveyState": "COMPLETED",
            "contactMeAllowed": rng.happens(0.5),
            "score": habits.score(rng, survey_type, event["date"]),
            "comment": rng.choice(("", "Très bien !", None, "很好")),
            "selectionIds": ["s0", "s2"],
        }
