"""What a run reports: one JSON object in the log, in `run --json` and in the ledger, typed both ways."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from due_notices.credentials import CredentialEnd, CredentialKind

if TYPE_CHECKING:
    from due_notices.delivery import Delivery
    from due_notices.planning import Plan

ByStage = Mapping[str, int]
LOG_PREFIX = "due-notices run "
SHARDS_AT_A_TIME = 16  # of a run in shards; the others wait for their turn


class Outcome(StrEnum):
    """How a run ended; `began` until it has."""

    BEGAN = "began"
    COMPLETED = "completed"
    FAILED = "failed"
    LIMIT = "limit"
    FALLEN = "fallen"
    OUTSIDE_WINDOW = "outside-window"
    ALREADY_COMPLETED = "already-completed"


class Waiting(NamedTuple):
    """Approximate numbers of messages; None where they are not known."""

    queue: int | None = None
    poison: int | None = None


@dataclass(slots=True)
class RunReport:
    """The figures of one run.

    Each of the `obligations` is in exactly one of `not_yet`, `over`, `owed`, `already_sent`, `expired`, `missed` and
    `skipped`. Each that is owed ends as `sent` or `failed`; if another run was quicker, it counts as `already_sent`.
    """

    run_id: str
    business_date: date
    outcome: Outcome = Outcome.FAILED
    version: str = ""
    at: datetime | None = None  # when the run ended or, while it has not, began (UTC)
    users_read: int = 0
    users_counted: int | None = None  # by the tenant; None where it does not count its users
    parts: int = 0  # in which the users were read; 0: one page after another
    obligations: int = 0
    not_yet: int = 0
    over: int = 0
    owed: int = 0
    sent: int = 0
    already_sent: int = 0
    late: int = 0
    superseded: int = 0  # stages, not obligations
    expired: int = 0
    missed: int = 0
    failed: int = 0  # not on the queue, as far as this run knows
    skipped: Mapping[str, int] = field(default_factory=dict)  # by reason
    stages: ByStage = field(default_factory=dict)  # notices sent
    unusual: bool = False  # whether `owed` is far above `usual_owed`
    usual_owed: int | None = None  # the median of the last completed days
    graph_requests: int = 0
    throttled: int = 0
    waiting: Waiting = field(default_factory=Waiting)
    seconds: Mapping[str, float] = field(default_factory=dict)  # by phase, on the wall clock
    credential: CredentialEnd | None = None
    rules_digest: str = ""  # of the settings that decide
    filter_digest: str = ""  # of USER_FILTER and the allow list
    reach: date | None = None  # the first due date that the run asked for by its own settings
    open_by_due_date: Mapping[str, int] = field(default_factory=dict)  # open obligations of the last 30 due dates
    signs: Mapping[str, str] = field(default_factory=dict)  # what is worth a look: a sentence by name
    accepted: bool = False  # whether an operator accepted the numbers as normal
    shards: int = 0  # in which an orchestration reads and sends; 0: one instance does all
    note: str | None = None
    error: str | None = None
    name_counts: Mapping[str, int] = field(default_factory=dict)  # users by part; only the ledger's row keeps them

    @property
    def ok(self) -> bool:
        """Whether nothing needs to be done."""
        return self.outcome not in {Outcome.BEGAN, Outcome.FAILED, Outcome.LIMIT, Outcome.FALLEN}

    @property
    def completed(self) -> bool:
        """Whether the day's run left nothing to do."""
        return self.outcome is Outcome.COMPLETED

    def ends_by(self, longest: timedelta) -> datetime | None:
        """Return by when a run that is at work must have ended; None where it has ended, or does not say when it began.

        `longest` is how long a run may take; a run in shards may take it for each of its steps.
        """
        if self.outcome is not Outcome.BEGAN or self.at is None:
            return None
        return self.at + longest * steps_of(self.shards)

    def is_at_work(self, now: datetime, longest: timedelta) -> bool:
        """Whether it began, and may still end."""
        ends = self.ends_by(longest)
        return ends is not None and now <= ends

    def time(self, phase: str, seconds: float) -> None:
        """Record how long a phase took."""
        self.seconds = {**self.seconds, phase: seconds}

    def fail(self, why: str) -> None:
        """Record that the run failed. The same sentence may come from sending and from recording."""
        self.outcome = Outcome.FAILED
        if why not in (self.error or ""):
            self.error = "; ".join(filter(None, (self.error, why)))

    def stop_at(self, limit: int, *, missed: bool) -> None:
        """Record that the run would have sent more than the limit; `missed`: with what `run --missed` sends."""
        option = " --missed" if missed else ""
        then = "call `due-notices run --missed` again" if missed else "the next tick sends them"
        self.outcome = Outcome.LIMIT
        self.error = (
            f"{self.owed:,} notices are owed and NOTICE_LIMIT is {limit:,}: nothing was sent. Look at them with "
            f"`due-notices preview{option}`; if they are right, raise NOTICE_LIMIT, and {then}"
        )

    def fall(self, why: str, remedy: str) -> None:
        """Record that far too little was found: what was owed is sent, and the day stays open."""
        if self.completed:
            self.outcome = Outcome.FALLEN
        self.error = "; ".join(filter(None, (self.error, f"{why}. What is owed was sent; {remedy}")))

    def take_plan(self, plan: Plan) -> None:
        """Take the figures of what was read and decided."""
        self.users_read, self.obligations = plan.users_read, plan.obligations
        self.not_yet, self.over, self.already_sent = plan.not_yet, plan.over, plan.already_sent
        self.owed, self.missed, self.expired = len(plan.notices), plan.missed, plan.expired
        self.skipped = {reason.value: count for reason, count in plan.skipped.items()}
        self.open_by_due_date = {due.isoformat(): count for due, count in plan.open_by_due_date.items()}

    def take_delivery(self, delivery: Delivery) -> None:
        """Take what became of the owed notices; the run is completed if all of them are on the queue."""
        self.sent, self.late, self.superseded = delivery.sent, delivery.late, delivery.superseded
        self.owed -= delivery.sent_by_others  # another run was quicker
        self.already_sent += delivery.sent_by_others
        self.failed = self.owed - delivery.sent
        self.stages = {str(stage): count for stage, count in sorted(delivery.stages.items())}
        texts = (f"{text} ({count} times)" if count > 1 else text for text, count in delivery.problems.items())
        self.error = "; ".join(texts) or None
        if not self.failed and not delivery.problems:
            self.outcome = Outcome.COMPLETED

    def add(self, other: RunReport) -> None:
        """Add the figures of a shard to those of the others."""
        for name in (*_SEEN, *_DONE):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _COUNTED:
            counts = Counter(getattr(self, name))
            counts.update(getattr(other, name))
            setattr(self, name, dict(sorted(counts.items())))
        self.credential = self.credential or other.credential

    def take_sum(self, total: RunReport) -> None:
        """Take the figures of a sum instead of its own."""
        for name in (*_SEEN, *_DONE, *_COUNTED):
            setattr(self, name, getattr(total, name))

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON values, with the names that alerts and programs read."""
        names = (each.name for each in dataclasses.fields(self) if each.name != "name_counts")
        return {_json_name(name): _to_json(getattr(self, name)) for name in names}

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> RunReport:
        """Read a report back. Unknown fields are ignored; absent and unreadable ones have their defaults.

        Raises ValueError where run, business date or outcome are missing: nothing can be said of such a run.
        """
        try:
            report = cls(str(found["runId"]), date.fromisoformat(found["businessDate"]), Outcome(found["outcome"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"a run's report lacks {error}") from error
        for each in dataclasses.fields(cls):
            read = _READERS.get(str(each.type))
            value = found.get(_json_name(each.name))
            if read is not None and value is not None:
                try:
                    setattr(report, each.name, read(value))
                except (ValueError, TypeError, AttributeError, KeyError):
                    continue
        return report

    def to_json(self) -> str:
        """Return the report on one line of ASCII, whatever an error text may hold."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    def log_line(self) -> str:
        """Return the line that alerts and the workbook look for."""
        return LOG_PREFIX + self.to_json()


def steps_of(shards: int) -> int:
    """Return how many steps of a run in so many shards come one after another; 1 for a run in one instance.

    They are prepare, judge and record; between these all shards count, and later all send, some at a time.
    """
    return 3 + 2 * math.ceil(shards / SHARDS_AT_A_TIME) if shards else 1


def by_date_and_time(report: RunReport) -> tuple[date, datetime]:
    """Return what runs are ordered by: their date and, on one date, their end."""
    return report.business_date, report.at or datetime.min.replace(tzinfo=UTC)


def by_day(runs: Iterable[RunReport]) -> list[RunReport]:
    """Return one report for each business date of some runs, the oldest first.

    What was done adds up over a day's runs; what was seen is that of the last run that ended and saw anything. A day is
    completed if one of its runs was, whatever came after.
    """
    return [
        _day(list(reports))
        for _, reports in itertools.groupby(sorted(runs, key=by_date_and_time), key=lambda run: run.business_date)
    ]


def of_filter(runs: Sequence[RunReport], digest: str) -> Sequence[RunReport]:
    """Return the runs with the same USER_FILTER and allow list, or all where there is none."""
    return [run for run in runs if run.filter_digest == digest] or runs


def _day(runs: Sequence[RunReport]) -> RunReport:
    ended = [run for run in runs if run.outcome is not Outcome.BEGAN]
    if not ended:
        return runs[-1]
    # A run that failed before it had read the users has seen nothing, and hides nothing that was seen before it.
    saw = (run for run in reversed(ended) if run.users_read or run.outcome is not Outcome.FAILED)
    last_seen = next(saw, ended[-1])
    seen = {name: getattr(last_seen, name) for name in (*_SEEN, *_OF_WHAT_WAS_SEEN)}
    done = {name: sum(getattr(run, name) for run in ended) for name in _DONE}
    stages: Counter[str] = Counter()
    for run in ended:
        stages.update(run.stages)
    return dataclasses.replace(
        ended[-1],
        outcome=Outcome.COMPLETED if any(run.completed for run in ended) else runs[-1].outcome,
        at=runs[-1].at,
        stages={stage: stages[stage] for stage in sorted(stages, key=int)},
        **seen,
        **done,
    )


_DONE = ("sent", "late", "superseded", "graph_requests", "throttled")
"""What was done: these figures add up over the runs of a day, and over the shards of a run."""
_SEEN = ("users_read", "parts", "obligations", "not_yet", "over", "owed", "already_sent", "expired", "missed", "failed")
_OF_WHAT_WAS_SEEN = ("users_counted", "skipped", "open_by_due_date", "unusual", "usual_owed", "signs", "reach")
_COUNTED = ("skipped", "stages", "open_by_due_date")
"""Further figures that add up over the shards of a run: numbers, and numbers by name."""


def _json_name(name: str) -> str:
    return re.sub("_(.)", lambda found: found[1].upper(), name)


def _to_json(value: Any) -> Any:
    match value:
        case Waiting() | CredentialEnd():
            return _to_json({_json_name(name): each for name, each in value._asdict().items()})
        case Mapping():
            return {str(name): _to_json(each) for name, each in value.items()}
        case date():  # a moment is one, too
            return value.isoformat().replace("+00:00", "Z")
        case float():
            return round(value, 3)
        case StrEnum():
            return value.value
    return value


def _of(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise TypeError
        return value

    return read


_count = _of(int)


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:  # it cannot be compared with the others
        raise ValueError(value)
    return moment


def _numbers(value: Any) -> dict[str, float]:
    return {str(name): each for name, each in value.items() if isinstance(each, int | float)}


def _by_stage(value: Any) -> dict[str, int]:
    return {str(int(stage)): _count(count) for stage, count in value.items()}


def _texts(value: Any) -> dict[str, str]:
    return {str(name): each for name, each in value.items() if isinstance(each, str)}


def _waiting(value: Any) -> Waiting:
    counts = (value.get(name) for name in Waiting._fields)
    return Waiting(*(count if isinstance(count, int) else None for count in counts))


def _credential(value: Any) -> CredentialEnd:
    left = value["daysLeft"]
    return CredentialEnd(CredentialKind(value["kind"]), None if left is None else _count(left))


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "str": _of(str),
    "str | None": _of(str),
    "int": _count,
    "int | None": _count,
    "bool": _of(bool),
    "date | None": date.fromisoformat,
    "datetime | None": _moment,
    "ByStage": _by_stage,
    "Mapping[str, int]": _numbers,
    "Mapping[str, str]": _texts,
    "Mapping[str, float]": _numbers,
    "Waiting": _waiting,
    "CredentialEnd | None": _credential,
}
