"""A small world on fakes: customers, storage and a clock, and the function that runs in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from due_notices.calendars import EveryDay
from due_notices.commands.preview.gather import Preview, preview_day
from due_notices.message import source_of
from due_notices.planning import Rules
from due_notices.policy import Policy
from due_notices.ports import PastNotice
from due_notices.report import Outcome, RunReport, by_day
from due_notices.run import Wish, send_due_notices
from due_notices.services import Services
from due_notices.stages import SendWindow, Stages
from tests.factories import GraphUser, run_report
from tests.fakes import START, FakeDirectory, FakeStorage, MovableClock, Watcher

TODAY = START.date()
POLICY = Policy(
    rules=Rules(Stages((-7, -3, -1, 0), 3, EveryDay()), UTC, ("due",)),
    window=SendWindow.parse("08:00-18:00"),
    limit=10_000,
    lapse=timedelta(minutes=10),
    source=source_of("00000000-0000-0000-0000-000000000000"),
)


def customer(number: int, due: object = None, **properties: Any) -> dict[str, Any]:
    """Return a customer who can be reached and owes on `due` (default: in seven days, so a notice is owed today)."""
    return {
        "id": f"user-{number:05d}",
        "accountEnabled": True,
        "displayName": f"Person {number}",
        "mail": f"person.{number}@example.com",
        "due": (TODAY + timedelta(days=7)).isoformat() if due is None else due,
        **properties,
    }


def customers(count: int, due: object = None) -> list[dict[str, Any]]:
    return [customer(number, due) for number in range(count)]


def in_days(days: int) -> str:
    return (TODAY + timedelta(days=days)).isoformat()


@dataclass
class World:
    """Runs happen here. Change `policy`, `directory`, `storage` and `clock` at will."""

    users: Sequence[GraphUser]
    policy: Policy = POLICY
    clock: MovableClock = field(default_factory=MovableClock)
    storage: FakeStorage = field(default_factory=FakeStorage)
    watcher: Watcher = field(default_factory=Watcher)
    page_size: int = 10

    def __post_init__(self) -> None:
        self.directory = FakeDirectory(self.users, page_size=self.page_size)
        self.directories = 0
        self.storage.ledger.clock = self.clock

    @property
    def services(self) -> Services:
        return Services(self._open_directory, self.storage, self.clock)

    def _open_directory(self) -> FakeDirectory:
        self.directories += 1
        return self.directory

    def run(self, wish: Wish = Wish.OWED, **changes: Any) -> RunReport:
        """Run once, and check what holds for every run."""
        self.watcher = Watcher()
        before = len(self.storage.queue.messages)
        report = send_due_notices(replace(self.policy, **changes), self.services, self.watcher, wish)
        assert self.storage.opened == self.storage.closed
        assert report.sent == self.watcher.sends
        assert report.sent <= len(self.storage.queue.messages) - before
        figures = (report.not_yet, report.over, report.owed, report.already_sent, report.missed, report.expired)
        if report.users_read:
            assert sum(figures) + sum(report.skipped.values()) == report.obligations
        if report.outcome is Outcome.LIMIT:
            assert (report.sent, report.failed) == (0, 0)
        else:
            assert report.sent + report.failed == report.owed or report.outcome is Outcome.FAILED
        assert sum(report.stages.values()) == report.sent
        if report.ok:
            assert report.error is None
            assert report.failed == 0
        else:
            assert report.error
        return report

    def preview(self, **options: Any) -> Preview:
        return preview_day(self.policy, self.services, self.watcher, **options)

    def next_tick(self) -> None:
        self.clock.move(hours=1)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.storage.queue.messages]

    @property
    def ids(self) -> list[str]:
        """The ids on the queue, in order."""
        return sorted(event["id"] for event in self.events)

    @property
    def record(self) -> RunReport | None:
        """What is recorded of today."""
        today = self.policy.business_date(self.clock.now())
        return next((day for day in by_day(self.storage.ledger.records.values()) if day.business_date == today), None)

    def record_run(self, day: date, outcome: str = "completed", sent: int = 0) -> None:
        self.storage.ledger.take()
        self.storage.ledger.records[day, "an earlier run"] = run_report(day, outcome, sent=sent)

    def claim_by_another(self, at: datetime) -> list[str]:
        """Let another run hold a claim on everything that is owed now, since `at`."""
        notices = self.preview().plan.notices
        self.storage.ledger.take()
        for notice in notices:
            self.storage.ledger.rows[notice.partition][notice.row] = PastNotice(
                notice_id=notice.id,
                user_id=notice.user.id,
                due=notice.obligation.due,
                stage=notice.stage,
                has_reference=False,
                state="claimed",
                business_date=notice.business_date,
                claim_id="another's",
                claimed_at=at,
                row=notice.row,
            )
        return sorted(notice.id for notice in notices)

    def sent_by_another(self) -> None:
        """Let that run mark all it holds as sent."""
        for rows in self.storage.ledger.rows.values():
            for row, past in rows.items():
                if past.claim_id == "another's":
                    rows[row] = replace(past, state="sent", message_id="theirs", sent_at=self.clock.now())
