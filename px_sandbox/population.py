"""Users and accounts as they are at one moment of a world that goes on after its anchor."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from px_sandbox.times import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from px_sandbox.kinds import Record
    from px_sandbox.people import People
    from px_sandbox.plan import Chance

REVIVED_WITHIN_MS = 7 * DAY_MS
"""A user who is seen again within this time is the old record; afterwards it is a new one."""


class Change(NamedTuple):
    """One record that appears, takes the place of another, or goes.

    Attributes:
        kind: Name of the kind.
        key: Value of the record's key.
        record: The record; None if it is deleted.
        visible_from_ms: The instant (epoch milliseconds) from which the change is visible.
    """

    kind: str
    key: str
    record: Record | None
    visible_from_ms: int


class _Gone(NamedTuple):
    user: Record
    at_ms: int


class Population:
    """Everybody who is there now, in their latest version; the world keeps bytes only."""

    def __init__(self, people: People) -> None:
        """Begin with the ``people`` of history."""
        self.users = list(people.users)
        self._accounts = list(people.accounts)
        # Half of them stay, so that no world dies out however long it lives.
        self._fewest_users = (len(self.users) + 1) // 2
        self._fewest_accounts = (len(self._accounts) + 1) // 2
        self._gone: list[_Gone] = []
        self._renewed = 0

    def touch_user(self, rng: Chance, at_ms: int) -> Change:
        """Let a user be seen."""
        return _changed("users", "aptrinsicId", _touched(rng, self.users, at_ms), at_ms)

    def touch_account(self, rng: Chance, at_ms: int) -> Change:
        """Let an account be seen."""
        return _changed("accounts", "id", _touched(rng, self._accounts, at_ms), at_ms)

    def delete_user(self, rng: Chance, at_ms: int) -> Iterator[Change]:
        """Delete a user and what is kept under its ``identifyId``, unless few are left."""
        if len(self.users) > self._fewest_users:
            yield from self._without(rng.choice(self.users), at_ms)

    def delete_account(self, rng: Chance, at_ms: int) -> Iterator[Change]:
        """Delete an account and all its users, unless few are left."""
        account = rng.choice(self._accounts)
        users = [user for user in self.users if user.get("accountId") == account["id"]]
        if (
            len(self._accounts) <= self._fewest_accounts
            or len(self.users) - len(users) < self._fewest_users
        ):
            return
        self._accounts.remove(account)
        yield Change("accounts", account["id"], None, at_ms)
        for user in users:
            yield from self._without(user, at_ms)

    def revive_user(self, rng: Chance, at_ms: int) -> Iterator[Change]:
        """Let a deleted user be seen again: as before, or late under another ``aptrinsicId``."""
        if not self._gone:
            return
        user, gone_ms = self._gone.pop(rng.randrange(len(self._gone)))
        revived = {**user, "lastModifiedDate": at_ms, "lastSeenDate": at_ms}
        if at_ms - gone_ms > REVIVED_WITHIN_MS:
            self._renewed += 1
            revived |= {
                "aptrinsicId": f"{user['aptrinsicId']}-again{self._renewed}",
                "createDate": at_ms,
                "numberOfVisits": 1,
            }
        if "accountId" in user and all(user["accountId"] != one["id"] for one in self._accounts):
            revived["accountId"] = rng.choice(self._accounts)["id"]
        self.users.append(revived)
        yield _changed("users", "aptrinsicId", revived, at_ms)

    def _without(self, user: Record, at_ms: int) -> Iterator[Change]:
        self.users.remove(user)
        self._gone.append(_Gone(user, at_ms))
        yield Change("users", user["aptrinsicId"], None, at_ms)
        for kind in ("user_preferences", "user_denylist"):
            yield Change(kind, user["identifyId"], None, at_ms)


def _changed(kind: str, key: str, record: Record, at_ms: int) -> Change:
    return Change(kind, record[key], record, at_ms)


def _touched(rng: Chance, records: list[Record], date_ms: int) -> Record:
    index = rng.randrange(len(records))
    record = {**records[index], "lastModifiedDate": date_ms, "lastSeenDate": date_ms}
    if "numberOfVisits" in record:
        record["numberOfVisits"] += 1
    records[index] = record
    return record
