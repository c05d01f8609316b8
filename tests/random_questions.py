"""Random obligations with random settings, calendars, pasts and histories, for comparing two decisions."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta

from local.expected import Decision, Past, Rules, decide

DUE = date(2026, 12, 1)
ONE_DAY = timedelta(days=1)
MOST_CLOSED_IN_A_ROW = 120


@dataclass(frozen=True, slots=True)
class Calendar:
    """Weekends of any kind (0 is Monday), and closed days."""

    weekend: frozenset[int]
    holidays: frozenset[date]

    def closed(self, day: date) -> bool:
        """Say whether a day is closed."""
        return day.weekday() in self.weekend or day in self.holidays


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one open obligation, in plain values."""

    today: date
    due: date
    paused_until: date | None
    stages: tuple[int, ...]
    catch_up: int
    look_back: int
    retention: int
    calendar: Calendar
    past: Past
    sent: dict[int, date]
    sent_itself: bool

    @property
    def rules(self) -> Rules:
        """The settings."""
        return Rules(self.stages, self.catch_up, self.look_back, self.calendar.closed, self.retention)

    def answer(self) -> Decision:
        """Return what the second calculation says."""
        return decide(
            self.today, self.due, self.paused_until, self.rules, self.past, self.sent, sent_itself=self.sent_itself
        )


def draw(rng: random.Random) -> Question:
    """Return a question; the same for the same state of `rng`."""
    stages = tuple(sorted(rng.sample(range(-12, 31), rng.randint(1, 6))))
    last_step = max(0, *stages)
    calendar = _calendar(rng)
    today = DUE + timedelta(days=rng.randint(-20, 160))
    while calendar.closed(today):
        today += ONE_DAY
    past = Past()
    if rng.random() < 0.85:  # the others are first runs
        resumes = today - timedelta(days=rng.choice((0, 0, 0, 1, 2, 3, rng.randint(0, 30))))
        asked_from = rng.choice((None, None, None, resumes - timedelta(days=rng.randint(0, 250))))
        past = Past(resumes, rules_differ=rng.random() < 0.2, asked_from=asked_from)
    sent = _history(rng, stages, today)
    pause = rng.choice((None, None, DUE + timedelta(days=rng.randint(-15, 150)), today - rng.randint(0, 9) * ONE_DAY))
    look_back = rng.choice((30, 2 * last_step + 14, 2 * last_step + 60))
    retention = rng.choice((90, 400, 1000)) + 4 * last_step
    catch_up = rng.choice((0, 1, 3, 3, 10))
    own = bool(sent) and rng.random() < 0.8
    return Question(today, DUE, pause, stages, catch_up, look_back, retention, calendar, past, sent, own)


def _calendar(rng: random.Random) -> Calendar:
    """Return weekends of any kind, single days and a run of closed days."""
    weekend = frozenset(rng.sample(range(7), rng.choice((0, 0, 1, 2, 2, 3))))
    holidays = {DUE + timedelta(days=rng.randint(-300, 300)) for _ in range(rng.randint(0, 25))}
    begin = DUE + timedelta(days=rng.randint(-150, 150))
    holidays |= {begin + timedelta(days=number) for number in range(rng.choice((0, 0, 4, 20, MOST_CLOSED_IN_A_ROW)))}
    return Calendar(weekend, frozenset(holidays))


def _history(rng: random.Random, stages: tuple[int, ...], today: date) -> dict[int, date]:
    """Return stages sent in their order, of these settings or of others, each on a later day than the one before."""
    every = range(-14, 34) if rng.random() < 0.3 else stages
    sent = sorted(rng.sample(list(every), rng.randint(0, min(3, len(every)))))
    days: dict[int, date] = {}
    day = today + ONE_DAY
    for stage in reversed(sent):
        day -= timedelta(days=rng.choice((1, 1, 2, 3, rng.randint(1, 40))))
        days[stage] = day
    return days
