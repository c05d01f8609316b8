"""Weeks of a ladder with closed days, outages and ticks that die, each day compared with the second calculation.

The second calculation is fed with what it expected itself on the days that were completed. Of a day that no tick
completed it takes from the ledger which of the notices owed that day are marked as sent.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from local.expected import CompletedRun, Expected, SentRow, asked_by_its_own_rules, expected, past_of, rules_of
from tests.faults.figures import figures, figures_expected
from tests.faults.harness import A_TICK, NINE, TODAY, Arena, Case, Child
from tests.faults.scenarios import Tally

LADDER = {
    "DAYS_BEFORE_DUE": "7,3,0",
    "DAYS_AFTER_DUE": "1,3,5,10",
    "CATCH_UP_DAYS": "2",
    "BUSINESS_CALENDAR": "DE",
    "SEND_WINDOW": "08:00-20:00",
}
"""Four steps, so that outages of a few days fall between them."""

LONGEST_LIFE = 1.2  # seconds after which a tick that is to die is killed at the latest; it takes about a second
MOST_DEATHS = 3


@dataclass
class Ladder:
    """A host's weeks: what is expected of each day, and what the reports say."""

    case: Case
    rng: random.Random
    tally: Tally
    rows: list[SentRow] = field(default_factory=list)
    runs: list[CompletedRun] = field(default_factory=list)
    owed: set[str] = field(default_factory=set)
    perhaps: set[str] = field(default_factory=set)
    """Ids that a day owed which no tick completed."""

    def __post_init__(self) -> None:
        """Take the rules from the case's settings."""
        self._rules = rules_of(self.case.settings)
        # The run reads only accounts that are enabled.
        self._users = [user for user in self.case.arena.users if user.get("accountEnabled") is not False]

    def day(self, today: date, deaths: int = 0, *, completed: bool = True) -> None:
        """Let ticks of a day die, then one live unless the day is not to be completed."""
        if self._rules.closed(today):
            return
        past = past_of(today, self._rules, self.runs)
        wanted = expected(self._users, self.case.arena.stack.attribute, today, self._rules, past, self.rows)
        start = self._die(datetime.combine(today, NINE.time(), NINE.tzinfo), deaths)
        if completed:
            report = self.case.runs(start)
            if report["outcome"] == "completed":
                self._compare(today, wanted, report, whole=start.time() == NINE.time())
        if not self._is_completed(today):
            if completed:
                self.tally.faults.append(f"{today}: {report['outcome']}, {report['error']}")
            self._take_from_the_ledger(today, wanted)
            return
        self.rows += wanted.rows(today)
        self.owed |= wanted.notices.keys()
        self.runs.append(CompletedRun(today, asked_from=asked_by_its_own_rules(today, self._rules, past)))

    def judge(self) -> None:
        """Read queue and ledger back, and add the verdict."""
        verdict = self.case.look(())
        verdict = replace(verdict, owed=frozenset(self.owed | (self.perhaps & verdict.on_queue.keys())))
        self.tally.figures.update({what: number or 0 for what, number in verdict.figures().items()})
        self.tally.faults += verdict.faults(self.case.unfinished, may_stay_claimed=self.perhaps - self.owed)

    def _die(self, start: datetime, deaths: int) -> datetime:
        for _ in range(deaths):
            if Child(self.case.tick(start)).is_killed_after(self.rng.uniform(0.1, LONGEST_LIFE)):
                self.tally.kills += 1
                self.case.remember_unfinished()
            start += A_TICK
        return start

    def _is_completed(self, today: date) -> bool:
        """Say whether the ledger has the day as completed: a tick that was to die may have come to its end."""
        runs = self.case.rows("PartitionKey eq 'runs'")
        return any(row["RowKey"].startswith(str(today)) and row["outcome"] == "completed" for row in runs)

    def _take_from_the_ledger(self, today: date, wanted: Expected) -> None:
        there = {(row["PartitionKey"], row["RowKey"]) for row in self.case.rows("state eq 'sent'")}
        for notice in wanted.notices.values():
            row = notice.row(today)
            if (str(row.due), f"{row.user_key}{row.obligation_key}_{row.stage}") in there:
                self.rows.append(row)
        self.perhaps |= wanted.notices.keys()

    def _compare(self, today: date, wanted: Expected, report: dict[str, Any], *, whole: bool) -> None:
        """Compare a report's figures; where a tick died before, part of what was owed is already sent."""
        found, due = figures(report), figures_expected(wanted)
        if not whole:
            for counted in (found, due):
                counted["owed"] = counted.pop("owed") + counted.pop("alreadySent")  # type: ignore[operator]
        elif (report["superseded"], report["late"]) != (wanted.superseded, wanted.late):
            self.tally.faults.append(f"{today}: superseded and late are {report['superseded']} and {report['late']}")
        if found != due:
            self.tally.faults.append(f"{today}: {found} instead of {due}")


def ladder(arena: Arena, rng: random.Random, tally: Tally, days: int) -> None:
    """Let a host go through days of which some are lost whole, some in part, and on some ticks die."""
    life, today = Ladder(arena.case(LADDER), rng, tally), TODAY
    end = TODAY + timedelta(days=days)
    while today < end:
        what = rng.random()
        if 0.75 < what < 0.85:
            life.day(today, rng.randint(0, 1), completed=False)
            today += timedelta(days=rng.randint(0, 4))
        else:
            life.day(today, rng.randint(1, MOST_DEATHS) if what < 0.25 else 0)
        today += timedelta(days=1)
    life.day(today)
    life.judge()
    life.case.delete()
