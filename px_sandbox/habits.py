"""How people use a product: who visits, what they use, what they answer.

`Evenly` draws everything alike, which serves tests best. `Habits` makes a world that a product
manager would know: accounts of which more join than leave, features some of which are used much
more than others, and answers to NPS surveys that get better.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from px_sandbox.plan import Chance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from px_sandbox.kinds import Record
    from px_sandbox.people import People
    from px_sandbox.plan import WorldPlan

_SURVEY_TYPES = (
    "IN_APP_SURVEY_NPS",
    "IN_APP_SURVEY_CES",
    "IN_APP_SURVEY_BOOLEAN",
    "IN_APP_SURVEY_RATING",
    "IN_APP_MULTIPLE_QUESTION_SURVEY",
)
# Modules and their features, the most used one first.
_PRODUCT = {
    "Dashboards": "Open dashboard, Filter by date, Share dashboard, Add chart, Set as home, "
    "Duplicate dashboard, Full screen, Embed dashboard",
    "Search": "Search everywhere, Recent searches, Saved search, Search in files, Advanced query, "
    "Search by tag, Voice search, Export results",
    "Reports": "Run report, Export as PDF, Schedule report, Export as CSV, Compare periods, "
    "Report template, Comment on report, Archive report",
    "Projects": "Create project, Assign owner, Board view, Set due date, Timeline view, Bulk edit, "
    "Project template, Close project",
    "Integrations": "Connect Slack, Connect CRM, Webhooks, API keys, Connect Jira, Sync calendar, "
    "Import CSV, Connect warehouse",
    "Settings": "Invite user, Edit profile, Roles, Notifications, Single sign-on, Billing, "
    "Audit log, Theme",
}
# Scores of NPS surveys by their frequency, 0 first: when history begins, and when it ends.
_SCORES_FIRST = (2, 1, 2, 3, 4, 7, 11, 16, 18, 17, 19)
_SCORES_LAST = (1, 0, 1, 1, 2, 4, 7, 14, 22, 22, 26)
_LEAVE = 0.12
_DATES = ("createDate", "signUpDate", "firstVisitDate", "lastModifiedDate", "lastSeenDate")


class Evenly:
    """Everybody visits, uses and answers alike, at all times."""

    bursts_of_sessions = True

    def traffic(self, _date_ms: int) -> int:
        """Return how much is done at a moment, in proportion to others."""
        return 1

    def visitor(self, rng: Chance, users: Sequence[Record], _date_ms: int) -> Record:
        """Return the one of ``users`` who begins a session at a moment."""
        return rng.choice(users)

    def feature(self, rng: Chance, features: Sequence[str]) -> str:
        """Return the id of the feature that is used."""
        return rng.choice(features)

    def survey_type(self, rng: Chance) -> str:
        """Return the type of the survey that is answered."""
        return rng.choice(_SURVEY_TYPES)

    def score(self, rng: Chance, _survey_type: str, _date_ms: int) -> int:
        """Return the score of an answer that is given at a moment."""
        return rng.randrange(11)


class Habits(Evenly):
    """Some visit often and some seldom, and so with features; it goes uphill."""

    bursts_of_sessions = False

    def __init__(self, plan: WorldPlan, people: People, features: list[Record]) -> None:
        """Give features names and people a beginning, both in place."""
        self._plan = plan
        _name(features)
        self._weights = _weights(features)
        for account in people.accounts:
            self._begin(account, account["id"])
        for user in people.users:
            self._begin(user, user.get("accountId"))

    def traffic(self, date_ms: int) -> int:
        """It doubles from the first day of history to the last."""
        return 10 + round(10 * self._progress(date_ms))

    def visitor(self, rng: Chance, users: Sequence[Record], date_ms: int) -> Record:
        """Of the accounts that have joined and not left yet, some are busier than others."""
        for _ in range(1_000):
            user = rng.choice(users)
            joined_ms, left_ms, busy = self._account(user.get("accountId"))
            if joined_ms <= date_ms < left_ms and rng.happens(busy * self._keenness(user)):
                return user
        return rng.choice(users)  # a world in which nobody is left

    def feature(self, rng: Chance, features: Sequence[str]) -> str:
        """The first ones of a module are the most used."""
        return rng.choices(features, self._weights)[0]

    def survey_type(self, rng: Chance) -> str:
        """Most surveys ask for the NPS."""
        return _SURVEY_TYPES[0] if rng.happens(0.7) else super().survey_type(rng)

    def score(self, rng: Chance, survey_type: str, date_ms: int) -> int:
        """That of the NPS goes up in the course of history."""
        if survey_type != _SURVEY_TYPES[0]:
            return super().score(rng, survey_type, date_ms)
        scores = _SCORES_LAST if rng.happens(self._progress(date_ms)) else _SCORES_FIRST
        return rng.choices(range(11), scores)[0]

    def _progress(self, date_ms: int) -> float:
        """Return how far history has come at a moment, 0 to 1."""
        plan = self._plan
        return min(max((date_ms - plan.start_ms) / (plan.anchor_ms - plan.start_ms), 0), 1)

    def _account(self, identity: str | None) -> tuple[int, float, float]:
        """Return from when to when an account uses the product, and how busy it is, 0 to 1.

        Who has no account was always there.
        """
        if identity is None:
            return 0, float("inf"), 0.1
        rng = Chance(f"{self._plan.seed}/habits/{identity}")
        history_ms = self._plan.anchor_ms - self._plan.start_ms
        busy = rng.random() ** 3
        # More than half of them were there before history began.
        joined_ms = self._plan.start_ms + int(history_ms * max(rng.uniform(-1.2, 0.95), 0))
        used_ms = history_ms * rng.uniform(0.1, 0.8)
        return joined_ms, joined_ms + used_ms if rng.happens(_LEAVE) else float("inf"), busy

    def _keenness(self, user: Record) -> float:
        return Chance(f"{self._plan.seed}/habits/{user['identifyId']}").random() ** 2

    def _begin(self, record: Record, account_id: str | None) -> None:
        """Let no date of a record lie before its account has joined."""
        joined_ms, _, _ = self._account(account_id)
        if joined_ms > self._plan.start_ms:
            for field in _DATES:
                if record.get(field):
                    record[field] = max(record[field], joined_ms)


def _name(features: list[Record]) -> None:
    """Name modules and features, each after its place in the product tree."""
    product = [(module, children.split(", ")) for module, children in _PRODUCT.items()]
    for row in features:
        place, *child = map(int, row["id"].split("-")[1:])
        module, children = product[place]
        row["name"] = children[child[0]] if child else module


def _weights(features: list[Record]) -> list[float]:
    """Return how often each feature is used, modules left out, in proportion to others."""
    places = [map(int, row["id"].split("-")[1:]) for row in features if row["type"] == "FEATURE"]
    return [1 / ((module + 1.5) * (child + 1) ** 0.8) for module, child in places]
