"""Which requests PX may have taken in within the last second.

Nobody here sees them arrive. But the fastest of all shows what it takes, at the least, from a grant
to the answer. A request whose answer took a tenth of a second more was late at PX by a tenth, or by
less. So it counts for a second from then on when it would have arrived, and for that tenth more.

What holds up one request for long (a stall of the network, or of PX's entrance) holds up those
behind it too. So an answer says as much of all that were sent before its own request was granted.
"""

from __future__ import annotations

import math
import sys
from bisect import bisect_left
from itertools import accumulate
from operator import sub
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# A second, and a little: the fastest of all may not have been as fast as it gets.
_INTERVAL_SECONDS = 1.01

# By how much a request may be late alone, without those behind it.
_ALONE_SECONDS = 0.06
# And at all. Where no more than ten a second are sent, few come behind one to say more of it, and
# PX may just take long for its answer: it has to do for a packet that is sent again after 200 ms.
_LONGEST_SECONDS = 1.0
_LONGEST_OF_FEW_SECONDS = 0.25

# Those of a burst would wait for one another somewhere on the way, and all arrive late together.
# What a tenth lets go beyond its share makes up for a worker that has woken up late.
_SLICES = 10
_SLICE_SECONDS = 1 / _SLICES
_SHARE_OF_SLICE = 1.2

# How often to look whether an answer has come that says more.
_LOOK_SECONDS = 0.02


class Grant:
    """Leave to send one request. Whoever has it says when that was sent, and answered."""

    def __init__(self, at: float, clock: Callable[[], float]) -> None:
        """Count as not yet sent.

        Args:
            at: When it was granted, by the clock.
            clock: Seconds on a clock that never goes back.
        """
        self._clock = clock
        self.at = at
        self.sent_at = self.answered_at = math.inf
        self.counts_until = math.inf

    def sent(self) -> None:
        """Take down that it was sent by now, or will never be. The first word counts."""
        self.sent_at = min(self.sent_at, self._clock())

    def answered(self) -> None:
        """Take down that it has arrived, for here is the answer."""
        self.answered_at = self._clock()


class Arrivals:
    """The requests that may have arrived within the last second, or are still to."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start with none. `clock` gives seconds and never goes back."""
        self._clock = clock
        self._counted: list[Grant] = []  # in the order in which they were granted
        self._fastest = sys.float_info.max  # seconds from a grant to its answer

    def grant(self, now: float) -> Grant:
        """Count one more request."""
        grant = Grant(now, self._clock)
        self._counted.append(grant)
        return grant

    def room(self, now: float, rate: int) -> int:
        """Return how many may be granted now, at so many a second."""
        self._forget(now, _LONGEST_SECONDS if rate > _SLICES else _LONGEST_OF_FEW_SECONDS)
        share = _share(rate)
        just_now = sum(one.at + _SLICE_SECONDS > now for one in self._counted[-share:])
        return min(rate - len(self._counted), share - just_now)

    def delay(self, now: float, rate: int) -> float:
        """Return the seconds after which there may be room, where there is none now."""
        moments = [now]
        if (too_many := len(self._counted) - rate) >= 0:
            moments.append(sorted(self._may_end(one, now) for one in self._counted)[too_many])
        share = _share(rate)
        if len(self._counted) >= share:
            moments.append(self._counted[-share].at + _SLICE_SECONDS)
        return max(moments) - now

    def _forget(self, now: float, longest: float) -> None:
        counted = self._counted
        granted = [one.at for one in counted]
        # Read once: workers tell of more at any moment.
        answered = [one.answered_at for one in counted]
        self._fastest = min([self._fastest, *map(sub, answered, granted)])
        first_answered = [*accumulate(reversed(answered), min, initial=math.inf)][::-1]
        for one, answered_at in zip(counted, answered, strict=True):
            if one.at + _INTERVAL_SECONDS > now:
                break
            sent_at = one.sent_at
            behind = first_answered[bisect_left(granted, sent_at)]
            arrived_at = min(
                answered_at - self._fastest,
                max(behind - self._fastest, sent_at + _ALONE_SECONDS),
                sent_at + longest,
            )
            one.counts_until = min(one.counts_until, arrived_at + _INTERVAL_SECONDS)
        self._counted = [one for one in counted if one.counts_until > now]

    @staticmethod
    def _may_end(grant: Grant, now: float) -> float:
        """Return the earliest moment from which a request may turn out to count no longer."""
        soonest = grant.at + _INTERVAL_SECONDS
        return soonest if soonest > now else min(grant.counts_until, now + _LOOK_SECONDS)


def _share(rate: int) -> int:
    """Return how many of so many a second may be granted in a slice of it."""
    return rate if rate <= _SLICES else math.ceil(_SHARE_OF_SLICE * rate / _SLICES)
