"""What was sent, and when: the ledger's memory as rows for an auditor and as figures for a picture. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo

from due_notices.model import Obligation, notice_id
from due_notices.policy import Policy
from due_notices.ports import PastNotice
from due_notices.report import RunReport

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
class DayFacts:
    """One day in figures. `silent` is a business day, over by now, on which no run completed."""

    day: date
    notices: int = 0
    late: int = 0
    expired: int = 0
    outcome: str | None = None
    seconds: float | None = None
    closed: str | None = None
    silent: bool = False


@dataclass(slots=True)
class Tally:
    """Counts notices as they come by, keeping numbers only."""

    period: Period
    by_day: Counter[date] = field(default_factory=Counter)
    by_week: Counter[tuple[date, int]] = field(default_factory=Counter)
    unconfirmed: int = 0

    def add(self, past: PastNotice) -> None:
        """Count one."""
        day = past.business_date
        self.by_day[day] += 1
        self.by_week[monday_of(day), past.stage] += 1
        self.unconfirmed += past.state == "claimed"


@dataclass(frozen=True, slots=True)
class Overview:
    """A period in figures: what the pictures show."""

    period: Period
    days: tuple[DayFacts, ...]
    weeks: Mapping[tuple[date, int], int]
    skipped: Mapping[str, float]
    unconfirmed: int

    @property
    def notices(self) -> int:
        """How many were sent."""
        return sum(day.notices for day in self.days)

    @property
    def late(self) -> int:
        """How many of them left late, by the reports."""
        return sum(day.late for day in self.days)

    @property
    def expired(self) -> int:
        """How many stages expired unsent."""
        return sum(day.expired for day in self.days)

    @property
    def silent_days(self) -> tuple[date, ...]:
        """Business days on which no run completed."""
        return tuple(day.day for day in self.days if day.silent)

    @property
    def stages(self) -> tuple[int, ...]:
        """The stages that were sent, ascending."""
        return tuple(sorted({stage for _, stage in self.weeks}))

    @property
    def mondays(self) -> tuple[date, ...]:
        """The first day of every week of the period, those without notices included."""
        return tuple(dict.fromkeys(monday_of(day.day) for day in self.days))

    @property
    def busiest(self) -> DayFacts | None:
        """The day with the most notices."""
        return max(self.days, key=lambda day: day.notices, default=None)


def overview(tally: Tally, records: Sequence[RunReport], policy: Policy, now: datetime) -> Overview:
    """Return the figures of a period.

    Days before the first recorded run are not silent: nobody promised them. So `records` are better those of some
    weeks before the period, too.
    """
    period = tally.period
    runs = {record.business_date: record for record in records if period.first <= record.business_date <= period.last}
    over = policy.last_day_over(now)
    begun = min((record.business_date for record in records), default=None)
    days = tuple(_facts(day, tally.by_day[day], runs.get(day), policy, begun, over) for day in period.days)
    reasons: Counter[str] = Counter()
    for record in runs.values():
        reasons.update(record.skipped)
    average = {reason: count / len(runs) for reason, count in reasons.items()}
    return Overview(
        period,
        days,
        dict(tally.by_week),
        dict(sorted(average.items(), key=lambda item: (-item[1], item[0]))),
        tally.unconfirmed,
    )


def _facts(
    day: date, notices: int, record: RunReport | None, policy: Policy, begun: date | None, over: date | None
) -> DayFacts:
    closed = policy.rules.stages.calendar.why_closed(day)
    promised = closed is None and begun is not None and over is not None and begun <= day <= over
    if record is None:
        return DayFacts(day, notices, closed=closed, silent=promised)
    return DayFacts(
        day,
        notices,
        late=record.late,
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
    outage does not make all others look alike.
    """
    ordered = sorted(counts) or [1]
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
    yield f"from {first:,}"


def _moment(moment: datetime | None) -> str:
    return "" if moment is None or moment.year == 1 else f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
