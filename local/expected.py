"""Who is owed what: a second opinion, worked out without the program's own code.

Written from the rules alone, so that a mistake of the program is not made twice; slow and plain on purpose.
`expected` is everybody; `decide`, in `expected_decision`, is one obligation; `expected_values` reads one value.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import holidays

from local.customers import SAMPLE_OPT_OUT
from local.expected_decision import (
    ONE_DAY,
    Decision,
    Past,
    Rules,
    Sending,
    always_open,
    asked_by_its_own_rules,
    decide,
    due_dates_asked,
    is_asked,
    open_days_before,
)
from local.expected_values import Malformed, Value, raw_values, read_value, reason_to_skip

__all__ = [
    "CompletedRun",
    "Decision",
    "Expected",
    "ExpectedNotice",
    "Past",
    "Rules",
    "Sending",
    "SentRow",
    "asked_by_its_own_rules",
    "decide",
    "due_dates_asked",
    "expected",
    "notice_id",
    "obligation_key",
    "open_obligations",
    "past_of",
    "rules_of",
    "user_key",
]


DEFAULTS = Rules()
FIRST_RUN = Past()


@dataclass(frozen=True, slots=True)
class CompletedRun:
    """What the ledger keeps of a completed run."""

    day: dt.date
    rules: str = ""
    filter: str = ""
    asked_from: dt.date | None = None


class SentRow(NamedTuple):
    """A sent notice in the ledger: partition, the two halves of the row's key, the stage, the day of its run."""

    due: dt.date
    user_key: str
    obligation_key: str
    stage: int
    day: dt.date
    has_reference: bool


class ExpectedNotice(NamedTuple):
    """What identifies a notice, and how it is sent."""

    user_id: str
    due: dt.date
    reference: str
    amount: str
    currency: str
    sending: Sending

    @property
    def id(self) -> str:
        """The idempotency key, by its definition."""
        facts = (self.due, self.reference, self.amount, self.currency)
        return notice_id(self.user_id, *facts, self.sending.stage)

    def row(self, day: dt.date) -> SentRow:
        """Return the row that it leaves in the ledger, sent on `day`."""
        key = obligation_key(self.due, self.reference, self.amount, self.currency)
        return SentRow(self.due, user_key(self.user_id), key, self.sending.stage, day, bool(self.reference))


@dataclass(slots=True)
class Expected:
    """What a run comes to. `obligations` counts values; `by_hand` are the notices of `run --missed`, by id."""

    obligations: int = 0
    figures: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    notices: dict[str, ExpectedNotice] = field(default_factory=dict)
    by_hand: dict[str, ExpectedNotice] = field(default_factory=dict)

    def rows(self, day: dt.date) -> list[SentRow]:
        """Return the rows that the notices leave in the ledger, sent on `day`."""
        return [notice.row(day) for notice in self.notices.values()]

    @property
    def superseded(self) -> int:
        """How many stages the notices leave behind."""
        return sum(len(notice.sending.superseded) for notice in self.notices.values())

    @property
    def late(self) -> int:
        """How many of the notices are late."""
        return sum(notice.sending.late for notice in self.notices.values())


def user_key(user_id: str) -> str:
    """Return the first half of a row's key."""
    return _digest(user_id)[:16]


def obligation_key(due: dt.date, reference: str, amount: str, currency: str) -> str:
    """Return the second half of a row's key."""
    return _digest(due, reference, amount, currency)[:16]


def notice_id(user_id: str, due: dt.date, reference: str, amount: str, currency: str, stage: int) -> str:
    """Return the id of a notice."""
    return _digest(user_id, due, reference, amount, currency, stage)[:32]


def batch_id(user_id: str, business_date: object) -> str:
    """Return what the notices of one user on one business date have in common."""
    return _digest(user_id, business_date)[:32]


def _digest(*facts: object) -> str:
    return hashlib.sha256("\u001f".join(map(str, facts)).encode()).hexdigest()


def rules_of(settings: Mapping[str, str]) -> Rules:
    """Return the rules by the program's settings; of calendars, countries and their parts alone."""
    values = {name: text.strip() for name, text in settings.items()}
    before, after = values.get("DAYS_BEFORE_DUE", "7,3,1,0"), values.get("DAYS_AFTER_DUE", "")
    stages = [-int(number) for number in before.split(",") if number]
    stages += [int(number) for number in after.split(",") if number]
    least = 2 * max(0, *stages) + 14
    closed: Callable[[dt.date], bool] = always_open
    if values.get("BUSINESS_CALENDAR"):
        country, _, part = values["BUSINESS_CALENDAR"].partition("-")
        closed = _closed_by(holidays.country_holidays(country, subdiv=part or None))
    return Rules(
        tuple(sorted(stages)),
        int(values.get("CATCH_UP_DAYS") or 3),
        int(values.get("LOOK_BACK_DAYS") or max(30, least)),
        closed,
        int(values.get("LEDGER_RETENTION_DAYS") or 400),
    )


def _closed_by(calendar: holidays.HolidayBase) -> Callable[[dt.date], bool]:
    return lambda day: not calendar.is_working_day(day)


def past_of(
    today: dt.date, rules: Rules, runs: Iterable[CompletedRun], rules_digest: str = "", filter_digest: str = ""
) -> Past:
    """Return what the completed runs, in the order in which they ended, mean for a run of `today`."""
    earlier = [run for run in runs if run.day < today]
    same = [run for run in earlier if run.filter == filter_digest] or earlier
    if not same:
        return Past()
    newest = max(run.day for run in same)
    last = [run for run in same if run.day == newest][-1]
    resumes = last.day + ONE_DAY
    since = open_days_before(rules, resumes, rules.last_step + rules.catch_up)
    kept = [run.asked_from for run in earlier if run.asked_from is not None and since <= run.day < resumes]
    return Past(resumes, rules_differ=last.rules != rules_digest, asked_from=min(kept, default=None))


def expected(
    users: Iterable[Mapping[str, Any]],
    attribute: str,
    today: dt.date,
    rules: Rules = DEFAULTS,
    past: Past = FIRST_RUN,
    rows: Collection[SentRow] = (),
    *,
    zone: dt.tzinfo = dt.UTC,
    opt_out_attribute: str = SAMPLE_OPT_OUT,
    allowed: Collection[str] = (),
) -> Expected:
    """Return what a run of `today` counts and sends, by the directory's users and the ledger's rows before it.

    Without more it is the first run, with the program's default settings.
    """
    result = Expected()
    rows_of = _by_user(rows)
    for user in users:
        user_id, reason = str(user["id"]), reason_to_skip(user, opt_out_attribute, allowed)
        mine = rows_of.get(user_key(user_id), ())
        values, malformed = [], 0
        for raw in raw_values(user, attribute):
            try:
                values.append(read_value(raw, today, zone))
            except Malformed:
                malformed += 1
        obligations = list(_obligations(values))
        result.obligations += len(values) + malformed
        result.skipped.update(malformed=malformed, duplicate=len(values) - len(obligations))
        listed = {obligation_key(*value.key) for value, _ in obligations}
        for value, paused_until in obligations:
            alone = malformed == 0 and sum(other.due == value.due for other, _ in obligations) == 1
            own, sent = _history(value, mine, listed, alone=alone)
            if reason is not None and is_asked(today, value.due, paused_until, rules, past):
                result.skipped[reason] += 1
                continue
            if value.standing != "open":
                result.skipped[value.standing] += 1
                continue
            decision = decide(today, value.due, paused_until, rules, past, sent, sent_itself=own)
            if decision.figure == "paused":
                result.skipped["paused"] += 1
                continue
            result.figures[decision.figure] += 1
            for sending, where in ((decision.sending, result.notices), (decision.if_missed, result.by_hand)):
                if sending is not None:
                    due, reference, amount, currency = value.key
                    notice = ExpectedNotice(user_id, due, reference, amount, currency, sending)
                    where[notice.id] = notice
    result.skipped = +result.skipped
    return result


def _by_user(rows: Iterable[SentRow]) -> Mapping[str, Sequence[SentRow]]:
    found: dict[str, list[SentRow]] = defaultdict(list)
    for row in rows:
        found[row.user_key].append(row)
    return found


def open_obligations(
    user: Mapping[str, Any], attribute: str, today: dt.date, zone: dt.tzinfo = dt.UTC
) -> Iterator[tuple[Value, dt.date | None]]:
    """Yield what a user who can be notified owes and is not paused today, with the day on which a pause ended."""
    if reason_to_skip(user, "", ()) is not None:
        return
    values = []
    for raw in raw_values(user, attribute):
        with contextlib.suppress(Malformed):
            values.append(read_value(raw, today, zone))
    for value, paused_until in _obligations(values):
        if value.standing == "open" and (paused_until is None or paused_until < today):
            yield value, paused_until


def _obligations(values: Sequence[Value]) -> Iterator[tuple[Value, dt.date | None]]:
    """Yield the value that speaks for each key, and the latest pause of the open ones."""
    for key in dict.fromkeys(value.key for value in values):
        same = [value for value in values if value.key == key]
        speaker = min(same, key=lambda value: value.rank)
        pauses = [value.paused_until for value in same if value.standing == "open" and value.paused_until is not None]
        yield speaker, max(pauses, default=None) if speaker.standing == "open" else None


def _history(
    value: Value, rows: Iterable[SentRow], listed: Collection[str], *, alone: bool
) -> tuple[bool, dict[int, dt.date]]:
    """Return whether something was sent under the obligation's own key, and all that was sent of it."""
    key, own, sent = obligation_key(*value.key), False, dict[int, dt.date]()
    for row in rows:
        if row.due != value.due:
            continue
        inherited = alone and row.obligation_key not in listed and not (value.reference and row.has_reference)
        if row.obligation_key == key or inherited:
            own = own or row.obligation_key == key
            sent[row.stage] = max(row.day, sent.get(row.stage, row.day))
    return own, sent
