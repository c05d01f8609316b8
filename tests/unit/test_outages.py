"""Many days in a row: what becomes of everybody when runs fail, are killed, or do not take place at all.

The simulation does with a dict what `run` and `delivery` do with the ledger, and plans with the real planning.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.calendars import BusinessCalendar, EveryDay, HolidayCalendar
from due_notices.model import Notice, Sent, obligation_key, user_key
from due_notices.planning import Plan, Planner
from due_notices.policy import Policy
from due_notices.reading import days_to
from due_notices.report import RunReport
from due_notices.stages import SendWindow
from tests.factories import (
    ALICE,
    BOB,
    CARLA,
    DMITRI,
    ERIN,
    graph_user,
    obligation_json,
    on,
    page_of,
    policy,
    run_report,
)
from tests.unit.strategies import stage_sets

Users = Sequence[Mapping[str, object]]

# What becomes of the notices of a run, in turn and then from the beginning again: True is sent, False fails.
# A run that is KILLED has sent all, and is not recorded.
FINE: tuple[bool, ...] = (True,)
KILLED: tuple[bool, ...] = ()


@dataclass(frozen=True)
class Delivered:
    notice: Notice
    at: datetime


@dataclass
class Simulation:
    policy: Policy
    users: Users
    ledger: dict[date, dict[str, dict[str, Sent]]] = field(default_factory=dict)
    records: list[RunReport] = field(default_factory=list)
    sent: list[Delivered] = field(default_factory=list)
    completed: list[Plan] = field(default_factory=list)

    def tick(self, now: datetime, fate: tuple[bool, ...] = FINE) -> None:
        today = self.policy.business_date(now)
        if self.policy.why_closed(now) is not None or today in self.run_days:
            return
        rules = self.policy.rules
        planner = Planner(rules, days_to(today, self.records, rules))
        planner.add_page(page_of(self.users, rules.attribute))
        for due in planner.asks():
            planner.decide(due, self.ledger.get(due, {}))
        plan = planner.plan()
        luck = list(itertools.islice(itertools.cycle(fate or FINE), len(plan.notices)))
        for notice in itertools.compress(plan.notices, luck):
            self._remember(notice)
            self.sent.append(Delivered(notice, now))
        if fate == KILLED:
            return
        outcome = "completed" if all(luck) else "failed"
        self.records.append(run_report(today, outcome, reach=plan.day.own_reach))
        if outcome == "completed":
            self.completed.append(plan)

    def _remember(self, notice: Notice) -> None:
        owed = notice.obligation
        of_user = self.ledger.setdefault(owed.due, {}).setdefault(user_key(notice.user.id), {})
        before = of_user.get(obligation_key(owed))
        stages = {**(before.stages if before else {}), notice.stage: notice.business_date}
        of_user[obligation_key(owed)] = Sent(stages, bool(owed.reference))

    def run_at_noon(self, days: Iterable[date]) -> None:
        for day in days:
            self.tick(datetime.combine(day, time(12), tzinfo=self.policy.rules.time_zone).astimezone(UTC))

    @property
    def run_days(self) -> list[date]:
        return [plan.day.business_date for plan in self.completed]


# ---- examples -------------------------------------------------------------------------------------------------------

FIRST = on("2026-11-20")
DUE = "2026-12-01"  # its stages -7, -3, -1 and 0 fall on 24, 28 and 30 November and 1 December


def days_without(first: date, number: int, outage: Iterable[date]) -> list[date]:
    closed = set(outage)
    return [day for day in (first + timedelta(days=offset) for offset in range(number)) if day not in closed]


def days_from(first: str, number: int) -> list[date]:
    return [on(first) + timedelta(days=offset) for offset in range(number)]


def story(simulation: Simulation) -> list[tuple[str, int]]:
    return [(f"{sent.notice.business_date:%d %b}", sent.notice.stage) for sent in simulation.sent]


@pytest.mark.parametrize(
    ("outage", "sent", "figures"),
    [
        ([], [("24 Nov", -7), ("28 Nov", -3), ("30 Nov", -1), ("01 Dec", 0)], {}),
        # CATCH_UP_DAYS=3: an outage of up to three days only delays
        (
            days_from("2026-11-24", 1),
            [("25 Nov", -7), ("28 Nov", -3), ("30 Nov", -1), ("01 Dec", 0)],
            {},
        ),
        (
            days_from("2026-11-24", 3),
            [("27 Nov", -7), ("28 Nov", -3), ("30 Nov", -1), ("01 Dec", 0)],
            {},
        ),
        # one of five days reaches into the next stage, which takes the place of the first
        (
            days_from("2026-11-24", 5),
            [("29 Nov", -3), ("30 Nov", -1), ("01 Dec", 0)],
            {"superseded": 1},
        ),
        # at the end nothing follows: two days only delay, five outlast the window
        (
            days_from("2026-12-01", 2),
            [("24 Nov", -7), ("28 Nov", -3), ("30 Nov", -1), ("03 Dec", 0)],
            {},
        ),
        (
            days_from("2026-12-01", 5),
            [("24 Nov", -7), ("28 Nov", -3), ("30 Nov", -1)],
            {"expired": 1},
        ),
        # two weeks: nothing is left to send, and that is said
        (days_from("2026-11-24", 14), [], {"missed": 1}),
    ],
)
def test_an_outage(outage: list[date], sent: list[tuple[str, int]], figures: dict[str, int]) -> None:
    simulation = Simulation(policy(), [graph_user(DUE)])

    simulation.run_at_noon(days_without(FIRST, 30, outage))

    assert story(simulation) == sent
    found = {
        "superseded": sum(plan.superseded for plan in simulation.completed),
        "missed": max(plan.missed for plan in simulation.completed),
        "expired": max(plan.expired for plan in simulation.completed),
    }
    assert {name: count for name, count in found.items() if count} == figures


def test_a_failed_run_is_repaired_by_the_next_tick_and_only_what_failed_is_sent() -> None:
    users = [graph_user(DUE), graph_user(DUE, who=BOB), graph_user(DUE, who=CARLA)]
    simulation = Simulation(policy(), users)

    simulation.tick(datetime(2026, 11, 24, 8, tzinfo=UTC), (True, False, False))
    simulation.tick(datetime(2026, 11, 24, 9, tzinfo=UTC), (False, True))
    simulation.tick(datetime(2026, 11, 24, 10, tzinfo=UTC))
    simulation.tick(datetime(2026, 11, 24, 11, tzinfo=UTC))

    assert [one.at.hour for one in simulation.sent] == [8, 9, 10]
    assert {one.notice.user.id for one in simulation.sent} == {ALICE, BOB, CARLA}
    assert simulation.run_days == [on("2026-11-24")]


def test_what_a_failed_run_sent_is_neither_superseded_nor_missed_later() -> None:
    simulation = Simulation(policy(), [graph_user(DUE), graph_user(DUE, who=BOB)])
    simulation.run_at_noon([on("2026-11-23")])

    simulation.tick(datetime(2026, 11, 24, 12, tzinfo=UTC), (True, False))
    simulation.run_at_noon([on("2026-11-29"), on("2026-12-24")])

    assert Counter(one.notice.stage for one in simulation.sent) == {-7: 1, -3: 2}
    assert sum(plan.superseded for plan in simulation.completed) == 1
    assert (simulation.completed[-1].missed, simulation.completed[-1].expired) == (0, 2)


def test_a_day_that_passed_outside_the_window_is_caught_up_on_the_next() -> None:
    simulation = Simulation(policy(), [graph_user(DUE)])

    simulation.tick(datetime(2026, 11, 24, 7, 59, tzinfo=UTC))
    simulation.tick(datetime(2026, 11, 24, 18, tzinfo=UTC))
    simulation.tick(datetime(2026, 11, 25, 8, tzinfo=UTC))

    assert [(one.notice.stage, one.notice.late) for one in simulation.sent] == [(-7, True)]


# ---- properties ----------------------------------------------------------------------------------------------------

BERLIN, NEW_YORK, RIYADH = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Asia/Riyadh")
CALENDARS: dict[str, BusinessCalendar] = {
    "every day": EveryDay(),
    **{name: HolidayCalendar(name) for name in ("DE", "US-NY", "SA")},
}
# What the calendars ought to say, by other means.
CLOSED = {
    "every day": (frozenset[int](), frozenset[date]()),
    "DE": ({5, 6}, holidays.country_holidays("DE", years=range(2025, 2030)).keys()),
    "US-NY": ({5, 6}, holidays.country_holidays("US", subdiv="NY", years=range(2025, 2030)).keys()),
    "SA": ({4, 5}, holidays.country_holidays("SA", years=range(2025, 2030)).keys()),
}
# Easter, the end of Ramadan and both changes of the clocks; New Year; a leap day.
STARTS = [on("2026-03-14"), on("2026-03-24"), on("2026-10-20"), on("2026-12-18"), on("2028-02-18")]
WINDOW = (8, 18)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    return policy(
        *draw(stage_sets | st.just((-7, -3, -1, 0, 3, 7))),
        catch_up_days=draw(st.integers(0, 5)),
        calendar=CALENDARS[draw(st.sampled_from(list(CALENDARS)))],
        time_zone=draw(st.sampled_from([ZoneInfo("UTC"), BERLIN, NEW_YORK, RIYADH])),
        window=SendWindow(time(WINDOW[0]), time(WINDOW[1])),
    )


@st.composite
def debtors(draw: st.DrawFn, start: date, *, only_open: bool = False) -> Users:
    """Return users whose obligations each have a reference of their own; some are owed by two accounts."""
    values: dict[str, list[str]] = {who: [] for who in (ALICE, BOB, CARLA, DMITRI, ERIN)}
    for number in range(draw(st.integers(1, 5))):
        due = start + timedelta(days=draw(st.integers(-8, 30)))
        details: dict[str, str] = {"ref": f"INV-{number}"}
        if not only_open:
            if draw(st.integers(0, 4)) == 0:
                details["status"] = draw(st.sampled_from(["paid", "void", "disputed"]))
            if draw(st.integers(0, 4)) == 0:
                details["pausedUntil"] = str(start + timedelta(days=draw(st.integers(0, 25))))
        for who in draw(st.sampled_from([(ALICE,), (ALICE, BOB), (CARLA,), (CARLA, DMITRI), (BOB, ERIN)])):
            values[who].append(obligation_json(str(due), **details))
    overrides: dict[str, dict[str, object]] = {who: {} for who in values}
    if not only_open:
        overrides[BOB] = draw(st.sampled_from([{"mail": "ALICE@example.com"}, {}, {"mobilePhone": None}]))
        overrides[DMITRI] = draw(st.sampled_from([{}, {"accountEnabled": False}]))
    return [
        graph_user(*owed, who=who, **overrides[who])
        for who, owed in values.items()
        if owed and not (only_open and who == ERIN)
    ]


Ticks = Sequence[tuple[int, tuple[bool, ...]]]

GOOD_DAY: Ticks = [(7, FINE), (12, FINE), (17, FINE)]
bad_days: st.SearchStrategy[Ticks] = st.lists(
    st.tuples(
        st.sampled_from([4, 9, 12, 15, 21]),
        st.sampled_from([FINE, KILLED, (True, False), (False, True), (False,)]),
    ),
    max_size=3,
).map(sorted)


@st.composite
def histories(draw: st.DrawFn) -> Simulation:
    """Return a simulation after some weeks of good runs, failures and outages."""
    start = draw(st.sampled_from(STARTS))
    simulation = Simulation(draw(policies()), draw(debtors(start)))
    seasons = draw(st.lists(st.tuples(st.sampled_from(["good", "bad", "outage"]), st.integers(1, 8)), max_size=6))
    today = start
    for season, days in [("good", 1), *seasons, ("good", 1)]:
        for _ in range(days):
            for hour, fate in {"good": GOOD_DAY, "bad": draw(bad_days) if season == "bad" else (), "outage": ()}[
                season
            ]:
                simulation.tick(datetime.combine(today, time(hour), tzinfo=UTC), fate)
            today += timedelta(days=1)
    return simulation


@given(histories())
def test_no_obligation_gets_two_notices_on_one_day(simulation: Simulation) -> None:
    zone = simulation.policy.rules.time_zone

    per_day = Counter(
        (one.notice.user.id, one.notice.obligation, one.at.astimezone(zone).date()) for one in simulation.sent
    )

    assert set(per_day.values()) <= {1}


@given(histories())
def test_nothing_is_sent_on_closed_days_or_outside_the_window(simulation: Simulation) -> None:
    rules = simulation.policy.rules
    name = next(name for name, calendar in CALENDARS.items() if calendar is rules.stages.calendar)
    weekend, closed = CLOSED[name]

    for one in simulation.sent:
        local = one.at.astimezone(rules.time_zone)

        assert local.weekday() not in weekend
        assert local.date() not in closed
        assert WINDOW[0] <= local.hour < WINDOW[1]
        assert one.notice.business_date == local.date()
        assert one.at < one.notice.expires


@given(histories())
def test_each_obligation_read_is_in_exactly_one_figure_of_each_run(simulation: Simulation) -> None:
    for plan in simulation.completed:
        figures = (plan.not_yet, plan.over, len(plan.notices), plan.already_sent, plan.missed, plan.expired)
        assert sum(figures) + sum(plan.skipped.values()) == plan.obligations


@given(histories())
def test_ids_are_stable_and_distinct_over_all_days(simulation: Simulation) -> None:
    facts = {
        (one.notice.user.id, one.notice.obligation.facts, one.notice.stage): one.notice.id for one in simulation.sent
    }

    assert len(facts) == len(set(facts.values())) == len(simulation.sent)
