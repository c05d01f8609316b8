"""What was sent, and when: the ledger's memory as rows for an auditor and as figures for a picture. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta, tzinfo

from due_notices.model import Obligation, Reason, notice_id
from due_notices.policy import Policy
from due_notices.ports import PastNotice
from due_notices.report import Outcome, RunReport

COLUMNS = (
    "sent_at",
    "business_date",
    "state",
    "due_date",
    "stage",
    "user_id",
    "notice_id",
    "message_id",
    "message_sha256",
    "claim_id",
    "claimed_at",
    "ledger_row",
)


@dataclass(frozen=True, slots=True)
class Period:
    """Days of sending, the first and the last included, in the business time zone."""

    first: date
    last: date
    time_zone: tzinfo

    @property
    def days(self) -> list[date]:
        """Every day of it."""
        return [self.first + timedelta(days=offset) for offset in range((self.last - self.first).days + 1)]


def is_about(past: PastNotice, reference: str) -> bool:
    """Whether a notice is about the obligation with this reference.

    The ledger keeps no reference, but the notice's id is made of it: the same facts give the same id.
    """
    return past.notice_id == notice_id(past.user_id, Obligation(past.due, reference), past.stage)


def row(past: PastNotice) -> dict[str, str]:
    """Return one notice under the names of `COLUMNS`; moments are UTC in ISO 8601."""
    return {
        "sent_at": _moment(past.sent_at),
        "business_date": past.business_date.isoformat(),
        "state": past.state,
        "due_date": past.due.isoformat(),
        "stage": str(past.stage),
        "user_id": past.user_id,
        "notice_id": past.notice_id,
        "message_id": past.message_id,
        "message_sha256": past.message_hash,
        "claim_id": past.claim_id,
        "claimed_at": _moment(past.claimed_at),
        "ledger_row": past.row,
    }


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose notices an audit is about: one customer's, those about one reference, both, or all."""

    user: str | None = None
    reference: str | None = None

    @property
    def everybody(self) -> bool:
        """Whether it is about all notices, so that the runs' reports speak of the same ones."""
        return self.user is None and self.reference is None


EVERYBODY = Subject()


@dataclass(frozen=True, slots=True)
class DayFacts:
    """One day in figures.

    `missed` and `expired` are what the day's run named as given up, as it also does on the days after; `given_up` are
    those that no earlier run had counted, `after_all` those of earlier days that were sent by `run --missed` all the
    same. `silent` is a business day, over by now, on which no run completed.
    """

    day: date
    notices: int = 0
    late: int = 0
    missed: int = 0
    expired: int = 0
    given_up: int = 0
    after_all: int = 0
    outcome: str | None = None
    seconds: float | None = None
    closed: str | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Outage:
    """Silent days in a row, with nothing but closed days between them, and what the next completed run had to report.

    `ended` says whether there is such a run in the period.
    """

    first: date
    last: date
    days: int
    late: int = 0
    given_up: int = 0
    ended: bool = False


@dataclass(slots=True)
class Tally:
    """Counts notices as they come by, keeping numbers only."""

    period: Period
    by_day: Counter[date] = field(default_factory=Counter)
    by_week: Counter[tuple[date, int]] = field(default_factory=Counter)
    unconfirmed: int = 0
    customers: set[int] = field(default_factory=set)
    due_dates: set[date] = field(default_factory=set)

    def add(self, past: PastNotice) -> None:
        """Count one."""
        day = past.business_date
        self.by_day[day] += 1
        self.by_week[monday_of(day), past.stage] += 1
        self.unconfirmed += past.state == "claimed"
        self.customers.add(hash(past.user_id))
        self.due_dates.add(past.due)


@dataclass(frozen=True, slots=True)
class Overview:
    """A period in figures: what the page shows.

    Where it is about one customer or reference, there are none of the runs' own figures: those are of all customers.
    `unreachable` are the obligations without any contact that the last completed run saw, None where none completed.
    `first_run` is the first day ever recorded, where it lies in the period. `recorded` says whether any run is on
    record, of the period or before; `up_to_now` whether the period reaches the last day that is over.
    """

    period: Period
    days: tuple[DayFacts, ...]
    weeks: Mapping[tuple[date, int], int]
    skipped: Mapping[str, float]
    unconfirmed: int
    customers: int = 0
    due_dates: int = 0
    unreachable: int | None = None
    first_run: date | None = None
    recorded: bool = False
    up_to_now: bool = True
    subject: Subject = EVERYBODY

    @property
    def notices(self) -> int:
        """How many were sent."""
        return sum(day.notices for day in self.days)

    @property
    def late(self) -> int:
        """How many of them left late, by the reports."""
        return sum(day.late for day in self.days)

    @property
    def never_sent(self) -> int:
        """How many obligations were given up, each counted once, and not notified after all."""
        return max(0, sum(day.given_up - day.after_all for day in self.days))

    @property
    def completed(self) -> int:
        """On how many days a run completed."""
        return sum(day.outcome == Outcome.COMPLETED for day in self.days)

    @property
    def silent_days(self) -> tuple[date, ...]:
        """Business days on which no run completed."""
        return tuple(day.day for day in self.days if day.silent)

    @property
    def sending_days(self) -> tuple[date, ...]:
        """Days on which anything was sent."""
        return tuple(day.day for day in self.days if day.notices)

    @property
    def outages(self) -> tuple[Outage, ...]:
        """The silent days, those of one outage together."""
        found: list[Outage] = []
        for day in self.days:
            running = bool(found) and not found[-1].ended
            if day.silent and running:
                found[-1] = replace(found[-1], last=day.day, days=found[-1].days + 1)
            elif day.silent:
                found.append(Outage(day.day, day.day, 1))
            elif running and day.outcome == Outcome.COMPLETED:
                found[-1] = replace(found[-1], late=day.late, given_up=day.given_up, ended=True)
        return tuple(found)

    @property
    def by_stage(self) -> Mapping[int, int]:
        """How many were sent at each stage, by ascending stages."""
        totals: Counter[int] = Counter()
        for (_, stage), count in self.weeks.items():
            totals[stage] += count
        return dict(sorted(totals.items()))

    @property
    def most_of_a_week(self) -> int:
        """The most that were sent at one stage in one week."""
        return max(self.weeks.values(), default=0)

    @property
    def mondays(self) -> tuple[date, ...]:
        """The first day of every week of the period, those without notices included."""
        return tuple(dict.fromkeys(monday_of(day.day) for day in self.days))

    @property
    def busiest(self) -> DayFacts | None:
        """The day with the most notices."""
        return max(self.days, key=lambda day: day.notices, default=None)


def overview(
    tally: Tally, records: Sequence[RunReport], policy: Policy, now: datetime, subject: Subject = EVERYBODY
) -> Overview:
    """Return the figures of a period.

    Days before the first recorded run are not silent: no run was due then. So `records` should reach back some weeks
    before the period.
    """
    period = tally.period
    runs = {record.business_date: record for record in records if period.first <= record.business_date <= period.last}
    over = policy.last_day_over(now)
    begun = min((record.business_date for record in records), default=None)
    days = [_facts(day, tally.by_day[day], runs.get(day), policy, begun, over) for day in period.days]
    if subject.everybody:
        days = list(_with_given_up(days, _changes_of_given_up(records)))
    else:
        days = [replace(day, late=0, missed=0, expired=0, seconds=None) for day in days]
    completed = [record for record in runs.values() if record.completed]
    return Overview(
        period,
        tuple(days),
        dict(tally.by_week),
        _average_skips(runs.values()) if subject.everybody else {},
        tally.unconfirmed,
        customers=len(tally.customers),
        due_dates=len(tally.due_dates),
        unreachable=completed[-1].skipped.get(Reason.UNREACHABLE, 0) if completed and subject.everybody else None,
        first_run=begun if begun in runs else None,
        recorded=bool(records),
        up_to_now=over is None or period.last >= over,
        subject=subject,
    )


def _changes_of_given_up(records: Iterable[RunReport]) -> Mapping[date, int]:
    """Return by how many each completed run named more, or fewer, obligations as given up than the one before it.

    A run names an obligation for weeks, so that the numbers of the days do not add up; and a run that broke off may
    have named none. Where some are named no more on the day on which others are named first, these are too few.
    """
    found, before = {}, 0
    for record in sorted(records, key=lambda each: each.business_date):
        if record.completed:
            named = record.missed + record.expired
            found[record.business_date] = named - before
            before = named
    return found


def _with_given_up(days: Iterable[DayFacts], changes: Mapping[date, int]) -> Iterator[DayFacts]:
    """Yield the days with those newly given up, and those who were notified after all.

    These leave late and are named no more. Late ones right after an outage are not such ones: it made them late.
    """
    after_outage = False
    for day in days:
        change = changes.get(day.day, 0)
        after_all = 0 if after_outage else min(max(0, -change), day.late)
        yield replace(day, given_up=max(0, change), after_all=after_all)
        after_outage = day.silent or (after_outage and day.outcome != Outcome.COMPLETED)


def _average_skips(runs: Collection[RunReport]) -> Mapping[str, float]:
    reasons: Counter[str] = Counter()
    for record in runs:
        reasons.update(record.skipped)
    return {
        reason: count / len(runs)
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
        if count
    }


def _facts(
    day: date,
    notices: int,
    record: RunReport | None,
    policy: Policy,
    begun: date | None,
    over: date | None,
) -> DayFacts:
    closed = policy.rules.stages.calendar.why_closed(day)
    promised = closed is None and begun is not None and over is not None and begun <= day <= over
    if record is None:
        return DayFacts(day, notices, closed=closed, silent=promised)
    return DayFacts(
        day,
        notices,
        late=record.late,
        missed=record.missed,
        expired=record.expired,
        outcome=record.outcome,
        seconds=record.seconds.get("total"),
        closed=closed,
        silent=promised and not record.completed,
    )


def monday_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def steps(counts: Sequence[int], count: int) -> tuple[int, ...]:
    """Return at most `count` - 1 bounds, ascending, that part usual numbers into ranges of equal width.

    The lowest and the highest tenth of the numbers lie in the open ranges at the ends, so that one day after an
    outage does not make all others look alike. Fewer different numbers than ranges are not parted.
    """
    if len(set(counts)) < count:
        return ()
    ordered = sorted(counts)
    low, high = ordered[len(ordered) // 10], ordered[len(ordered) * 9 // 10]
    width = max(high - low, count) / (count - 1)
    bounds = (round(low + width * (step + 0.5)) for step in range(count - 1))
    return tuple(dict.fromkeys(max(bound, 2) for bound in bounds))


def ranges(bounds: Sequence[int]) -> Iterator[str]:
    """Yield the ranges between bounds as people write them: 1-9, 10-19, from 20."""
    first = 1
    for bound in bounds:
        yield f"{first:,}" if first == bound - 1 else f"{first:,}–{bound - 1:,}"
        first = bound
    yield f"from {first:,}" if bounds else "some"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None or moment.year == 1 else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
