"""The ledger's rows as the table has them, and what they mean. Pure.

Azure answers a column that a row lacks with null where `$select` names it, Azurite leaves it out: either is absent.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal

import msgspec

from due_notices.adapters.storage_errors import ForeignAnswer
from due_notices.model import Sent
from due_notices.ownership import Deployment, Owner
from due_notices.ports import CLAIM_COUNTS_AS_SENT, Claim, ClaimRow, Entry, PastNotice, SentByUser
from due_notices.report import RunReport

Row = Mapping[str, Any]
RUNS = "runs"
FORMAT_KEY = ("format", "format")

SENT_COLUMNS = ("RowKey", "state", "businessDate", "hasReference")
COUNTED_COLUMNS = ("RowKey", "claimId")
_CLAIM_COLUMNS = ("RowKey", "state", "businessDate", "claimId", "claimedAt", "sentAt")
ENTRY_COLUMNS = (*_CLAIM_COLUMNS, "takenOver")
NOTICE_COLUMNS = ("PartitionKey", *_CLAIM_COLUMNS, "noticeId", "userId", "hasReference", "messageId", "messageHash")

_USER, _OBLIGATION = 16, 32  # where these keys end in a row's key
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What reading raises that is not as it should be."""


def page_of(body: bytes) -> list[Any]:
    """Return the rows of an answer. Raises ForeignAnswer where it is none of the service's."""
    try:
        rows = msgspec.json.decode(body)["value"]
    except UNREADABLE as error:
        raise ForeignAnswer("the answer to a query is not a list of rows") from error
    if not isinstance(rows, list):
        raise ForeignAnswer("the answer to a query is not a list of rows")
    return rows


def row_of(body: bytes) -> Row:
    """Return the row of an answer. Raises ForeignAnswer where it is none of the service's."""
    try:
        row = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise ForeignAnswer("the answer to a question for a row is not a row") from error
    if not isinstance(row, dict) or not isinstance(row.get("RowKey"), str):
        raise ForeignAnswer("the answer to a question for a row is not a row")
    return row


def user_of(row: Row) -> str:
    """Return the key of the user whose row it is; empty where it is no user's."""
    key = row.get("RowKey") if isinstance(row, dict) else None
    return key[:_USER] if isinstance(key, str) else ""


def pages_after(rows: Sequence[Row]) -> float:
    """Return about how many pages like this first one follow: users' keys are digests, so they lie evenly."""
    try:
        share = (int(user_of(rows[-1]), 16) + 1) / (1 << 4 * _USER)
    except ValueError:  # a row of no user shows nothing
        return 0.0
    return (1 - share) / share


class SentReader:
    """Collects what was sent from the rows of a partition, page by page, in the order of their keys.

    What concerns no user of `users` (by key) is dropped at once; obligations with the same stages share one value.
    """

    def __init__(self, users: Container[str], today: date) -> None:
        """Take whose rows are wanted, and the business date, by which a claim is old enough to count as sent."""
        self._users = users
        self._old = (today - CLAIM_COUNTS_AS_SENT).isoformat()
        self._found: dict[str, dict[str, Sent]] = {}
        self._dates: dict[str, date] = {}
        self._shared: dict[tuple[tuple[tuple[int, date], ...], bool], Sent] = {}

    def add(self, rows: Iterable[Row]) -> None:
        """Take more rows."""
        users, old = self._users, self._old
        for row in rows:
            key = row["RowKey"]
            if key[:_USER] not in users:
                continue
            day = row["businessDate"]
            if _state(row) == "sent" or day < old:
                self._keep(key, self._date(day), has_reference=row.get("hasReference") is not False)

    def result(self) -> SentByUser:
        """Return what was found."""
        return self._found

    def _keep(self, key: str, day: date, *, has_reference: bool) -> None:
        obligations = self._found.setdefault(key[:_USER], {})
        name, stage = key[_USER:_OBLIGATION], int(key[_OBLIGATION + 1 :])
        before = obligations.get(name)
        stages = ((stage, day),) if before is None else (*before.stages.items(), (stage, day))
        shared = self._shared.get((stages, has_reference))
        if shared is None:
            shared = self._shared[stages, has_reference] = Sent(dict(stages), has_reference)
        obligations[name] = shared

    def _date(self, text: str) -> date:
        day = self._dates.get(text)
        if day is None:
            day = self._dates[text] = date.fromisoformat(text)
        return day


def entry_of(row: Row, claim: Claim) -> Entry:
    """Return what stands in the way of a claim."""
    if _state(row) == "sent":
        return Entry("sent", moment_of(row, "sentAt"))
    since = moment_of(row, "claimedAt")
    return Entry("sent" if is_old(row, claim) else "claimed", since)


def is_lapsed(row: Row, claim: Claim, lapsed_before: datetime) -> bool:
    """Whether a row holds a claim that may be taken over."""
    return _state(row) == "claimed" and not is_old(row, claim) and moment_of(row, "claimedAt") <= lapsed_before


def is_old(row: Row, claim: Claim) -> bool:
    """Whether a row's claim is so old that it counts as sent."""
    return claim.business_date - date.fromisoformat(row["businessDate"]) > CLAIM_COUNTS_AS_SENT


def past_notice(row: Row) -> PastNotice:
    """Return a whole row."""
    sent_at = row.get("sentAt")
    return PastNotice(
        notice_id=_text(row, "noticeId"),
        user_id=_text(row, "userId"),
        due=date.fromisoformat(row["PartitionKey"]),
        stage=int(row["RowKey"][_OBLIGATION + 1 :]),
        has_reference=row.get("hasReference") is not False,
        state=_state(row),
        business_date=date.fromisoformat(row["businessDate"]),
        claim_id=_text(row, "claimId"),
        claimed_at=moment_of(row, "sentAt" if row.get("claimedAt") is None else "claimedAt"),
        sent_at=None if sent_at is None else moment_of(row, "sentAt"),
        message_id=_text(row, "messageId"),
        message_hash=_text(row, "messageHash"),
        row=row["RowKey"],
    )


def key_of(row: Row) -> Row:
    """Return the key of a row, by which it can be deleted."""
    key = {name: row[name] for name in ("PartitionKey", "RowKey")}
    if not all(isinstance(part, str) for part in key.values()):
        raise TypeError("a key is a text")
    return key


def run_of(row: Row) -> RunReport:
    """Return a recorded run."""
    return RunReport.from_dict(msgspec.json.decode(row["report"]))


def owner_of(row: Row) -> Owner:
    """Return what the `format` row says."""
    version = row.get("version")
    deployment = Deployment(*(_text(row, name) for name in Deployment._fields))
    return Owner(version if isinstance(version, int) and not isinstance(version, bool) else None, deployment)


def moment_of(row: Row, column: str) -> datetime:
    """Return a moment in UTC."""
    return datetime.fromisoformat(row[column]).astimezone(UTC)


def claim_entity(partition: str, row: ClaimRow, claim: Claim) -> dict[str, Any]:
    """Return the row that holds a claim."""
    return {
        "PartitionKey": partition,
        "RowKey": row.row,
        "noticeId": row.notice_id,
        "userId": row.user_id,
        "hasReference": row.has_reference,
        "state": "claimed",
        "claimId": claim.id,
        "claimedAt": claim.at,
        "businessDate": claim.business_date.isoformat(),
        "messageHash": row.message_hash,
    }


def claim_and_stage(row: Row, length: int) -> tuple[str, int]:
    """Return the two characters of a claim's id that follow after `length`, and the stage of its notice."""
    return _text(row, "claimId")[length : length + 2], int(row["RowKey"][_OBLIGATION + 1 :])


def taken_over(row: Row) -> dict[str, Any]:
    """Return what a claim that takes over a lapsed one keeps of it: its message was perhaps accepted."""
    return {"takenOver": f"{row['businessDate']} {moment_of(row, 'claimedAt').isoformat()} {_text(row, 'claimId')}"}


def older_claim(row: Row) -> dict[str, Any] | None:
    """Return the columns that restore the claim that was taken over; None where there was none."""
    kept = row.get("takenOver")
    if not kept:
        return None
    day, at, identifier = kept.split(" ")
    return {"businessDate": day, "claimedAt": datetime.fromisoformat(at), "claimId": identifier, "takenOver": ""}


def sent_entity(partition: str, row: str, message_id: str, claim: Claim, at: datetime) -> dict[str, Any]:
    """Return what is merged into that row when the message is on the queue."""
    return {
        "PartitionKey": partition,
        "RowKey": row,
        "state": "sent",
        "businessDate": claim.business_date.isoformat(),
        "sentAt": at,
        "messageId": message_id,
    }


def run_key(report: RunReport) -> str:
    """Return the key of a run's row."""
    return f"{report.business_date.isoformat()}_{report.run_id}"


def name_counts_of(row: Row) -> dict[str, int]:
    """Return the name counts in a run's row; what is none of ours counts as absent, since they only make parts even."""
    try:
        found = msgspec.json.decode(row["nameCounts"])
        return {prefix: count for prefix, count in found.items() if isinstance(count, int)}
    except UNREADABLE:
        return {}


def run_entity(report: RunReport) -> dict[str, Any]:
    """Return the row of a run."""
    return {
        "PartitionKey": RUNS,
        "RowKey": run_key(report),
        "outcome": report.outcome.value,
        "report": report.to_json(),
        "nameCounts": msgspec.json.encode(report.name_counts).decode(),
    }


def owner_entity(owner: Owner) -> dict[str, Any]:
    """Return the `format` row."""
    partition, row = FORMAT_KEY
    return {"PartitionKey": partition, "RowKey": row, "version": owner.version, **owner.deployment._asdict()}


def _state(row: Row) -> Literal["claimed", "sent"]:
    state = row["state"]
    if state in {"claimed", "sent"}:
        known: Literal["claimed", "sent"] = state
        return known
    raise ValueError(f"{state!r} is not a state")


def _text(row: Row, column: str) -> str:
    return str(row.get(column) or "")
