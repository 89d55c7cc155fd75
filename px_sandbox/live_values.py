"""Values as the live API was seen to send them, put into generated people.

"Not set" is 0, 0.0, ``""`` or ``EMPTY_…`` and seldom null; one custom attribute mixes numbers,
booleans and text; ``customAttributes`` holds more than the attribute lists name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from px_sandbox.kinds import Record
    from px_sandbox.people import People
    from px_sandbox.plan import Chance

_LOCATION = ("countryName", "countryCode", "stateName", "stateCode", "city", "street", "postalCode")
_MIXED = (12, 0.5, True, "twelve", "", 0)


def put_live_values(people: People, rng: Chance) -> None:
    """Change accounts and users in place; every second one has values that are not set."""
    for index, account in enumerate(people.accounts):
        _mix_attributes(account, index, rng)
        account["propertyKeys"] = [f"AP-SANDBOX-{key}" for key in range(1 + index % 4)]
        if index % 2 == 0:
            account |= {
                "renewalDate": 0,
                "lastSeenDate": 0,
                "healthScore": 0,
                "nps": 0.0,
                "industry": "",
                "dunsNumber": "",
                "location": dict.fromkeys(_LOCATION, ""),
            }
    for index, user in enumerate(people.users):
        _mix_attributes(user, index, rng)
        if index % 2 == 0:
            user |= {"gender": "EMPTY_GENDER", "title": "", "phone": "", "score": 0}
        if index % 6 == 0:
            user |= {"lastSeenDate": 0, "firstVisitDate": 0}


def _mix_attributes(record: Record, index: int, rng: Chance) -> None:
    attributes = {**record["customAttributes"], "seatCount": rng.choice(_MIXED)}
    if index % 3 == 0:
        # Seen of the live API, and in neither list of attributes.
        attributes |= {"sfdcContactId": f"003{index:015}", "globalUnsubscribe": bool(index % 2)}
    record["customAttributes"] = attributes
