"""A made-up past: eight weeks of runs and notices in a ledger of their own, so that an audit has something to show.

Nobody in it exists. It has what two real months have: busy month ends, quiet weekends, two days that were missed and
caught up, and one outage that outlasted the catch-up days.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import random
import uuid
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

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
_ALL_USUAL = {"malformed": 24, "paid": 11, "unreachable": 9, "duplicate": 5, "disputed": 3, "paused": 2}


def write_past(table: TableClient, today: dt.date, environ: Mapping[str, str], seed: int = 1) -> int:
    """Fill an empty ledger with the eight weeks before `today`; return how many notices it then remembers.

    `environ` are the settings of the deployment whose ledger it shall be.
    """
    rng = random.Random(seed)  # noqa: S311 (sample data)
    table.create_entity(_format_row(environ))
    notices = expired = 0
    missed: list[tuple[dt.date, int, int]] = []
    for offset in range(DAYS):
        day = today - dt.timedelta(days=DAYS - offset)
        owed = [(day - dt.timedelta(days=stage), stage, _count(rng, day, stage)) for stage in STAGES]
        if offset in SHORT_OUTAGE or offset in LONG_OUTAGE:
            missed += [(day, *each[1:]) for each in owed]
            continue
        late = [each for each in missed if (day - each[0]).days <= CATCH_UP_DAYS]
        expired += sum(count for _, _, count in missed) - sum(count for _, _, count in late)  # each run names them
        caught_up = [(when - dt.timedelta(days=stage), stage, count) for when, stage, count in late]
        run = uuid.UUID(int=rng.getrandbits(128)).hex
        at = dt.datetime.combine(day, dt.time(8, 0, 3), dt.UTC)
        for due, stage, count in (*owed, *caught_up):
            _write(table, _rows(rng, at, due, stage, count))
            notices += count
        figures = {"sent": [*owed, *caught_up], "late": sum(count for _, _, count in late), "expired": expired}
        table.upsert_entity(_run_row(rng, run, day, figures))
        missed.clear()
    return notices


def _count(rng: random.Random, day: dt.date, stage: int) -> int:
    """Return how many fall due that day: more towards the end of a month, fewer at weekends."""
    due = day - dt.timedelta(days=stage)
    month_end = 1.9 if due.day >= 28 or due.day <= 2 else 1.0  # noqa: PLR2004
    weekend = 0.55 if due.weekday() >= 5 else 1.0  # noqa: PLR2004
    return max(1, round(rng.gauss(9, 1.6) * month_end * weekend))


def _rows(rng: random.Random, at: dt.datetime, due: dt.date, stage: int, count: int) -> Iterator[dict[str, Any]]:
    claim = f"{rng.getrandbits(128):032x}"
    for _ in range(count):
        identifier = f"{rng.getrandbits(128):032x}"
        yield {
            "PartitionKey": due.isoformat(),
            "RowKey": f"{rng.getrandbits(128):032x}_{stage}",
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


def _run_row(rng: random.Random, run: str, day: dt.date, figures: Mapping[str, Any]) -> dict[str, Any]:
    from due_notices.adapters.table_rows import run_entity
    from due_notices.credentials import CredentialEnd, CredentialKind
    from due_notices.model import Reason
    from due_notices.report import Outcome, RunReport

    sent = sum(count for _, _, count in figures["sent"])
    report = RunReport(
        run,
        day,
        Outcome.COMPLETED,
        users_read=2_413,
        obligations=1_921,
        owed=sent,
        sent=sent,
        late=figures["late"],
        expired=figures["expired"],
        skipped={Reason(name): max(0, round(rng.gauss(usual, 2))) for name, usual in _ALL_USUAL.items()},
        seconds={"total": 1.2 + sent * 0.03 + rng.random() * 0.8},
        credential=CredentialEnd(CredentialKind.SECRET, 200),
    )
    return run_entity(report)
