"""Weeks of a directory, run after run: what each counts and sends is what a second calculation says.

Customers pay, get references, have their invoices voided and issued anew, pauses begin and end, addresses vanish,
hosts are away for days, and the stages change.
"""

from __future__ import annotations

import hashlib
import json
import random
from datetime import date, timedelta
from typing import Any

import pytest

from due_notices.report import Outcome
from due_notices.run import Wish, send_due_notices
from due_notices.settings import Settings
from local.expected import (
    CompletedRun,
    ExpectedNotice,
    SentRow,
    asked_by_its_own_rules,
    expected,
    past_of,
    rules_of,
    user_key,
)
from tests import factories
from tests.faults.figures import figures, figures_expected
from tests.run.world import TODAY, World

ATTRIBUTE = "due"
CUSTOMERS = 60
DAYS = 60
LADDERS = (("7,3,1,0", ""), ("3,0", "1,3,5"), ("", "1,2,3"), ("5", ""), ("14,0", "3,10,20"), ("0", "7"))
CALENDARS = ("", "DE", "US", "SA")
CATCH_UPS = ("0", "1", "3", "5")


class Directory:
    """Customers whose values change from day to day."""

    def __init__(self, rng: random.Random) -> None:
        """Draw them."""
        self._rng = rng
        self.users = [self._user(number) for number in range(CUSTOMERS)]

    def live(self) -> None:
        """Let a day change some of them."""
        for user in self.users:
            if self._rng.random() < 0.06:
                self._change(user)

    def _user(self, number: int) -> dict[str, Any]:
        values = [self._value() for _ in range(self._rng.choice((1, 1, 1, 2, 3)))]
        return {"id": f"user-{number}", "mail": f"casey.{number}@example.com", ATTRIBUTE: values}

    def _value(self) -> str:
        due = TODAY + timedelta(days=self._rng.randint(-30, 50))
        if self._rng.random() < 0.2:
            return self._rng.choice((str(due), f"{due}T00:00:00Z", "no date"))
        fields: dict[str, str] = {"due": str(due)}
        if self._rng.random() < 0.5:
            fields["ref"] = f"INV-{self._rng.randint(1, 3)}"
        if self._rng.random() < 0.8:
            amount = self._rng.choice(("10", "10.00", "20.00", "120.50", "0.00", "-5.00"))
            fields |= {"amount": amount, "currency": "EUR"}
        return json.dumps(fields)

    def _change(self, user: dict[str, Any]) -> None:
        values = user[ATTRIBUTE]
        number = self._rng.randrange(len(values))
        fields = json.loads(values[number]) if values[number].startswith("{") else {"due": values[number]}
        due = TODAY + timedelta(days=self._rng.randint(-20, 80))
        match self._rng.randrange(9):
            case 0:
                fields["status"] = self._rng.choice(("paid", "void", "disputed", "open"))
            case 1:
                fields["amount"] = self._rng.choice(("5.00", "80", "0.00", "1,5"))
            case 2:
                fields["ref"] = "INV-9"
            case 3:
                fields["pausedUntil"] = str(due)
            case 4:
                values.append(json.dumps({**fields, "status": "void"}))
            case 5:
                values.append(self._value())
            case 6:
                user["accountEnabled"] = not user.get("accountEnabled", True)
            case 7:
                user["mail"] = None if user["mail"] else "casey@example.com"
            case _:
                fields.pop("ref", None)
                fields.pop("status", None)
        values[number] = json.dumps(fields)


class Weeks:
    """What was sent and run so far, by the second calculation."""

    def __init__(self, rng: random.Random) -> None:
        """Begin with settings and customers drawn at random."""
        self.directory = Directory(rng)
        self.settings = new_settings(rng)
        self.world = World(self.directory.users, policy=Settings.from_mapping(self.settings).policy)
        self._rows: list[SentRow] = []
        self._runs: list[CompletedRun] = []
        self._sent: list[str] = []

    def change(self, settings: dict[str, str]) -> None:
        """Let the program have other settings from now on."""
        self.settings = settings
        self.world.policy = Settings.from_mapping(settings).policy

    def run(self, today: date, wish: Wish = Wish.OWED) -> None:
        """Run once, and compare what it counts and sends."""
        rules, name = rules_of(self.settings), digest(self.settings)
        if rules.closed(today):
            return
        past = past_of(today, rules, self._runs, name)
        wanted = expected(self.directory.users, ATTRIBUTE, today, rules, past, self._rows)
        if wish is Wish.MISSED:
            for notice in wanted.by_hand.values():
                wanted.figures["owed"] += 1
                wanted.figures["expired" if has_own_rows(notice, self._rows) else "missed"] -= 1
            wanted.notices |= wanted.by_hand

        report = send_due_notices(self.world.policy, self.world.services, wish=wish)

        self._sent += wanted.notices
        assert report.outcome is Outcome.COMPLETED, report.error
        assert report.business_date == today
        assert self.world.ids == sorted(self._sent)
        told = report.to_dict()
        assert figures(told) == figures_expected(wanted)
        assert told["skipped"] == dict(wanted.skipped)
        assert (report.late, report.superseded) == (wanted.late, wanted.superseded)
        assert_messages(self.world, wanted.notices, today)
        self._rows += wanted.rows(today)
        assert_batches(self.world, wanted.notices, self._rows, today)
        self._runs.append(CompletedRun(today, name, asked_from=asked_by_its_own_rules(today, rules, past)))


@pytest.mark.parametrize("seed", range(6))
def test_every_run_of_many_weeks_counts_and_sends_what_a_second_calculation_says(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 (seeded)
    weeks, away = Weeks(rng), 0

    for number in range(DAYS):
        today = TODAY + timedelta(days=number)
        away = away - 1 if away else rng.choice((0,) * 15 + (1, 3, 8))
        if not away:
            weeks.run(today)
            if rng.random() < 0.1:
                weeks.run(today, Wish.MISSED)
            if rng.random() < 0.1:
                weeks.directory.live()
                weeks.run(today, Wish.AGAIN)
        weeks.world.clock.move(days=1)
        weeks.directory.live()
        if rng.random() < 0.04:
            weeks.change(new_settings(rng))


def has_own_rows(notice: ExpectedNotice, rows: list[SentRow]) -> bool:
    """Say whether something was sent under the notice's own key."""
    row = notice.row(TODAY)
    return any((row.user_key, row.obligation_key) == (each.user_key, each.obligation_key) for each in rows)


def new_settings(rng: random.Random) -> dict[str, str]:
    before, after = rng.choice(LADDERS)
    return factories.environ(
        DAYS_BEFORE_DUE=before,
        DAYS_AFTER_DUE=after,
        CATCH_UP_DAYS=rng.choice(CATCH_UPS),
        BUSINESS_CALENDAR=rng.choice(CALENDARS),
        BUSINESS_TIME_ZONE="UTC",
        USER_FILTER="",
    )


def digest(settings: dict[str, str]) -> str:
    return "|".join(
        settings[name] for name in ("DAYS_BEFORE_DUE", "DAYS_AFTER_DUE", "CATCH_UP_DAYS", "BUSINESS_CALENDAR")
    )


def assert_messages(world: World, notices: Any, today: date) -> None:
    """Compare the messages of the day with the notices of the second calculation."""
    for event in world.events:
        if (notice := notices.get(event["id"])) is not None:
            sending, data = notice.sending, event["data"]
            assert data["daysUntilDue"] == (notice.due - today).days
            assert data["stage"] == sending.stage
            assert data["stageDate"] == str(sending.stage_date)
            assert data["late"] is sending.late
            assert data["businessDate"] == str(today)
            assert data.get("previousStage") == sending.previous_stage
            assert event["expirytime"] == f"{sending.expires}T00:00:00Z"


def assert_batches(world: World, notices: Any, rows: list[SentRow], today: date) -> None:
    """Compare the batch of each message with all that was sent of its user today, as far as that can be asked for."""
    for event in world.events:
        if event["id"] in notices:
            user, batch = event["subject"], event["data"]["batch"]
            of_today = sum(row.user_key == user_key(user) and row.day == today for row in rows)
            of_run = sum(notice.user_id == user for notice in notices.values())
            assert batch["id"] == hashlib.sha256(f"{user}\u001f{today}".encode()).hexdigest()[:32]
            assert of_run <= batch["size"] <= of_today
