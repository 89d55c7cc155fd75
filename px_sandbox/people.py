"""Generated accounts, users, their attributes, preferences and the people who log in to PX."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from px_sandbox.plan import Chance
from px_sandbox.times import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    from px_sandbox.kinds import Record
    from px_sandbox.plan import WorldPlan

PROPERTY_KEYS = ("AP-SANDBOXWEB01-2", "AP-SANDBOXMOB01-2-1")

_FIRST = (
    "Ada",
    "Bjørn",
    "Chloé",
    "Đorđe",
    "Émile",
    "Fatima",
    "Grace",
    "Hiroshi",
    "李",
    "Zoë",
    "Олена",
)
_LAST = (
    "Lovelace",
    "Ångström",
    "García-Márquez",
    "O'Neill",
    "Müller",
    "Nguyễn",
    "山田",
    "Öztürk",
    "de la Cruz",
)
_COMPANIES = (
    "Acme",
    "Globex",
    "Umbrella",
    "Łódź Tools",
    "株式会社サンド",
    "Ça Va & Fils",
    'The "Quoted" Co',
    "Initech",
)
_INDUSTRIES = ("Software", "Logistics", "Health care", "Banking", None)
_PLACES = (
    ("United States", "US", "California", "CA", "San Francisco", "North America"),
    ("Germany", "DE", "Bayern", "BY", "München", "Europe"),
    ("Japan", "JP", "Tōkyō", "13", "東京", "Asia"),
    ("Brazil", "BR", "São Paulo", "SP", "São Paulo", "South America"),
)
_BROWSERS = (("CHROME", "126.0"), ("FIREFOX", "127.0"), ("SAFARI", "17.5"))

_ODD_ID = 7

# apiName, type, state; the values that records carry follow the type.
_ATTRIBUTES = (
    ("tier", "STRING", "ENABLED"),
    ("seatCount", "NUMBER", "ENABLED"),
    ("discount", "NUMBER", "ENABLED"),
    ("isPilot", "BOOLEAN", "ENABLED"),
    ("onboardedAt", "DATE_TIME", "ENABLED"),
    ("notes", "STRING", "ENABLED"),
    ("formerOwner", "STRING", "DISABLED"),
    ("legacyScore", "NUMBER", "DELETED"),
)


@dataclass(frozen=True)
class People:
    """Everybody in a world."""

    accounts: list[Record]
    users: list[Record]
    attributes: dict[str, list[Record]]
    preferences: list[Record]
    denylist: list[Record]
    subscription_users: list[Record]


def make_people(plan: WorldPlan) -> People:
    """Return the people of ``plan``."""
    rng = Chance(f"{plan.seed}/people")
    accounts = [_account(plan, rng, index) for index in range(plan.accounts)]
    users = [_user(plan, rng, index, accounts) for index in range(plan.users)]
    for index in range(min(plan.accounts_without_last_modified, plan.accounts)):
        del accounts[-1 - index]["lastModifiedDate"]
    for index in range(min(plan.users_without_last_modified, plan.users)):
        del users[-1 - index]["lastModifiedDate"]
    return People(
        accounts,
        users,
        {model: _attributes(plan, model) for model in ("account", "user")},
        [_preferences(rng, user) for user in users if rng.happens(0.8)],
        [
            {"identifyId": user["identifyId"], "denied": rng.happens(0.1)}
            for user in users
            if rng.happens(0.7)
        ],
        [_subscription_user(plan, rng, index) for index in range(12)],
    )


def location(rng: Chance) -> Record:
    """Return a ``Location``, now and then an incomplete one."""
    country, code, state, state_code, city, continent = rng.choice(_PLACES)
    place: Record = {
        "countryName": country,
        "countryCode": code,
        "stateName": state,
        "stateCode": state_code,
        "city": city,
        "continent": continent,
        "timeZone": rng.choice(("America/Sao_Paulo", "Europe/Berlin")),
    }
    if rng.happens(0.7):
        place["postalCode"] = f"{rng.randrange(100_000):05}"
        place["street"] = None
        place["coordinates"] = {
            "latitude": round(rng.uniform(-90, 90), 4),
            "longitude": round(rng.uniform(-180, 180), 4),
        }
    return place


def _account(plan: WorldPlan, rng: Chance, index: int) -> Record:
    created_ms, modified_ms = _life(plan, rng)
    account: Record = {
        "id": f"account-{index:05}",
        "name": f"{rng.choice(_COMPANIES)} {index}",
        "trackedSubscriptionId": "sub-sandbox",
        "sfdcId": f"0015e{rng.getrandbits(48):012x}",
        "lastSeenDate": modified_ms,
        "industry": rng.choice(_INDUSTRIES),
        "numberOfEmployees": rng.randrange(1, 50_000),
        "website": f"https://www.example{index}.com",
        "plan": rng.choice(("free", "pro", "enterprise")),
        "location": location(rng),
        "numberOfUsers": max(1, plan.users // plan.accounts),
        "propertyKeys": list(PROPERTY_KEYS[: rng.randrange(1, 3)]),
        "createDate": created_ms,
        "lastModifiedDate": modified_ms,
        "customAttributes": _attribute_values(plan, rng),
        "nps": round(rng.uniform(0, 10), 1),
        "csm": None,
    }
    if rng.happens(0.5):
        account["parentGroupId"] = f"group-{index % 5}"
        account["renewalDate"] = plan.anchor_ms + rng.randrange(365) * DAY_MS
        account["healthScore"] = rng.randrange(101)
    return account


def _user(plan: WorldPlan, rng: Chance, index: int, accounts: list[Record]) -> Record:
    created_ms, modified_ms = _life(plan, rng)
    first, last = rng.choice(_FIRST), rng.choice(_LAST)
    # A few ids hold what has to be percent-encoded in a path.
    odd = index % 50 == _ODD_ID
    identity = f"user+{index}/a b@example.com" if odd else f"user{index}@example.com"
    user: Record = {
        "aptrinsicId": f"apt-{plan.seed}-{index:06}",
        "identifyId": identity,
        "id": identity,
        "type": "USER" if index % 12 else "LEAD",
        "gender": rng.choice(("MALE", "FEMALE", "OTHER", "EMPTY_GENDER")),
        "email": identity if index % 9 else None,
        "firstName": first,
        "lastName": last,
        "lastSeenDate": modified_ms,
        "signUpDate": created_ms,
        "firstVisitDate": created_ms,
        "score": rng.choice((0, 17, 100, 2**53 + 1)),
        "subscriptionId": "sub-sandbox",
        "numberOfVisits": rng.randrange(1, 900),
        "propertyKeys": list(PROPERTY_KEYS[: rng.randrange(1, 3)]),
        "createDate": created_ms,
        "lastModifiedDate": modified_ms,
        "customAttributes": _attribute_values(plan, rng),
        "globalUnsubscribe": rng.happens(0.05),
        "lastInferredLocation": location(rng),
    }
    if index % 12:
        user["accountId"] = accounts[rng.randrange(len(accounts))]["id"]
    if rng.happens(0.6):
        user["title"] = rng.choice(("Engineer", "Chef·fe", None))
        user["location"] = location(rng)
        user["channelMetricList"] = [
            {
                "groupId": PROPERTY_KEYS[0],
                "channel": 2,
                "environment": 1,
                "firstSeenDate": created_ms,
                "lastSeenDate": modified_ms,
            }
        ]
        user["lastVisitedUserAgentData"] = [_user_agent(rng)]
    return user


def _life(plan: WorldPlan, rng: Chance) -> tuple[int, int]:
    """Return dates of creation and last change."""
    # Some have not changed for far longer than the event calls reach back.
    span_ms = round(max(plan.days, 1) * DAY_MS)
    created_ms = plan.start_ms - 1 - rng.randrange(3 * span_ms + 400 * DAY_MS)
    if rng.happens(0.2):
        # Bulk imports: many with nearly, or exactly, the same instant.
        modified_ms = plan.anchor_ms - span_ms // 3 + rng.randrange(3)
    elif rng.happens(0.25):
        modified_ms = created_ms
    else:
        modified_ms = plan.anchor_ms - 1 - rng.randrange(span_ms)
    return created_ms, max(created_ms, modified_ms)


def _attribute_values(plan: WorldPlan, rng: Chance) -> Record:
    values: Record = {}
    if rng.happens(0.9):
        values["tier"] = rng.choice(("gold", "silver", "", None))
    if rng.happens(0.8):
        values["seatCount"] = rng.choice((1, 25, 4_000, 9_007_199_254_740_993))
        values["discount"] = round(rng.random(), 4)
    if rng.happens(0.7):
        values["isPilot"] = rng.happens(0.5)
        values["onboardedAt"] = plan.start_ms - rng.randrange(DAY_MS * 300)
    if rng.happens(0.3):
        values["notes"] = "Überblick · „quoted“\nsecond line \u2028 😀"
        values["formerOwner"] = "Nobody"
    return values


def _attributes(plan: WorldPlan, model: str) -> list[Record]:
    created_ms = plan.start_ms - 500 * DAY_MS
    return [
        {
            "id": f"{model}-attribute-{index}",
            "name": api_name,
            "apiName": api_name,
            "internalName": f"{kind.lower()}_{index}",
            "description": f"{api_name} of the {model}" if index % 2 else None,
            "type": kind,
            "state": state,
            "origin": "CUSTOM",
            "createdDate": created_ms,
            "modifiedDate": created_ms + index * HOUR_MS,
        }
        for index, (api_name, kind, state) in enumerate(_ATTRIBUTES)
    ]


def _preferences(rng: Chance, user: Record) -> Record:
    def choice() -> Any:
        return rng.choice((True, False, None))

    return {
        "identifyId": user["identifyId"],
        "guidedTours": choice(),
        "onboardingBot": choice(),
        "productUpdates": choice(),
        "surveys": choice(),
        "trackEmailAnalytics": choice(),
        "trackUsage": choice(),
    }


def _subscription_user(plan: WorldPlan, rng: Chance, index: int) -> Record:
    user: Record = {
        "id": f"px-user-{index}",
        "firstName": rng.choice(_FIRST),
        "lastName": rng.choice(_LAST),
        "email": f"member{index}@example.com",
    }
    if index % 4:
        user["lastSuccessfulLoginTimestamp"] = plan.anchor_ms - rng.randrange(200 * DAY_MS)
    return user


def _user_agent(rng: Chance) -> Record:
    browser, version = rng.choice(_BROWSERS)
    return {
        "propertyKey": PROPERTY_KEYS[0],
        "userAgent": {
            "rawUserAgent": f"Mozilla/5.0 {browser.title()}/{version}",
            "device": "DESKTOP",
            "platformType": "WINDOWS",
            "platformVersion": "10",
            "browserType": browser,
            "browserVersion": version,
        },
    }
