"""How many notices the coming days bring, counted in one pass over the directory. Pure.

Every page is planned by the very code that plans a run, once for each of the days, and only the numbers are kept:
a page at a time, and of every notice found one number that recognises it. So each notice counts on the first day on
which a run would send it, and a message that two accounts share counts once, whatever pages they are on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from due_notices.model import Notice, UserPage
from due_notices.planning import Day, Reader, Rules, plan_notices
from due_notices.stages import ONE_DAY


@dataclass(slots=True)
class Forecast:
    """Counts notices by day and stage. `days` are the days on which runs send, ascending, the next one first.

    What a later pause or payment will change nobody knows: the obligations count as they are now.
    """

    rules: Rules
    days: Sequence[date]
    counts: dict[date, Counter[int]] = field(init=False)
    _seen: set[int] = field(init=False)
    _readers: tuple[tuple[Day, Reader], ...] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing."""
        days = (Day(day, day - ONE_DAY) for day in self.days)
        self._readers = tuple((day, Reader(self.rules, day)) for day in days)
        self.begin()

    def begin(self) -> None:
        """Forget what was counted: the reading begins anew."""
        self.counts = {day: Counter() for day in self.days}
        self._seen = set()

    def add(self, page: UserPage) -> None:
        """Count a page of users."""
        for day, read in self._readers:
            for notice in plan_notices([page], self.rules, day, list_skips=0, read=read).notices:
                key = _recognised(notice)
                if key not in self._seen:
                    self._seen.add(key)
                    self.counts[day.business_date][notice.stage] += 1


def _recognised(notice: Notice) -> int:
    """Return a number that is the same for notices of which only one is sent; small, because there are many."""
    obligation, email = notice.obligation, notice.user.email
    if email is None or not obligation.reference:
        return hash(notice.id)
    return hash((email.casefold(), obligation.reference, obligation.due, notice.stage))
