"""What one obligation comes to on one day: the half of the second calculation (`expected`) that decides.

Written from the rules alone, so that a mistake of the program is not made twice. It walks the calendar day by day,
remembers nothing, and is slow and plain on purpose.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from local.expected_values import NEVER

Figure = Literal["not yet", "over", "owed", "already sent", "expired", "missed", "paused"]

ONE_DAY = dt.timedelta(days=1)


def always_open(day: dt.date) -> bool:
    """Say of every day that it is not closed."""
    del day
    return False


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide, as plain values; the defaults are the program's.

    `stages` are days relative to the due date, `closed` says whether a day is closed, `retention` for how many days
    after its due date a row stays in the ledger (None: for ever).
    """

    stages: tuple[int, ...] = (-7, -3, -1, 0)
    catch_up: int = 3
    look_back: int = 30
    closed: Callable[[dt.date], bool] = always_open
    retention: int | None = None

    @property
    def last_step(self) -> int:
        """The number of the last step, 0 where there is none."""
        return max(0, *self.stages)


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the runs of earlier days.

    `resumes` is the day after the last completed one (None: this is the first run), `rules_differ` whether its rules
    were others, `asked_from` the earliest due date that a completed run shortly before asked for by its own rules.
    """

    resumes: dt.date | None = None
    rules_differ: bool = False
    asked_from: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """One notice as it is to be sent. It expires at the start of the day `expires`."""

    stage: int
    stage_date: dt.date
    late: bool
    expires: dt.date
    superseded: tuple[int, ...]
    previous_stage: int | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The figure in which an obligation is counted.

    `sending` is there if a notice is owed, `if_missed` is what `run --missed` would send of a missed or expired one.
    """

    figure: Figure
    sending: Sending | None = None
    if_missed: Sending | None = None


def decide(  # noqa: C901, PLR0911 (the rules, in their order)
    today: dt.date,
    due: dt.date,
    paused_until: dt.date | None,
    rules: Rules,
    past: Past,
    sent: Mapping[int, dt.date],
    *,
    sent_itself: bool | None = None,
) -> Decision:
    """Return what an open obligation comes to on `today`, an open day.

    `sent` has each stage that was ever sent of it, own and inherited, with the latest business date on which it was;
    `sent_itself` says whether something was sent under its own key (None: if anything was).
    """
    if rules.closed(today):
        raise ValueError(f"{today} is closed, and runs take place on open days")
    if paused_until is not None and today <= paused_until:
        return Decision("paused")
    if due.year == NEVER or not _first_stage_has_come(today, due, rules):
        return Decision("not yet")
    if not is_asked(today, due, paused_until, rules, past):
        return Decision("over")
    if today in sent.values():
        return Decision("already sent")
    by_hand = _by_hand(today, due, paused_until, rules, sent)
    gone = paused_until is not None and not sent and _is_forgotten(due, rules, begins(today, rules, past))
    if gone or _may_be_forgotten(due, paused_until, rules):
        return Decision("expired", if_missed=None if gone else by_hand)

    dates = stage_dates(due, paused_until, rules, sent)
    if not dates:
        until = open_days_after(rules, sent[max(sent)], rules.catch_up)
        return Decision("already sent" if today <= until else "over")
    waiting = Decision("already sent" if sent else "not yet")
    come = [stage for stage, day in dates.items() if day <= today]
    if not come:
        return waiting
    steps = [stage for stage in come if stage > 0]
    stage = min(steps) if steps else max(come)
    last_chance = open_days_after(rules, dates[max(dates) if steps else stage], rules.catch_up)
    if today <= last_chance:
        return Decision("owed", sending=_sending(stage, dates[stage], today, due, paused_until, rules, sent))
    if any(day > today for day in dates.values()):
        return waiting
    if not _is_named(today, max(last_chance, due), rules, past):
        return Decision("over")
    own = bool(sent) if sent_itself is None else sent_itself
    return Decision("expired" if own else "missed", if_missed=by_hand)


# The calendar, a day at a time.


def open_on_or_after(rules: Rules, day: dt.date) -> dt.date:
    """Return the first open day on or after `day`."""
    while rules.closed(day):
        day += ONE_DAY
    return day


def open_on_or_before(rules: Rules, day: dt.date) -> dt.date:
    """Return the last open day on or before `day`."""
    while rules.closed(day):
        day -= ONE_DAY
    return day


def open_days_after(rules: Rules, day: dt.date, count: int) -> dt.date:
    """Return the day on which `count` open days lie after `day`, that day included; `day` itself for none."""
    for _ in range(count):
        day = open_on_or_after(rules, day + ONE_DAY)
    return day


def open_days_before(rules: Rules, day: dt.date, count: int) -> dt.date:
    """Return the day that lies `count` open days before `day`; `day` itself for none."""
    for _ in range(count):
        day = open_on_or_before(rules, day - ONE_DAY)
    return day


# The stages.


def stage_dates(
    due: dt.date, paused_until: dt.date | None, rules: Rules, sent: Mapping[int, dt.date]
) -> dict[int, dt.date]:
    """Return the date of each stage above the highest one sent, in order."""
    highest = max(sent, default=None)
    resumed = None if paused_until is None else paused_until + ONE_DAY
    step_before = None if highest is None or highest <= 0 else (highest, sent[highest])
    dates: dict[int, dt.date] = {}
    for stage in sorted(set(rules.stages)):
        if highest is not None and stage <= highest:
            continue
        if stage <= 0:
            day = open_on_or_before(rules, due + stage * ONE_DAY)
            if resumed is not None and day < resumed:
                day = open_on_or_after(rules, resumed)
        else:
            day = open_on_or_after(rules, due) + stage * ONE_DAY
            if step_before is not None:
                number, its_day = step_before
                day = max(day, its_day + (stage - number) * ONE_DAY)
            if resumed is not None:
                day = max(day, resumed)
            day = open_on_or_after(rules, day)
            step_before = stage, day
        dates[stage] = day
    return dates


def _plain_date(stage: int, due: dt.date, rules: Rules) -> dt.date:
    """Return the date that a stage has if every step was sent on its date and there is no pause."""
    return stage_dates(due, None, rules, {})[stage]


def _first_stage_has_come(today: dt.date, due: dt.date, rules: Rules) -> bool:
    return _plain_date(min(rules.stages), due, rules) <= today


def _sending(
    stage: int,
    stage_date: dt.date,
    today: dt.date,
    due: dt.date,
    paused_until: dt.date | None,
    rules: Rules,
    sent: Mapping[int, dt.date],
) -> Sending:
    dates = stage_dates(due, paused_until, rules, sent)
    then = stage_dates(due, paused_until, rules, {**sent, stage: today})
    return Sending(
        stage,
        stage_date,
        late=today > _plain_date(stage, due, rules),
        expires=next(iter(then.values())) if then else open_days_after(rules, today, rules.catch_up) + ONE_DAY,
        superseded=tuple(each for each, day in dates.items() if each < stage and day < stage_date),
        previous_stage=max(sent, default=None),
    )


def _by_hand(
    today: dt.date, due: dt.date, paused_until: dt.date | None, rules: Rules, sent: Mapping[int, dt.date]
) -> Sending | None:
    """Return what `run --missed` sends of an obligation that was given up."""
    dates = stage_dates(due, paused_until, rules, sent)
    steps = [stage for stage in dates if stage > 0]
    stage = min(steps) if steps else max(rules.stages)
    if sent and stage <= max(sent):
        return None
    stage_date = dates[stage] if steps else _plain_date(stage, due, rules)
    return _sending(stage, stage_date, today, due, paused_until, rules, sent)


# How far back.


def begins(today: dt.date, rules: Rules, past: Past) -> dt.date:
    """Return the first day for which this run answers."""
    return open_days_before(rules, today, rules.catch_up) if past.resumes is None else past.resumes


def asked_from(today: dt.date, rules: Rules, past: Past) -> dt.date:
    """Return the earliest due date of which the ledger is asked."""
    day = open_days_before(rules, begins(today, rules, past), _days_asked(rules, past))
    return day if past.asked_from is None else min(day, past.asked_from)


def asked_by_its_own_rules(today: dt.date, rules: Rules, past: Past) -> dt.date:
    """Return what a run's record keeps as its earliest due date: not what it took over from earlier ones."""
    return open_days_before(rules, begins(today, rules, past), _days_asked(rules, past))


def _days_asked(rules: Rules, past: Past) -> int:
    return 2 * rules.last_step + rules.catch_up + rules.look_back * (2 if past.rules_differ else 1)


def is_asked(today: dt.date, due: dt.date, paused_until: dt.date | None, rules: Rules, past: Past) -> bool:
    """Say whether the ledger is asked for an obligation."""
    if due.year == NEVER or not _first_stage_has_come(today, due, rules):
        return False
    first = asked_from(today, rules, past)
    if due >= first:
        return True
    if paused_until is None or today <= paused_until:
        return False
    return open_on_or_after(rules, paused_until + ONE_DAY) >= first


def due_dates_asked(today: dt.date, rules: Rules, past: Past) -> list[dt.date]:
    """Return the due dates of which the ledger is asked, without those that a pause adds."""
    days, day = [], asked_from(today, rules, past)
    while _first_stage_has_come(today, day, rules):
        days.append(day)
        day += ONE_DAY
    return days


def _is_named(today: dt.date, end: dt.date, rules: Rules, past: Past) -> bool:
    if past.resumes is None:
        return end >= begins(today, rules, past)
    return past.resumes <= end + rules.look_back * (2 if past.rules_differ else 1) * ONE_DAY


def _is_forgotten(due: dt.date, rules: Rules, first_day: dt.date) -> bool:
    return rules.retention is not None and due + rules.retention * ONE_DAY < first_day


def _may_be_forgotten(due: dt.date, paused_until: dt.date | None, rules: Rules) -> bool:
    """Say whether a pause ends so late that rows may be gone while the obligation is still asked for."""
    if paused_until is None or rules.retention is None:
        return False
    resumed = open_on_or_after(rules, paused_until + ONE_DAY)
    longest = _days_asked(rules, Past(rules_differ=True))
    return open_days_after(rules, resumed, longest) > due + rules.retention * ONE_DAY
