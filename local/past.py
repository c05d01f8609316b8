"""A made-up past: eight weeks of runs and notices, so that the first run is an ordinary day and an audit shows much.

What the sample customers were sent is worked out from their values; the others in it do not exist. It has what two
real months have: busy month ends, quiet weekends, two days that were missed and caught up, and one outage that
outlasted the catch-up days.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from local.expected import ExpectedNotice, Past, Rules, Sending, SentRow, expected, open_obligations, rules_of
from local.stack import TABLE, LocalStack

if TYPE_CHECKING:
    from azure.data.tables import TableClient

DAYS = 56
STAGES = (-7, -3, -1, 0)
CATCH_UP_DAYS = 3
SHORT_OUTAGE = (41, 42)
"""Days counted from the first one."""
LONG_OUTAGE = (19, 20, 21, 22, 23)
_CUSTOMERS = 1_700
_MOST_ROWS = 100  # of one transaction
_COMES_LATE = 12  # one in so many of yesterday's values came today


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: how many notices, and the rows of the sample customers among them."""

    notices: int
    rows: Sequence[SentRow]

    def before(self, today: dt.date) -> Past:
        """Return what it means for a run of `today`."""
        return Past(resumes=today)


class _Sent(NamedTuple):
    user_id: str
    notice_id: str
    row: SentRow


def furnish_past(
    stack: LocalStack, users: Sequence[Mapping[str, Any]], today: dt.date, environ: Mapping[str, str]
) -> Written:
    """Write the made-up past into the stack's ledger."""
    from azure.data.tables import TableClient

    options: dict[str, Any] = {"use_env_settings": False}
    with TableClient.from_connection_string(stack.azurite.connection_string, TABLE, **options) as table:
        return write_past(table, users, today, environ)


def write_past(
    table: TableClient, users: Sequence[Mapping[str, Any]], today: dt.date, environ: Mapping[str, str], seed: int = 1
) -> Written:
    """Fill an empty ledger with the eight weeks before `today`.

    `environ` are the settings of the deployment that the ledger is to belong to, and `users` its customers.
    """
    rng = random.Random(seed)  # noqa: S311 (sample data)
    table.create_entity(_format_row(environ))
    attribute, rules = environ["DUE_DATE_ATTRIBUTE"], rules_of(environ)
    real = list(_sent_before(users, attribute, today, rules))
    by_day: dict[dt.date, list[_Sent]] = defaultdict(list)
    for each in real:
        by_day[each.row.day].append(each)
    rows = [each.row for each in real]
    listed = [user for user in users if user["accountEnabled"]]
    seen = expected(listed, attribute, today, rules, Past(resumes=today), rows)
    usual = {"users_read": len(listed), "obligations": seen.obligations, "skipped": seen.skipped}
    notices = len(real)
    gone: list[tuple[dt.date, int]] = []
    missed: list[tuple[dt.date, int, int]] = []
    for offset in range(DAYS):
        day = today - dt.timedelta(days=DAYS - offset)
        at = dt.datetime.combine(day, dt.time(8, 0, 3), dt.UTC)
        _write_real(table, rng, at, by_day.get(day, ()))
        owed = [(day - dt.timedelta(days=stage), stage, _count(rng, day, stage)) for stage in STAGES]
        if offset in SHORT_OUTAGE or offset in LONG_OUTAGE:
            missed += [(day, *each[1:]) for each in owed]
            continue
        late = [each for each in missed if (day - each[0]).days <= CATCH_UP_DAYS]
        gone.append((day, sum(count for _, _, count in missed) - sum(count for _, _, count in late)))
        expired = sum(count for when, count in gone if (day - when).days < rules.look_back)  # each run names them
        caught_up = [(when - dt.timedelta(days=stage), stage, count) for when, stage, count in late]
        run = uuid.UUID(int=rng.getrandbits(128)).hex
        for due, stage, count in (*owed, *caught_up):
            _write(table, _rows(rng, at, due, stage, count))
            notices += count
        sent = sum(count for _, _, count in (*owed, *caught_up)) + len(by_day.get(day, ()))
        figures = {**usual, "sent": sent, "late": sum(count for _, _, count in late), "expired": expired}
        table.upsert_entity(_run_row(rng, run, at, figures, environ))
        missed.clear()
    return Written(notices, rows)


def _sent_before(users: Iterable[Mapping[str, Any]], attribute: str, today: dt.date, rules: Rules) -> Iterator[_Sent]:
    """Yield what the customers were sent in these weeks, each stage on its day, but for a few that come late."""
    first, yesterday = today - dt.timedelta(days=DAYS), today - dt.timedelta(days=1)
    came_yesterday = 0
    for user in users:
        for value, paused_until in open_obligations(user, attribute, today):
            resumed = first if paused_until is None else paused_until + dt.timedelta(days=1)
            days = [(max(value.due + dt.timedelta(days=stage), resumed), stage) for stage in rules.stages]
            for day, stage in sorted(each for each in days if first <= each[0] < today):
                came_yesterday += day == yesterday
                if day == yesterday and came_yesterday % _COMES_LATE == 0:
                    continue
                sending = Sending(stage, day, late=False, expires=today, superseded=(), previous_stage=None)
                due, reference, amount, currency = value.key
                notice = ExpectedNotice(str(user["id"]), due, reference, amount, currency, sending)
                yield _Sent(notice.user_id, notice.id, notice.row(day))


def _write_real(table: TableClient, rng: random.Random, at: dt.datetime, sent: Iterable[_Sent]) -> None:
    by_due: dict[dt.date, list[dict[str, Any]]] = defaultdict(list)
    claim = f"{rng.getrandbits(128):032x}"
    for user_id, notice_id, row in sent:
        key = f"{row.user_key}{row.obligation_key}_{row.stage}"
        entity = _row(rng, at, row.due, key, claim, notice_id)
        by_due[row.due].append({**entity, "hasReference": row.has_reference, "userId": user_id})
    for rows in by_due.values():
        _write(table, iter(rows))


def _count(rng: random.Random, day: dt.date, stage: int) -> int:
    """Return how many fall due that day: more towards the end of a month, fewer at weekends."""
    due = day - dt.timedelta(days=stage)
    month_end = 1.9 if due.day >= 28 or due.day <= 2 else 1.0  # noqa: PLR2004
    weekend = 0.55 if due.weekday() >= 5 else 1.0  # noqa: PLR2004
    return max(1, round(rng.gauss(9, 1.6) * month_end * weekend))


def _rows(rng: random.Random, at: dt.datetime, due: dt.date, stage: int, count: int) -> Iterator[dict[str, Any]]:
    claim = f"{rng.getrandbits(128):032x}"
    for _ in range(count):
        yield _row(rng, at, due, f"{rng.getrandbits(128):032x}_{stage}", claim, f"{rng.getrandbits(128):032x}")


def _row(rng: random.Random, at: dt.datetime, due: dt.date, key: str, claim: str, identifier: str) -> dict[str, Any]:
    return {
        "PartitionKey": due.isoformat(),
        "RowKey": key,
        "noticeId": identifier,
        "hasReference": True,
        "state": "sent",
        "claimId": claim,
        "claimedAt": at,
        "businessDate": at.date().isoformat(),
        "sentAt": at + dt.timedelta(seconds=rng.random() * 3),
        "userId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"made-up customer {rng.getrandbits(128) % _CUSTOMERS}")),
        "messageId": str(uuid.UUID(int=rng.getrandbits(128))),
        "messageHash": hashlib.sha256(identifier.encode()).hexdigest(),
    }


def _write(table: TableClient, rows: Iterator[dict[str, Any]]) -> None:
    while chunk := list(islice(rows, _MOST_ROWS)):
        table.submit_transaction([("create", row) for row in chunk])


def _format_row(environ: Mapping[str, str]) -> dict[str, Any]:
    from due_notices.adapters.table_rows import owner_entity
    from due_notices.ownership import FORMAT, Deployment, Owner

    names = ("GRAPH_TENANT_ID", "DUE_DATE_ATTRIBUTE", "NOTICE_QUEUE")
    return owner_entity(Owner(FORMAT, Deployment(*(environ[name] for name in names))))


def _run_row(
    rng: random.Random, run: str, at: dt.datetime, figures: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, Any]:
    from due_notices.adapters.table_rows import run_entity
    from due_notices.credentials import CredentialEnd, CredentialKind
    from due_notices.model import Reason
    from due_notices.report import Outcome, RunReport
    from due_notices.settings import Settings

    sent, rules = figures["sent"], Settings.from_mapping(environ).policy.rules
    report = RunReport(
        run,
        at.date(),
        Outcome.COMPLETED,
        at=at,
        users_read=figures["users_read"],
        obligations=figures["obligations"],
        owed=sent,
        sent=sent,
        late=figures["late"],
        expired=figures["expired"],
        skipped={Reason(name): max(0, round(rng.gauss(usual, 1))) for name, usual in figures["skipped"].items()},
        seconds={"total": 1.2 + sent * 0.03 + rng.random() * 0.8},
        credential=CredentialEnd(CredentialKind.SECRET, 180),
        rules_digest=rules.digest,
        filter_digest=rules.filter_digest,
    )
    return run_entity(report)
