"""`explain` is about the next run: on which day it comes, and why not today."""

from __future__ import annotations

from datetime import UTC, date, datetime

from due_notices.calendars import HolidayCalendar
from due_notices.commands.ahead import TODAY_IS_DONE
from due_notices.commands.explain.gather import Explanation, explain_user
from due_notices.policy import Policy
from due_notices.run import send_due_notices
from due_notices.services import Services
from tests.factories import ALICE, ATTRIBUTE, graph_user, on, policy, run_report
from tests.fakes import FakeDirectory, FakeStorage, MovableClock


class Shop:
    """One customer, a ledger that knows of a completed run, and a clock."""

    def __init__(self, now: datetime, *values: str, last_run: str) -> None:
        self.storage, self.clock = FakeStorage(), MovableClock(now)
        self.values = values
        self.storage.ledger.take()
        self.storage.ledger.records[on(last_run), "an earlier run"] = run_report(on(last_run), "completed")

    @property
    def services(self) -> Services:
        users = [graph_user(*self.values, who=ALICE)]
        return Services(lambda: FakeDirectory(users, attribute=ATTRIBUTE), self.storage, self.clock)

    def explain(self, by: Policy, day: date | None = None) -> Explanation:
        found = explain_user(by, self.services, ALICE, business_date=day)
        assert found is not None
        return found


def stage_of(found: Explanation) -> tuple[date, int | None]:
    (one,) = found.obligations
    return found.day.business_date, one.current.stage if one.current else None


def test_on_a_closed_day_it_is_the_run_of_the_next_open_one() -> None:
    by = policy(-3, -1, 0, calendar=HolidayCalendar("DE"))
    shop = Shop(datetime(2026, 11, 29, 10, tzinfo=UTC), "2026-11-30", last_run="2026-11-27")

    found = shop.explain(by)

    assert (found.no_run, *stage_of(found)) == ("weekend", on("2026-11-30"), 0)
    assert stage_of(shop.explain(by, on("2026-11-29"))) == (on("2026-11-30"), 0)


def test_after_the_window_it_is_the_run_of_the_next_day() -> None:
    shop = Shop(datetime(2026, 11, 24, 18, 30, tzinfo=UTC), "2026-11-25", last_run="2026-11-23")

    found = shop.explain(policy(-3, -1, 0))

    assert (found.no_run, *stage_of(found)) == ("today's send window is over", on("2026-11-25"), 0)


def test_after_the_last_tick_of_the_window_it_is_the_run_of_the_next_day() -> None:
    shop = Shop(datetime(2026, 11, 24, 17, 30, tzinfo=UTC), "2026-11-25", last_run="2026-11-23")

    found = shop.explain(policy(-3, -1, 0))

    assert (found.no_run, *stage_of(found)) == (
        *("no tick of NOTICE_SCHEDULE is left inside today's send window", on("2026-11-25"), 0),
    )


def test_after_the_days_run_it_is_that_of_the_next_day() -> None:
    by = policy(-7, 0)
    shop = Shop(datetime(2026, 11, 24, 9, tzinfo=UTC), last_run="2026-11-23")
    send_due_notices(by, shop.services)
    shop.values = ("2026-12-01",)

    found = shop.explain(by)

    assert (found.asked, found.no_run) == (on("2026-11-24"), TODAY_IS_DONE)
    assert stage_of(found) == (on("2026-11-25"), -7)
    assert found.obligations[0].decision is not None
    assert found.obligations[0].decision.late


def test_in_the_window_it_is_todays_run() -> None:
    shop = Shop(datetime(2026, 11, 24, 9, tzinfo=UTC), "2026-12-01", last_run="2026-11-23")

    found = shop.explain(policy(-7, 0))

    assert (found.no_run, *stage_of(found)) == (None, on("2026-11-24"), -7)
