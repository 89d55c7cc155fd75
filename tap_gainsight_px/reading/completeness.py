"""The rule of completeness: what was announced, what arrived, and what that proves.

Every reader keeps one `Ledger` for what it reads (a time window, a listing, everything), and asks
it at the end of each reading, from the first page to the last, whether that was all.

Why the tap never believes a short page. The API's documentation says to stop at a page that holds
fewer records than requested. That is not enough to go by:

- A scroll is a cursor on the server (Elasticsearch). When an answer is lost on its way, the cursor
  may have moved on, and the same request brings the page behind the lost one.
- A page can be short or empty in the middle of a scroll, and a server may cap the page size.
- A `scrollId` comes with the last page too, so it says nothing about more pages.

So this is what counts, strongest first:

1. **The count.** The first page announces `totalHits`. As many *different* records prove the
   reading. The number of rows does not: one page may come twice in place of another.
2. **The same again.** PX may hold a record twice, and counts it twice. That is believed when two
   readings bring exactly as many rows as announced, and the same records twice. With other page
   sizes in both, a page that is served twice doubles other records each time.
3. **Two equal readings.** A listing has no count. Where the loader will delete what is not in it,
   two readings in a row have to bring the same records. Nothing at all, without a count of zero,
   is asked for once more too.
4. **Nothing new.** Without a count, a scroll is over after `PAGES_WITHOUT_NEWS` short pages without
   a new record. As many full ones mean that it runs in circles.

What falls short is read again, with another page size, as long as a reading brings something new
and `READINGS` times in a row otherwise. What is then still missing is told by number. Nobody can
notice a count that is too low by exactly the records that were left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_gainsight_px.errors import ScrollLostError
from tap_gainsight_px.records.page import dates_and_keys

if TYPE_CHECKING:
    from tap_gainsight_px.records.page import Key, Page

READINGS = 4
"""How many readings in a row may bring nothing new before a shortfall is believed."""
PAGES_WITHOUT_NEWS = 3
"""Pages in a row without a new record after which a scroll is over, or runs in circles."""


@dataclass(frozen=True)
class Doubt:
    """Why a reading cannot be believed yet."""

    message: str
    is_routine: bool = False
    """Whether it is the API's silence and no sign of a fault."""
    is_final: bool = False
    """Whether, if it stays, nothing of what arrived may be handed on as a whole."""


class Ledger:
    """What reading one target brought, once or again and again. Keeps keys, not records."""

    def __init__(
        self,
        *,
        settled: bool = True,
        confirm_empty: bool = True,
        expect_records: bool = False,
        needs_proof: bool = False,
    ) -> None:
        """Begin the first reading.

        Args:
            settled: Whether records stay as they are, so that what one reading lacks another may
                supply. Else one reading has to be whole by itself.
            confirm_empty: Whether nothing at all, without a count, is asked for once more.
            expect_records: Whether a count of zero is as doubtful as none: it was announced that
                there are records.
            needs_proof: Whether a reading without a count has to be confirmed by another one.
        """
        self._settled = settled
        self._confirm_empty = confirm_empty
        self._expect_records = expect_records
        self._needs_proof = needs_proof
        self.readings = 1
        self.keys: set[Key] = set()
        """Keys of this reading."""
        self._keys_before: set[Key] | None = None
        self._earlier: set[Key] = set()
        self._looked_doubled: tuple[Counter[Key], set[Key]] | None = None
        self._fruitless = 0
        self._most = -1
        self.is_believed_doubled = False
        """Whether what is missing are records that PX holds, and counts, twice."""
        self._start()

    def _start(self) -> None:
        self.announced: int | None = None
        self.arrived = 0
        self.pages = 0
        self.largest_page = 0
        self._without_news = 0
        self._served_again = False
        self._lost_an_answer = False
        self._doubled: Counter[Key] = Counter()

    # While pages come in

    def add(self, page: Page) -> int:
        """Take in a page; return how many of its records are new in this reading."""
        if self.announced is None:
            self.announced = page.total_hits
        _, keys = dates_and_keys(page.rows)
        before = len(self.keys)
        new = set(keys)
        if len(new) < len(keys) or not self.keys.isdisjoint(new):
            self._note_doubled(keys)
        self.keys |= new
        self.pages += 1
        self.arrived += len(keys)
        self.largest_page = max(self.largest_page, len(keys))
        news = len(self.keys) - before
        self._without_news = 0 if news else self._without_news + 1
        self._served_again = self._served_again or (bool(keys) and not news)
        return news

    def _note_doubled(self, keys: list[Key]) -> None:
        counts = Counter(keys)
        for key, count in counts.items():
            again = count if key in self.keys else count - 1
            if again:
                self._doubled[key] += again

    def note_lost(self) -> None:
        """Note that an answer of the scroll was lost, and perhaps a page with it."""
        self._lost_an_answer = True

    def is_over(self, page: Page, page_size: int) -> bool:
        """Whether the scroll has ended although nothing proves that all has come.

        Raises:
            ScrollLostError: It runs in circles.
        """
        if self._without_news < PAGES_WITHOUT_NEWS:
            return False
        if len(page.rows) >= page_size:
            message = "the scroll gives the same records over and over"
            raise ScrollLostError(message)
        return True

    # When a reading has come to its end

    @property
    def is_proved(self) -> bool:
        """Whether exactly as many different records have come as announced, in this reading."""
        return self.announced is not None and len(self.keys) == self.announced

    @property
    def has_doubled(self) -> bool:
        """Whether a record came more than once in this reading."""
        return bool(self._doubled)

    @property
    def is_confirmed(self) -> bool:
        """Whether a count or two equal readings prove what there is, and so what there is not."""
        if self.is_proved or self.is_believed_doubled:
            return True
        return self.announced is None and self.keys == self._keys_before

    def knows(self, key: Key) -> bool:
        """Whether a record has come, in this reading or an earlier one."""
        return key in self.keys or key in self._earlier

    @property
    def doubled_message(self) -> str:
        """What to tell of records that PX holds twice."""
        return f"PX holds {self._doubled.total()} records twice; each was read once"

    @property
    def missing(self) -> int:
        """How many of the announced records have not come."""
        if self.is_believed_doubled:
            return 0
        return max(0, (self.announced or 0) - self.different)

    @property
    def different(self) -> int:
        """How many different records have come, of those that are handed on."""
        return len(self.keys | self._earlier if self._settled and self._earlier else self.keys)

    @property
    def believed_doubled(self) -> int:
        """How many records PX is believed to hold twice."""
        return self._doubled.total() if self.is_believed_doubled else 0

    def doubt(self) -> Doubt | None:
        """Return why this reading cannot be believed to be all; None when it can."""
        if self._lost_an_answer and not self.is_proved:
            return Doubt(
                "an answer was lost on the way, and the count does not prove that all has come",
                is_final=True,
            )
        self.is_believed_doubled = self._is_doubled_again()
        if self.missing:
            return Doubt(f"{self.missing} of {self.announced} announced records are missing")
        if not self.keys and self._keys_before is None and self._doubts_empty():
            return Doubt("nothing came, and nothing proves that there is nothing", is_routine=True)
        if self._needs_proof and not self.is_confirmed:
            return Doubt("nothing but a second reading can prove that this is all", is_routine=True)
        return None

    def _doubts_empty(self) -> bool:
        return self._expect_records or (self._confirm_empty and self.announced != 0)

    def _is_doubled_again(self) -> bool:
        """Whether this reading and an earlier one show the same records twice, and all others."""
        return self._looks_doubled() and self._looked_doubled == (self._doubled, self.keys)

    def _looks_doubled(self) -> bool:
        is_exact = self.arrived == self.announced and not self._lost_an_answer
        return is_exact and bool(self._doubled) and not self._served_again

    @property
    def wait_seconds(self) -> float:
        """How long to wait before this reading: PX may need a moment to be whole again."""
        return 0.1 * (1 << self.readings)

    def begin_again(self, doubt: Doubt) -> bool:
        """Begin another reading; return False where another one is not worth it.

        After a fault it is worth it as long as something new comes: a slow target makes a long
        scroll expire again and again, but each reading gets further.
        """
        if doubt.is_routine and self.readings >= READINGS:
            return False
        found = len(self._earlier | self.keys)
        self._fruitless = 0 if found > self._most else self._fruitless + 1
        self._most = max(found, self._most)
        if self._fruitless >= READINGS - 1:
            return False
        if self._looks_doubled():
            self._looked_doubled = (self._doubled, self.keys)
        self._earlier |= self.keys
        self._keys_before, self.keys = self.keys, set()
        self.readings += 1
        self._start()
        return True

    def discard(self) -> None:
        """Forget what has come: it was not what was asked for."""
        self.keys = set()
        self._earlier = set()
        self._start()


def other_page_size(page_size: int, reading: int) -> int:
    """Return the page size of reading number `reading`, counted from 0.

    With other page edges, a fault that is tied to a page shows as one.
    """
    return page_size - reading if page_size > reading else page_size + reading


def counting_page_size(page_size: int) -> int:
    """Return the page size of a request that only wants the count: as small as can be.

    But none that a reading may have: PX refuses a request that equals an earlier one.
    """
    return 1 if page_size > READINGS + 1 else page_size + 2 * READINGS
