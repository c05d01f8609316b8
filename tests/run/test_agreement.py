"""`explain`, `preview` and `run` decide alike, whatever the customers, the calendar and what went before."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from due_notices.calendars import BusinessCalendar, EveryDay, HolidayCalendar
from due_notices.commands.ahead import TODAY_IS_DONE
from due_notices.commands.explain.gather import Explanation, explain_user
from due_notices.commands.explain.sentences import sentence
from due_notices.commands.preview.gather import preview_day
from due_notices.model import Obligation, notice_id, row_of
from due_notices.planning import Plan, Reader
from due_notices.policy import Policy
from due_notices.ports import PastNotice
from due_notices.report import Outcome, RunReport
from due_notices.run import Wish, send_due_notices
from due_notices.schedules import HOURLY, Schedule, read_schedule
from due_notices.services import Services
from tests import factories
from tests.fakes import START, FakeDirectory, FakeStorage, MovableClock

CALENDARS: tuple[BusinessCalendar, ...] = (EveryDay(), HolidayCalendar("DE"), HolidayCalendar("SA"))
TODAY = START.date()
STAGES = (-7, -3, -1, 0, 2, 5)
ADDRESSES = ("ada@example.com", "Ada@Example.com", "bea@example.com", "not an address", None)
DUES = (-130, -60, -40, -12, -9, -6, -5, -2, 0, 0, 1, 1, 2, 6, 30)
# Few references and amounts, so that values often mean the same obligation, and one inherits from another.
REFERENCES = ("A", "A", "B", "")
AMOUNTS = ("5", "5.00", "7.50", "0.00", None)
Draw = Any


def some_value(pick: random.Random) -> str:
    due = (TODAY + timedelta(days=pick.choice(DUES))).isoformat()
    kind = pick.choice(["date", "json", "json", "json", "json", "malformed"])
    if kind == "date":
        return due
    if kind == "malformed":
        return pick.choice(["tomorrow", "2026-13-01", '{"ref":"A"}', due, due])
    fields: dict[str, Any] = {"ref": pick.choice(REFERENCES), "amount": pick.choice(AMOUNTS)}
    if pick.random() < 0.3:
        fields["status"] = pick.choice(["open", "paid", "void", "disputed"])
    if pick.random() < 0.25:
        fields["pausedUntil"] = (TODAY + timedelta(days=pick.choice([-90, -9, -3, -1, 0, 4]))).isoformat()
    return json.dumps({"due": due, **{name: value for name, value in fields.items() if value is not None}})


def some_customers(pick: random.Random, count: int, values: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"00000000-0000-4000-8000-{number:012d}",
            "accountEnabled": pick.random() > 0.1,
            "mail": pick.choice(ADDRESSES),
            factories.ATTRIBUTE: [some_value(pick) for _ in range(pick.randint(0, values))],
        }
        for number in range(count)
    ]


def listed(user: dict[str, Any]) -> list[Obligation]:
    read = Reader(factories.rules(), factories.day(str(TODAY)))
    found = (read(value).obligation for value in user[factories.ATTRIBUTE])
    return [owed for owed in found if owed is not None]


def vanished(pick: random.Random) -> list[Obligation]:
    return [
        Obligation(TODAY + timedelta(days=days), pick.choice(REFERENCES), pick.choice(AMOUNTS))
        for days in pick.sample(DUES, 2)
    ]


def remember_something(pick: random.Random, storage: FakeStorage, users: Sequence[dict[str, Any]]) -> None:
    """Let the ledger have sent, and claimed, some stages of obligations that are listed or have vanished."""
    storage.ledger.take()
    if pick.random() < 0.7:
        yesterday = TODAY - timedelta(days=1)
        storage.ledger.records[yesterday, "an earlier run"] = factories.run_report(yesterday, "completed")
    for user in users:
        for owed in [*listed(user), *vanished(pick)]:
            due = owed.due
            if pick.random() < 0.4:
                continue
            sent_on = due - timedelta(days=pick.choice([9, 7, 3, -2]))
            for stage in sorted(pick.sample((-9, *STAGES), pick.randint(1, 3))):
                if sent_on > TODAY:
                    break
                row = row_of(user["id"], owed, stage)
                past = PastNotice(
                    notice_id=notice_id(user["id"], owed, stage),
                    user_id=user["id"],
                    due=due,
                    stage=stage,
                    has_reference=bool(owed.reference),
                    state="sent" if pick.random() < 0.85 else "claimed",
                    business_date=sent_on,
                    claim_id="an earlier one",
                    claimed_at=START,
                    row=row,
                )
                storage.ledger.rows[due.isoformat()].setdefault(row, past)
                sent_on += timedelta(days=pick.choice([1, 2, 4, 7]))


def explained(
    policy: Policy, services: Services, users: Sequence[dict[str, Any]], day: date | None = None
) -> list[Explanation]:
    found = [explain_user(policy, services, str(user["id"]), business_date=day) for user in users]
    assert None not in found
    return [explanation for explanation in found if explanation is not None]


def notices(explanations: Sequence[Explanation], *verdicts: str) -> list[str]:
    return sorted(
        view.current.notice_id
        for explanation in explanations
        for view in explanation.obligations
        if view.verdict in verdicts and view.current is not None
    )


def figures(explanations: Sequence[Explanation]) -> dict[str, int]:
    found = Counter(
        str(view.reason) if view.verdict == "skipped" else "owed" if view.verdict == "claimed" else view.verdict
        for explanation in explanations
        for view in explanation.obligations
    )
    return dict(found)


def figures_of(plan: Plan | RunReport) -> dict[str, int]:
    found = {
        "not-yet": plan.not_yet,
        "over": plan.over,
        "owed": plan.owed if isinstance(plan, RunReport) else len(plan.notices),
        "already-sent": plan.already_sent,
        "missed": plan.missed,
        "expired": plan.expired,
        **{str(reason): count for reason, count in plan.skipped.items()},
    }
    assert sum(found.values()) == plan.obligations
    return {name: count for name, count in found.items() if count}


def check(policy: Policy, services: Services, users: Sequence[dict[str, Any]], day: date | None = None) -> Plan:
    """Explain all users and preview the day: they agree; return what was previewed."""
    told = explained(policy, services, users, day)
    seen = preview_day(policy, services, business_date=told[0].day.business_date, list_skips=None).plan
    assert figures(told) == figures_of(seen)
    assert notices(told, "owed", "claimed") == sorted(notice.id for notice in seen.notices)
    given_up = Counter(
        (explanation.user.id, view.obligation, view.verdict, view.decision.stage)
        for explanation in told
        for view in explanation.obligations
        if view.decision is not None and view.verdict in {"missed", "expired"}
    )
    assert given_up == Counter((one.user_id, one.obligation, one.state, one.stage) for one in seen.given_up)
    assert all(sentence(view, each.day, 3) for each in told for view in each.obligations)
    return seen


worlds = st.tuples(st.integers(0, 2**32).map(random.Random), st.integers(1, 5), st.integers(1, 3))


@given(
    world=worlds,
    calendar=st.sampled_from(CALENDARS),
    days=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    allow_list=st.sampled_from([frozenset[str](), frozenset({"ada@example.com"})]),
    missed=st.booleans(),
)
def test_explain_preview_and_run_never_disagree(
    *,
    world: tuple[random.Random, int, int],
    calendar: BusinessCalendar,
    days: list[int],
    allow_list: frozenset[str],
    missed: bool,
) -> None:
    pick, count, values = world
    users = some_customers(pick, count, values)
    storage, clock = FakeStorage(), MovableClock(START)
    remember_something(pick, storage, users)
    policy = factories.policy(*STAGES, calendar=calendar, allow_list=allow_list)
    services = Services(lambda: FakeDirectory(users, attribute=factories.ATTRIBUTE), storage, clock)

    for step in days:
        clock.move(days=step)
        check(policy, services, users)
        wanted = {notice.id for notice in preview_day(policy, services, send_missed=missed).plan.notices}
        before = set(storage.ledger.sent_ids)

        report = send_due_notices(policy, services, wish=Wish.MISSED if missed else Wish.OWED)

        if report.outcome is Outcome.OUTSIDE_WINDOW:
            assert storage.ledger.sent_ids == before
            continue
        assert report.outcome is Outcome.COMPLETED
        assert storage.ledger.sent_ids - before == wanted - before
        check(policy, services, users)
        assert {each.no_run for each in explained(policy, services, users)} == {TODAY_IS_DONE}


@given(world=worlds, calendar=st.sampled_from(CALENDARS), ahead=st.integers(0, 20), ran_today=st.booleans())
def test_what_is_shown_of_a_later_day_is_what_its_run_does(
    *, world: tuple[random.Random, int, int], calendar: BusinessCalendar, ahead: int, ran_today: bool
) -> None:
    pick, count, values = world
    users = some_customers(pick, count, values)
    storage, clock = FakeStorage(), MovableClock(START)
    remember_something(pick, storage, users)
    policy = factories.policy(*STAGES, calendar=calendar)
    services = Services(lambda: FakeDirectory(users, attribute=factories.ATTRIBUTE), storage, clock)
    day = TODAY + timedelta(days=ahead)
    if ran_today:
        send_due_notices(policy, services)

    seen = check(policy, services, users, day)

    for _ in range(ahead):
        send_due_notices(policy, services)
        clock.move(days=1)
    report = send_due_notices(policy, services)
    if report.outcome is Outcome.COMPLETED:
        assert (report.not_yet, report.over, report.owed, report.already_sent, report.missed, report.expired) == (
            *(seen.not_yet, seen.over, len(seen.notices), seen.already_sent, seen.missed, seen.expired),
        )
        assert report.skipped == {str(reason): count for reason, count in seen.skipped.items()}
        assert {notice.id for notice in seen.notices} <= storage.ledger.sent_ids


def test_who_is_long_past_on_a_later_day_is_counted_as_over_there_though_runs_before_it_skip_them() -> None:
    due = (TODAY - timedelta(days=46)).isoformat()  # asked for today, and no more in ten days
    users = [{"id": "0" * 8, "accountEnabled": False, factories.ATTRIBUTE: due}]
    services = Services(lambda: FakeDirectory(users, attribute=factories.ATTRIBUTE), FakeStorage(), MovableClock(START))

    today, later = (check(factories.policy(*STAGES), services, users, TODAY + timedelta(days=days)) for days in (0, 10))

    assert (figures_of(today), figures_of(later)) == ({"disabled": 1}, {"over": 1})


def test_explain_agrees_with_the_run_for_a_thousand_obligations_with_histories() -> None:
    pick = random.Random(20261124)  # noqa: S311
    users = some_customers(pick, 500, 4)
    storage, yesterday = FakeStorage(), TODAY - timedelta(days=1)
    remember_something(pick, storage, users)
    storage.ledger.records[yesterday, "an earlier run"] = factories.run_report(yesterday, "completed")
    policy = factories.policy(*STAGES, calendar=HolidayCalendar("DE"))
    services = Services(lambda: FakeDirectory(users, attribute=factories.ATTRIBUTE), storage, MovableClock(START))

    seen = check(policy, services, users)

    found = figures_of(seen)
    assert seen.obligations >= 1_000
    assert found.keys() >= {"not-yet", "over", "owed", "already-sent", "missed", "expired", "paused", "duplicate"}
    assert min(found.values()) >= 5


def next_run(policy: Policy, services: Services, clock: MovableClock) -> RunReport:
    """Let the timer tick until a run looks at the users."""
    for tick in policy.schedule.ticks(clock.now()):
        clock.move_to(tick)
        report = send_due_notices(policy, services)
        if report.outcome not in {Outcome.OUTSIDE_WINDOW, Outcome.ALREADY_COMPLETED}:
            return report
    raise AssertionError("the timer never ticks")


SCHEDULES = [HOURLY, *(read_schedule(text) for text in ("0 30 12 * * *", "0 0 9,16 * * MON,TUE,FRI"))]


def check_the_next_run(
    policy: Policy, storage: FakeStorage, clock: MovableClock, users: Sequence[dict[str, Any]]
) -> list[Explanation]:
    """Explain all users, and let the next run come: it does what was said, on the day that was said."""
    services = Services(lambda: FakeDirectory(users, attribute=factories.ATTRIBUTE), storage, clock)
    told, before = explained(policy, services, users), set(storage.ledger.sent_ids)
    report = next_run(policy, services, clock)
    assert report.outcome is Outcome.COMPLETED
    assert {each.day.business_date for each in told} == {report.business_date}
    assert figures(told) == figures_of(report)
    assert sorted(set(storage.ledger.sent_ids) - before) == notices(told, "owed", "claimed")
    return told


@given(
    world=worlds,
    calendar=st.sampled_from(CALENDARS),
    schedule=st.sampled_from(SCHEDULES),
    look_again=st.sampled_from([None, timedelta(hours=3)]),
    steps=st.lists(st.integers(0, 60), min_size=1, max_size=4),
)
def test_explain_says_what_the_next_run_does_at_whatever_hour_it_is_asked(
    *,
    world: tuple[random.Random, int, int],
    calendar: BusinessCalendar,
    schedule: Schedule,
    look_again: timedelta | None,
    steps: list[int],
) -> None:
    pick, count, values = world
    users = some_customers(pick, count, values)
    storage, clock = FakeStorage(), MovableClock(START)
    remember_something(pick, storage, users)
    policy = factories.policy(*STAGES, calendar=calendar, schedule=schedule, look_again=look_again)
    for hours in steps:
        clock.move(hours=hours, minutes=15)
        check_the_next_run(policy, storage, clock, users)


def test_a_thousand_explanations_agree_with_the_run_that_follows_in_the_window_after_it_and_on_closed_days() -> None:
    pick = random.Random(20261125)  # noqa: S311
    users = some_customers(pick, 550, 4)
    storage, clock = FakeStorage(), MovableClock(START)
    remember_something(pick, storage, users)
    policy = factories.policy(*STAGES, calendar=HolidayCalendar("DE"))

    reasons = set()
    for hours in (10, 1, 50, 24):  # after the window, after the day's run, on a Saturday, and in the window
        clock.move(hours=hours, minutes=15)
        told = check_the_next_run(policy, storage, clock, users)
        reasons |= {each.no_run for each in told}

    assert sum(len(each.obligations) for each in told) >= 1_000
    assert reasons == {None, TODAY_IS_DONE, "today's send window is over", "weekend"}


def test_explaining_a_customer_with_many_obligations_takes_a_handful_of_requests() -> None:
    values = [
        json.dumps({"due": (TODAY + timedelta(days=number)).isoformat(), "ref": "A"}) for number in range(-50, 100)
    ]
    users = [{"id": "0" * 8, "mail": "ada@example.com", factories.ATTRIBUTE: values}]
    directory, storage = FakeDirectory(users, attribute=factories.ATTRIBUTE), FakeStorage()

    (told,) = explained(factories.policy(), Services(lambda: directory, storage, MovableClock(START)), users)

    assert len(told.obligations) == 150
    assert directory.requests <= 2
    assert storage.ledger.failures["of_user"].calls == 1
