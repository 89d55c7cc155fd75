"""What the sandbox is to do wrong: rules, options, and the decision for each request.

As JSON, for the command line and the control API::

    {"faults": {"http_503": 0.02, "latency": {"rate": 1, "ms": 40, "jitter_ms": 20}},
     "rules": [{"fault": "reset_midway", "path": "/v1/events/*", "nth": 3, "times": 2}],
     "scroll_moves_on": true, "requests_per_second": 200, "seed": 7}

A fault under ``faults`` strikes at random with its rate; a rule strikes from the nth matching
request on, ``times`` times (null: for ever) or for ``lasts_seconds``. Randomness depends only on
the seed and on the running number of the matching request.
"""

from __future__ import annotations

import json
import random
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from px_sandbox.errors import ERROR_BODIES
from px_sandbox.faults import FAULTS, Fault

if TYPE_CHECKING:
    from px_sandbox.clock import Clock

_CHOICES: dict[str, tuple[object, ...]] = {
    "error_body": ERROR_BODIES,
    "unknown_parameters": ("ignored", "refused"),
    "date_form": ("any", "iso", "epoch"),
    "other_date_form": ("refused", "ignored"),
    "last_modified_sort": ("honoured", "refused", "ignored", "by_creation"),
    "scroll_gone_status": (400, 404, 410, 500),
    "max_scrolls_status": (429, 500),
    "last_modified_filter": ("honoured", "refused", "ignored", "by_creation"),
    "scroll_ids": ("changing", "fixed"),
    "stale_scroll_id": ("next_page", "same_page", "refused"),
    "monitoring_scroll_end": ("null", "open"),
}


@dataclass
class Rule:
    """One fault and the requests it strikes.

    Attributes:
        fault: A name from ``faults.py``.
        path: Shell pattern that the path has to match.
        page: Only requests for this page of a scroll, counted from 1.
        nth: The first matching request to be struck, counted from 1.
        times: How many requests to strike; None: no end.
        lasts_seconds: From the first struck request on, strike every matching one for so long by
            the clock of the world; ``times`` then plays no part.
        rate: Probability with which a matching request is struck.
        moves_on: The scroll moves on although this fault loses the answer.
        settings: Settings of the fault.
    """

    fault: str
    path: str = "*"
    page: int | None = None
    nth: int = 1
    times: int | None = 1
    lasts_seconds: float | None = None
    rate: float = 1.0
    moves_on: bool = False
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse names nobody knows, rather than silently do nothing."""
        if self.fault not in FAULTS:
            msg = f"unknown fault {self.fault!r}; the faults are: {', '.join(FAULTS)}"
            raise ValueError(msg)
        if not 0 <= self.rate <= 1:
            msg = f"the rate of {self.fault!r} has to be between 0 and 1, not {self.rate}"
            raise ValueError(msg)
        unknown = set(self.settings) - set(self.kind.settings)
        if unknown:
            known = ", ".join(self.kind.settings) or "none"
            msg = f"unknown setting {sorted(unknown)} of fault {self.fault!r}; it has: {known}"
            raise ValueError(msg)

    @property
    def kind(self) -> Fault:
        """The fault's entry in the list."""
        return FAULTS[self.fault]

    def setting(self, name: str) -> Any:
        """Return a setting of the fault, or its default."""
        return self.settings.get(name, self.kind.settings[name])

    @classmethod
    def from_json(cls, data: Mapping[str, Any], **defaults: Any) -> Rule:
        """Read a rule; keys that are no attributes are settings of the fault."""
        own = {item.name for item in fields(cls)} - {"settings"}
        values = {**defaults, **data}
        settings = {name: value for name, value in values.items() if name not in own}
        settings.update(settings.pop("settings", {}))
        return cls(
            **{name: value for name, value in values.items() if name in own}, settings=settings
        )

    def to_json(self) -> dict[str, Any]:
        """Return the rule as ``from_json`` reads it."""
        own = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**own, **own.pop("settings")}


@dataclass
class Misbehaviour:
    """All rules and options at once. The default behaves well.

    Attributes:
        rules: Faults and when they strike.
        seed: Source of all randomness.
        scroll_moves_on: A scroll moves on even if the answer is lost.
        scroll_ids: ``changing`` from page to page, or ``fixed``.
        stale_scroll_id: What an id gets whose page was answered already: the ``next_page``
            (like Elasticsearch), the ``same_page`` again, or ``refused`` with 404.
        monitoring_scroll_end: The contract lets a null ``scrollId`` end the paging of
            monitoring calls (``null``), against its general rule (``open``).
        last_modified_filter: Filters on ``lastModifiedDate`` and the other dates of users and
            accounts are ``honoured``, ``refused`` with 400, or ``ignored``.
        requests_per_second: Beyond so many in any second: 429 with Retry-After.
        requests_per_day: Beyond so many in a UTC day: 429 that names the daily limit.
        duplicate_window_ms: A request that equals an earlier one, in its path and the parameters
            that the call knows, is refused within this time; 0: never.
        duplicate_status: The status of that refusal.
        duplicates_renewed: A refused request begins the time anew.
        error_body: The shape of an error, one of ``errors.ERROR_BODIES``.
        errors_under_200: Errors come with status 200.
        unknown_parameters: Parameters that a call does not know are ``ignored``, as the live API
            does, or ``refused`` with 400.
        date_form: Dates in the ``filter`` of an event call are to be ``iso``, ``epoch`` or ``any``.
        other_date_form: A date in the other form is ``refused`` with 400 or ``ignored``.
        last_modified_sort: Sorts of users and accounts by a date are ``honoured``, ``refused`` with
            400, ``ignored``, or ignored while the records come newest first ``by_creation``.
        max_scrolls: With so many open scrolls a new one is refused (null: no limit). The default
            is that of Elasticsearch.
        max_scrolls_status: The status of that refusal, 429 or 500.
        scroll_gone_status: The status of an expired or unknown scroll: 404, 400, 410 or 500.
        forbidden_paths: Shell patterns of paths for which the key lacks permission (403).
    """

    rules: Sequence[Rule] = ()
    seed: int = 0
    scroll_moves_on: bool = False
    scroll_ids: str = "changing"
    stale_scroll_id: str = "next_page"
    monitoring_scroll_end: str = "null"
    last_modified_filter: str = "honoured"
    requests_per_second: int | None = None
    requests_per_day: int | None = None
    duplicate_window_ms: int = 0
    duplicate_status: int = 429
    duplicates_renewed: bool = False
    error_body: str = "envelope"
    errors_under_200: bool = False
    unknown_parameters: str = "ignored"
    date_form: str = "any"
    other_date_form: str = "refused"
    last_modified_sort: str = "honoured"
    max_scrolls: int | None = 500
    max_scrolls_status: int = 429
    scroll_gone_status: int = 404
    forbidden_paths: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse values nobody knows."""
        self.rules = tuple(self.rules)
        self.forbidden_paths = tuple(self.forbidden_paths)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                known = ", ".join(map(str, choices))
                msg = f"{name} has to be one of {known}, not {getattr(self, name)!r}"
                raise ValueError(msg)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Misbehaviour:
        """Read what the module's docstring describes; unknown names are a ValueError."""
        values = dict(data)
        rules = [Rule.from_json(rule) for rule in values.pop("rules", ())]
        for name, how in values.pop("faults", {}).items():
            settings = how if isinstance(how, Mapping) else {"rate": how}
            rules.append(Rule.from_json({**settings, "fault": name}, times=None))
        unknown = set(values) - {item.name for item in fields(cls)}
        if unknown:
            msg = f"unknown in misbehaviour: {', '.join(sorted(unknown))}"
            raise ValueError(msg)
        return cls(rules=rules, **values)

    @classmethod
    def described(cls) -> dict[str, str]:
        """Return what each option does, from the docstring of this class, and its default."""
        defaults = {item.name: item.default for item in fields(cls)}
        text = re.sub(r"\s+", " ", (cls.__doc__ or "").partition("Attributes:")[2])
        parts = re.split(rf" ({'|'.join(defaults)}): ", text)[1:]
        abouts = dict(zip(parts[::2], parts[1::2], strict=True))
        return {
            name: f"{about.strip().replace('`', '')} [default: {json.dumps(defaults[name])}]"
            for name, about in abouts.items()
            if name not in ("rules", "seed")
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything as ``from_json`` reads it."""
        own = {item.name: getattr(self, item.name) for item in fields(self)}
        return {**own, "rules": [rule.to_json() for rule in self.rules]}

    def forbids(self, path: str) -> bool:
        """Say whether the key lacks permission for ``path``."""
        return any(fnmatchcase(path, pattern) for pattern in self.forbidden_paths)


class Dice:
    """Decides, request by request, which rules of a misbehaviour strike."""

    def __init__(self, misbehaviour: Misbehaviour, clock: Clock) -> None:
        """Begin counting matching requests anew; rules that last do so by ``clock``."""
        self._clock = clock
        self._first_struck_ms: dict[int, int] = {}
        self._misbehaviour = misbehaviour
        self._matched = [0] * len(misbehaviour.rules)
        self._struck = [0] * len(misbehaviour.rules)
        self._lock = threading.Lock()

    def strikes(self, path: str, page: int | None) -> list[Rule]:
        """Return the rules that strike a request for ``path``; ``page`` counts from 1."""
        struck = []
        with self._lock:
            for index, rule in enumerate(self._misbehaviour.rules):
                if rule.page not in (None, page) or not fnmatchcase(path, rule.path):
                    continue
                self._matched[index] += 1
                if self._matched[index] < rule.nth or self._is_over(index, rule):
                    continue
                if rule.rate < 1 and self.random(index).random() >= rule.rate:
                    continue
                self._struck[index] += 1
                struck.append(rule)
        return struck

    def _is_over(self, index: int, rule: Rule) -> bool:
        if rule.lasts_seconds is None:
            return rule.times is not None and self._struck[index] >= rule.times
        now_ms = self._clock.now_ms()
        return now_ms - self._first_struck_ms.setdefault(index, now_ms) >= rule.lasts_seconds * 1000

    def random(self, salt: object) -> random.Random:
        """Return a source of randomness for the present count of requests."""
        count = self._matched[salt] if isinstance(salt, int) else sum(self._matched)
        seed = f"{self._misbehaviour.seed}/{salt}/{count}"
        return random.Random(seed)  # noqa: S311 - to be repeated, not to be safe
