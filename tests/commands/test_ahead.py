"""On which days a run is still to come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from due_notices.calendars import HolidayCalendar
from due_notices.commands.ahead import TODAY_IS_DONE, ComingRuns, at_work_sentence
from due_notices.report import RunReport
from due_notices.schedules import read_schedule
from tests.factories import on, policy, run_report

TUESDAY = datetime(2026, 11, 24, tzinfo=UTC)
NO_TICK_LEFT = "no tick of NOTICE_SCHEDULE is left inside today's send window"
OVER = "today's send window is over"


def at(hour: int, minute: int = 0) -> datetime:
    return TUESDAY + timedelta(hours=hour, minutes=minute)


def run(outcome: str, when: datetime, shards: int = 0) -> RunReport:
    return run_report(when.date(), outcome, at=when, shards=shards)


@pytest.mark.parametrize(
    ("now", "runs", "look_again", "schedule", "why"),
    [
        (at(3), [], None, "0 0 * * * *", None),
        (at(16, 59), [], None, "0 0 * * * *", None),
        (at(17), [], None, "0 0 * * * *", NO_TICK_LEFT),  # the run of this tick is under way, or has ended
        (at(17, 30), [], None, "0 0 * * * *", NO_TICK_LEFT),
        (at(18), [], None, "0 0 * * * *", OVER),
        (at(10), [], None, "0 0 9 * * *", NO_TICK_LEFT),
        (at(8), [], None, "0 0 9 * * WED", NO_TICK_LEFT),
        (at(10), [run("completed", at(9))], None, "0 0 * * * *", TODAY_IS_DONE),
        (at(18), [run("completed", at(9))], None, "0 0 * * * *", TODAY_IS_DONE),
        (at(10), [run("failed", at(9))], None, "0 0 * * * *", None),
        (at(10), [run("completed", at(9))], 4, "0 0 * * * *", None),  # again at 13:00
        (at(15), [run("completed", at(13, 30))], 4, "0 0 * * * *", TODAY_IS_DONE),  # there is no tick from 17:30 on
        (at(17, 40), [run("completed", at(13, 30))], 4, "0 0 * * * *", NO_TICK_LEFT),
        (at(17, 5), [run("began", at(17))], None, "0 0 * * * *", None),
        (at(17, 50), [run("began", at(17))], None, "0 0 * * * *", NO_TICK_LEFT),  # it never ended
        (at(17, 50), [run("began", at(16), shards=8)], None, "0 0 * * * *", None),
    ],
)
def test_whether_a_run_still_comes_today(
    now: datetime, runs: list[RunReport], look_again: int | None, schedule: str, why: str | None
) -> None:
    by = policy(look_again=look_again and timedelta(hours=look_again), schedule=read_schedule(schedule))

    assert ComingRuns(by, runs, now).why_none(now.date()) == why


def test_a_later_day_assumes_only_runs_that_can_come() -> None:
    by = policy(calendar=HolidayCalendar("DE"), schedule=read_schedule("0 0 9 * * MON,WED,SAT"))
    coming = ComingRuns(by, [], at(10))

    assert [f"{day:%a %d}" for day in coming.before(on("2026-12-03"))] == ["Wed 25", "Mon 30", "Wed 02"]
    assert coming.why_none(on("2026-11-26")) == "no tick of NOTICE_SCHEDULE lies inside SEND_WINDOW"
    assert coming.why_none(on("2026-11-28")) == "weekend"
    assert coming.first_from(on("2026-11-26")) == on("2026-11-30")


def test_where_no_run_comes_for_more_than_a_year_the_day_itself_is_given() -> None:
    by = policy(calendar=HolidayCalendar("DE"), schedule=read_schedule("0 0 9 * * SAT"))
    coming = ComingRuns(by, [], at(10))

    assert coming.first_from(TUESDAY.date()) == TUESDAY.date()


@pytest.mark.parametrize(
    ("now", "runs", "told"),
    [
        (at(9), [], None),
        (at(9), [run("completed", at(8))], None),
        (at(8, 25), [run("began", at(8))], "the run of 2026-11-24 has been at work since 08:00, and ends by 08:25"),
        (at(8, 26), [run("began", at(8))], None),
        (
            at(10, 5),
            [run("began", at(8), shards=1)],
            "the orchestration, in 1 shard, of 2026-11-24 has been at work since 08:00, and ends by 10:05",
        ),
        (at(10, 6), [run("began", at(8), shards=1)], None),
    ],
)
def test_a_run_is_at_work_for_as_long_as_it_may_take(now: datetime, runs: list[RunReport], told: str | None) -> None:
    assert at_work_sentence(runs, policy(), now) == told
