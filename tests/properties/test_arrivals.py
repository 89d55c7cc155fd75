"""However long requests are on their way, PX takes in no more in a second than it allows."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_gainsight_px.api.arrivals import Arrivals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tap_gainsight_px.api.arrivals import Grant

WAY = 0.005
"""Seconds to PX at the least, and as long back."""


@dataclass(frozen=True)
class Course:
    """What becomes of one request, in seconds."""

    to_socket: float = 0.0
    late: float = 0.0
    """On the way to PX, beyond the least."""
    at_px: float = 0.0
    back: float = 0.0
    """On the way back, beyond the least."""


@dataclass
class World:
    """Workers that always want to send, and PX: one event after another, on a clock of its own."""

    limit: int
    stall: tuple[float, float] = (math.inf, math.inf)
    """From when to when nothing gets in at PX."""
    now: float = 0.0
    arrived: list[float] = field(default_factory=list)
    _events: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=count)

    def clock(self) -> float:
        """Tell the time."""
        return self.now

    def send(self, courses: Iterable[Course]) -> float:
        """Send a request for each course as soon as it may go; return when the last one went."""
        arrivals = Arrivals(self.clock)
        for course in courses:
            while arrivals.room(self.now, self.limit) <= 0:
                self._pass(arrivals.delay(self.now, self.limit))
            self._send_one(arrivals.grant(self.now), course)
        return self.now

    def _send_one(self, grant: Grant, course: Course) -> None:
        sent = self.now + course.to_socket
        arrived = sent + WAY + course.late
        if self.stall[0] <= arrived < self.stall[1]:
            arrived = self.stall[1]
        self.arrived.append(arrived)
        self._at(sent, grant.sent)
        self._at(arrived + course.at_px + WAY + course.back, grant.answered)

    def _at(self, moment: float, happens: Callable[[], None]) -> None:
        heapq.heappush(self._events, (moment, next(self._numbers), happens))

    def _pass(self, seconds: float) -> None:
        """Let time go on by so long, and meanwhile happen what is due."""
        until = self.now + seconds
        while self._events and self._events[0][0] <= until:
            self.now, _, happens = heapq.heappop(self._events)
            happens()
        self.now = until

    @property
    def most_in_a_second(self) -> int:
        """How many arrived in the busiest second."""
        arrived = sorted(self.arrived)
        return max(sum(one <= other < one + 1 for other in arrived) for one in arrived)


def seconds(most: float) -> st.SearchStrategy[float]:
    """Draw how long something takes."""
    return st.one_of(st.just(0.0), st.floats(0, most))


@given(
    limit=st.integers(1, 8),
    courses=st.lists(
        st.builds(
            Course, to_socket=seconds(0.4), late=seconds(0.06), at_px=seconds(2), back=seconds(0.5)
        ),
        min_size=20,
        max_size=60,
    ),
)
def test_requests_that_are_late_are_not_too_many(limit: int, courses: list[Course]) -> None:
    """A thread may wait before it sends, the network may dawdle, PX may take its time."""
    world = World(limit)
    world.send([Course(), *courses])
    assert world.most_in_a_second <= limit


def rooms(sent_at: float, *, looks: list[float]) -> list[int]:
    """Look how many of three may be granted, when one has had no answer.

    It was granted at 0.5, and another one at 0.52 that was answered at 0.53, as fast as it gets.
    """
    now = [0.0]
    arrivals = Arrivals(lambda: now[0])

    def ask(at: float, sent_at: float, answered_at: float) -> None:
        assert arrivals.room(at, 3) > 0
        grant = arrivals.grant(at)
        now[0] = sent_at
        grant.sent()
        now[0] = answered_at
        if answered_at < math.inf:
            grant.answered()

    ask(0, 0, 0.01)
    ask(0.5, sent_at, math.inf)
    ask(0.52, 0.52, 0.53)
    return [arrivals.room(at, 3) for at in looks]


def test_an_answer_says_that_what_was_sent_before_has_arrived() -> None:
    """But for the sixteenth of a second by which a request may be late alone."""
    assert rooms(0.5, looks=[1.0, 1.02, 1.54, 1.56, 1.58]) == [0, 1, 2, 2, 3]


def test_an_answer_says_nothing_of_what_was_sent_after_its_request_was_granted() -> None:
    """A stall may have begun in between: up to a quarter of a second is allowed for one."""
    assert rooms(0.6, looks=[1.54, 1.72, 1.84, 1.87]) == [2, 2, 2, 3]


@pytest.mark.parametrize("begins", [0.95, 1.0, 1.5])
def test_a_stall_does_not_let_too_many_in_at_its_end(begins: float) -> None:
    """Nor in the second after it, for what was held up has arrived late."""
    world = World(50, stall=(begins, begins + 0.9))
    world.send([Course(), *[Course(at_px=0.05)] * 140])
    assert world.most_in_a_second <= 50


@pytest.mark.parametrize("limit", [1, 10, 50, 200])
def test_steady_answers_cost_one_hundredth_of_the_limit(limit: int) -> None:
    """Whatever they take."""
    last = World(limit).send(Course(at_px=0.1) for _ in range(10 * limit + 1))
    assert last <= 10 * 1.0101


@pytest.mark.parametrize(("limit", "longest"), [(50, 1.12), (200, 1.08)])
def test_irregular_answers_cost_little(limit: int, longest: float) -> None:
    """What is sent behind, and answered soon, says more of a request than its own late answer."""
    took = [0.1 + 0.4 * (number * 0.618 % 1) for number in range(10 * limit + 1)]
    courses = (Course(at_px=one) for one in took)
    assert World(limit).send(courses) <= 10 * longest


def test_an_answer_that_never_comes_holds_up_no_other_for_long() -> None:
    """At one request a second a quarter of it, whatever happened."""
    lost = Course(at_px=math.inf)
    assert World(1).send([Course(), lost, Course()]) <= 1.01 + 1.26 + 1e-9


def test_a_request_that_is_not_sent_yet_counts_as_long() -> None:
    """It may arrive together with the last of the limit."""
    world = World(2)
    assert world.send([Course(), Course(to_socket=5), *[Course()] * 6]) >= 5
    assert world.most_in_a_second == 2
