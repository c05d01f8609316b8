from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest

from due_notices.calendars import ONE_DAY, BusinessCalendar, EveryDay, HolidayCalendar
from due_notices.ladder import (
    Case,
    CompletedRun,
    Day,
    Decision,
    day_of,
    decide,
    is_asked,
)
from due_notices.stages import Stages
from tests.factories import ClosedOn, on
from tests.factories import stages as make_stages

DE, US, GB = HolidayCalendar("DE"), HolidayCalendar("US"), HolidayCalendar("GB-ENG")
LADDER = (-7, -3, -1, 0, 3, 7, 14)


def august(*days: int) -> ClosedOn:
    return ClosedOn([date(2026, 8, day) for day in days or range(1, 32)])


def history(**sent: str) -> dict[int, date]:
    """`m7="2026-11-24"` means that stage -7 was sent on that day; `p3` is stage +3."""
    return {int(name[1:]) * (-1 if name[0] == "m" else 1): on(day) for name, day in sent.items()}


def after_yesterday(today: date, by: Stages) -> Day:
    return day_of(today, by, [CompletedRun(today - ONE_DAY)])


def decided(
    by: Stages,
    due: str,
    today: str,
    sent: Mapping[int, date] | None = None,
    *,
    paused: str | None = None,
    last_run: str | None = None,
    own: bool | None = None,
) -> Decision:
    runs = [CompletedRun(on(last_run) if last_run else on(today) - ONE_DAY)]
    sent = sent or {}
    case = Case(on(due), on(paused) if paused else None, sent, bool(sent) if own is None else own)
    return decide(by, day_of(on(today), by, runs), case)


def said(decision: Decision) -> str:
    if decision.stage is None:
        return decision.state
    return f"{decision.state} {decision.stage.stage:+d}{' late' if decision.late else ''}"


# ---- the dates of stages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calendar", "due", "days", "dates"),
    [
        # on or before the due date earlier, after it later
        (EveryDay(), "2026-12-01", (-7, 0, 3), "11-24 12-01 12-04"),
        (DE, "2026-04-06", (-1, 0, 1), "04-02 04-02 04-08"),
        (DE, "2026-04-10", (-7,), "04-02"),
        # a step counts from the first open day on which it could be paid
        (DE, "2026-05-02", (1,), "05-05"),
        (DE, "2026-05-01", (1, 3), "05-05 05-07"),
        # and a later one from the day of the one before it
        (DE, "2026-06-12", (1, 2, 3), "06-15 06-16 06-17"),
        (DE, "2026-04-02", (1, 3, 5), "04-07 04-09 04-13"),
        (DE, "2026-04-02", (-3, 0, 1, 3, 5), "03-30 04-02 04-07 04-09 04-13"),
        # no run of closed days is too long
        (august(), "2026-08-31", (0, 1, 2), "07-31 09-02 09-03"),
        (august(), "2026-07-31", (-1, 1, 20, 21), "07-30 09-01 09-20 09-21"),
        (ClosedOn([date(2026, 3, 1) + timedelta(days=day) for day in range(120)]), "2026-03-31", (0, 1), "02-28 06-30"),
    ],
)
def test_without_a_history_each_stage_falls_on(
    calendar: BusinessCalendar, due: str, days: tuple[int, ...], dates: str
) -> None:
    found = make_stages(*days, calendar=calendar).dates(on(due))

    assert tuple(stage.stage for stage in found) == days
    assert " ".join(f"{stage.day:%m-%d}" for stage in found) == dates


@pytest.mark.parametrize(
    ("sent", "paused", "dates"),
    [
        # LADDER, due on Tuesday 2026-12-01, every day open
        ({}, None, "-7 11-24, -3 11-28, -1 11-30, 0 12-01, 3 12-04, 7 12-08, 14 12-15"),
        # only what is above the highest has a date
        ({"m7": "2026-11-24"}, None, "-3 11-28, -1 11-30, 0 12-01, 3 12-04, 7 12-08, 14 12-15"),
        ({"p3": "2026-12-04"}, None, "7 12-08, 14 12-15"),
        ({"m7": "2026-11-24", "p14": "2026-12-15"}, None, ""),
        # the ladder counts on from what was really sent, not from what should have been
        ({"p3": "2026-12-07"}, None, "7 12-11, 14 12-18"),
        ({"m1": "2026-12-02"}, None, "0 12-01, 3 12-04, 7 12-08, 14 12-15"),
        # a step that is no stage any more holds the next one off as well; it does not push one that is far away
        ({"p5": "2026-12-10"}, None, "7 12-12, 14 12-19"),
        ({"p8": "2026-12-06"}, None, "14 12-15"),
        # a pause defers
        ({}, "2026-11-29", "-7 11-30, -3 11-30, -1 11-30, 0 12-01, 3 12-04, 7 12-08, 14 12-15"),
        ({}, "2026-12-05", "-7 12-06, -3 12-06, -1 12-06, 0 12-06, 3 12-06, 7 12-10, 14 12-17"),
        ({"p7": "2026-12-08"}, "2026-12-20", "14 12-21"),
        ({"p3": "2026-12-04"}, "2026-12-05", "7 12-08, 14 12-15"),
    ],
)
def test_with_what_was_sent_and_a_pause_the_stages_fall_on(
    sent: dict[str, str], paused: str | None, dates: str
) -> None:
    found = make_stages(*LADDER).dates(on("2026-12-01"), history(**sent), on(paused) if paused else None)

    assert ", ".join(f"{stage.stage} {stage.day:%m-%d}" for stage in found) == dates


def test_after_a_pause_a_stage_falls_on_the_first_open_day() -> None:
    found = make_stages(-3, 1, 2, calendar=DE).dates(on("2026-12-10"), {}, on("2026-12-18"))

    assert [stage.day for stage in found] == [on("2026-12-21"), on("2026-12-21"), on("2026-12-22")]


# ---- which one counts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("today", "sent", "what"),
    [
        ("2026-11-23", {}, "not-yet"),
        ("2026-11-24", {}, "owed -7"),
        ("2026-11-24", {"m7": "2026-11-24"}, "already-sent"),
        ("2026-11-25", {}, "owed -7 late"),
        ("2026-11-27", {}, "owed -7 late"),
        ("2026-11-28", {}, "owed -3"),
        ("2026-11-29", {"m3": "2026-11-28"}, "already-sent"),
        # the latest that has come on or before the due date
        ("2026-12-01", {"m7": "2026-11-24"}, "owed +0"),
        # the lowest step that has come, up to the end of the last one's catch-up
        ("2026-12-15", {}, "owed +3 late"),
        ("2026-12-18", {}, "owed +3 late"),
        ("2026-12-19", {}, "missed +3 late"),
        ("2026-12-15", {"m7": "2026-11-24"}, "owed +3 late"),
        ("2026-12-15", {"p3": "2026-12-12"}, "already-sent"),
        ("2026-12-16", {"p3": "2026-12-12"}, "owed +7 late"),
        ("2026-12-26", {"p3": "2026-12-12"}, "owed +7 late"),
        ("2026-12-27", {"p3": "2026-12-12"}, "expired +7 late"),
        # nothing is left
        ("2026-12-15", {"p14": "2026-12-15"}, "already-sent"),
        ("2026-12-18", {"p14": "2026-12-15"}, "already-sent"),
        ("2026-12-19", {"p14": "2026-12-15"}, "over"),
    ],
)
def test_the_stage_that_counts(today: str, sent: dict[str, str], what: str) -> None:
    assert said(decided(make_stages(*LADDER), "2026-12-01", today, history(**sent))) == what


@pytest.mark.parametrize(
    ("today", "sent", "what"),
    [
        # a stage before the due date may go late after it
        ("2026-12-04", {"m7": "2026-11-24"}, "owed +0 late"),
        ("2026-12-05", {"m7": "2026-11-24"}, "expired +0 late"),
        ("2026-12-05", {}, "missed +0 late"),
        ("2026-12-05", {"p0": "2026-12-01"}, "over"),
        # 30 days after the end of the catch-up, then no longer
        ("2027-01-03", {}, "missed +0 late"),
        ("2027-01-04", {}, "over"),
        ("2027-01-04", {"m1": "2026-11-30"}, "over"),
    ],
)
def test_what_was_given_up_is_named_for_a_while(today: str, sent: dict[str, str], what: str) -> None:
    assert said(decided(make_stages(-7, -3, -1, 0), "2026-12-01", today, history(**sent))) == what


def test_what_was_given_up_is_named_even_after_an_outage_of_any_length() -> None:
    by = make_stages(-7, -3, -1, 0)

    assert said(decided(by, "2026-12-01", "2027-08-01", last_run="2026-11-20")) == "missed +0 late"
    assert said(decided(by, "2026-12-01", "2027-08-01", last_run="2027-01-02")) == "missed +0 late"
    assert said(decided(by, "2026-12-01", "2027-08-01", last_run="2027-01-03")) == "over"


def test_the_look_back_goes_by_the_due_date_where_that_is_later() -> None:
    by = make_stages(-30, catch_up_days=1, look_back_days=10)

    assert said(decided(by, "2026-12-31", "2026-12-03")) == "missed -30 late"
    assert said(decided(by, "2026-12-31", "2027-01-10")) == "missed -30 late"
    assert said(decided(by, "2026-12-31", "2027-01-11")) == "over"


def test_under_changed_rules_a_run_looks_back_twice_as_far() -> None:
    by, due = make_stages(-7, -3, -1, 0), on("2026-12-01")
    yesterday = [CompletedRun(on("2027-02-01"), "other rules")]

    assert decide(by, day_of(on("2027-02-02"), by, yesterday, "rules"), Case(due)).state == "missed"
    assert decide(by, day_of(on("2027-02-02"), by, yesterday, "other rules"), Case(due)).state == "over"
    assert decide(by, day_of(on("2027-02-03"), by, yesterday, "rules"), Case(due)).state == "missed"


def test_rules_that_change_after_a_long_pause_send_nothing_a_second_time_even_by_hand() -> None:
    stages = Stages((0,), 3, EveryDay(), 30, retention_days=90)
    due, days = date(2026, 1, 1), timedelta(days=1)
    yesterday = CompletedRun(due + 92 * days, "before")
    day = day_of(due + 93 * days, stages, [yesterday], "after")
    paused_until = due + 56 * days

    assert is_asked(stages, day, due, paused_until)
    decision = decide(stages, day, Case(due, paused_until))

    assert (decision.state, decision.stage) == ("expired", None)


def test_the_first_run_names_what_ended_within_its_own_catch_up() -> None:
    by = make_stages(0, calendar=DE)
    first = day_of(on("2026-11-30"), by)  # a Monday; three open days before it is Wednesday 25 November

    assert first.begins == on("2026-11-25")
    assert decide(by, first, Case(on("2026-11-25"))).state == "owed"
    assert decide(by, first, Case(on("2026-11-24"))).state == "missed"
    assert decide(by, first, Case(on("2026-11-20"))).state == "missed"  # its catch-up ended on the 25th
    assert decide(by, first, Case(on("2026-11-19"))).state == "over"


def test_too_late_for_one_stage_but_not_for_the_next() -> None:
    by = make_stages(-30, -3, catch_up_days=2)

    assert said(decided(by, "2026-12-31", "2026-12-20")) == "not-yet"
    assert said(decided(by, "2026-12-31", "2026-12-20", history(m30="2026-12-01"))) == "already-sent"
    assert said(decided(by, "2026-12-31", "2026-12-20", history(m40="2026-12-01"))) == "already-sent"


def test_what_was_notified_today_is_already_sent_whatever_else() -> None:
    by = make_stages(*LADDER)

    assert said(decided(by, "2026-12-01", "2027-03-01", history(p3="2027-03-01"))) == "already-sent"
    assert said(decided(by, "2026-12-01", "2026-12-19", {-9: on("2026-12-19"), 3: on("2026-12-05")})) == "already-sent"


def test_what_vanished_obligations_left_behind_counts_as_sent_but_not_as_their_own() -> None:
    inherited = history(m3="2026-11-28")

    assert said(decided(make_stages(0), "2026-12-01", "2026-12-02", inherited, own=False)) == "owed +0 late"
    assert said(decided(make_stages(0), "2026-12-01", "2026-12-09", inherited, own=False)) == "missed +0 late"
    assert said(decided(make_stages(0), "2026-12-01", "2026-12-09", inherited)) == "expired +0 late"


# ---- days on which nothing could be sent ---------------------------------------------------------------------------


def test_catch_up_counts_open_days() -> None:
    # Monday 19 January 2026 is Martin Luther King Jr. Day; Easter 2026 is on 5 April
    by_us, by_de, by_gb = (make_stages(-7, -3, -1, 0, calendar=calendar) for calendar in (US, DE, GB))

    for due in ("2026-01-16", "2026-01-19"):
        assert said(decided(by_us, due, "2026-01-20", last_run="2026-01-15")) == "owed +0 late"
    for due in ("2026-04-02", "2026-04-03", "2026-04-04", "2026-04-05", "2026-04-06"):
        assert said(decided(by_de, due, "2026-04-07", last_run="2026-04-01")) == "owed +0 late"
        assert said(decided(by_de, due, "2026-04-09", last_run="2026-04-01")) == "owed +0 late"
        assert said(decided(by_de, due, "2026-04-10", last_run="2026-04-01")) == "missed +0 late"
    # a day that becomes a holiday after Friday's run: what was due then counts from the day before
    assert said(decided(by_gb, "2022-09-19", "2022-09-20", last_run="2022-09-16")) == "owed +0 late"


def test_a_setting_that_adds_earlier_stages_changes_nothing_that_was_sent() -> None:
    sent, by = history(m7="2026-11-24"), make_stages(-9, -3, -1, 0)

    assert said(decided(by, "2026-12-01", "2026-11-25", sent)) == "already-sent"
    assert said(decided(by, "2026-12-01", "2026-11-28", sent)) == "owed -3"


def test_the_ladder_goes_on_after_a_pause() -> None:
    by, sent = make_stages(0, 14), history(p0="2026-12-01")

    assert said(decided(by, "2026-12-01", "2026-12-21", sent, paused="2026-12-20")) == "owed +14 late"
    assert said(decided(by, "2026-12-01", "2026-12-25", sent, paused="2026-12-20")) == "expired +14 late"


def test_an_obligation_that_appears_after_its_last_chance_is_missed() -> None:
    by = make_stages(-7, -3, -1, 0)

    assert said(decided(by, "2026-12-01", "2026-12-06")) == "missed +0 late"
    assert said(decided(by, "2026-12-01", "2026-12-06", history(m3="2026-11-28"))) == "expired +0 late"


# ---- the notice ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "today", "sent", "expires"),
    [
        (LADDER, "2026-11-24", {}, "2026-11-28"),
        (LADDER, "2026-11-27", {}, "2026-11-28"),
        (LADDER, "2026-12-01", {}, "2026-12-04"),
        # the next step falls later where this one goes late
        (LADDER, "2026-12-06", {}, "2026-12-10"),
        (LADDER, "2026-12-06", {"p3": "2026-12-04"}, None),
        (LADDER, "2026-12-08", {"p3": "2026-12-04"}, "2026-12-15"),
        # the last one
        (LADDER, "2026-12-15", {"p7": "2026-12-08"}, "2026-12-19"),
        ((0,), "2026-12-03", {}, "2026-12-07"),
    ],
)
def test_a_notice_expires_when_the_next_stage_would_fall(
    days: tuple[int, ...], today: str, sent: dict[str, str], expires: str | None
) -> None:
    found = decided(make_stages(*days), "2026-12-01", today, history(**sent))

    assert found.expires == (on(expires) if expires else None)
    assert found.state == ("owed" if expires else "already-sent")


def test_the_last_notice_expires_after_its_catch_up_in_open_days() -> None:
    found = decided(make_stages(0, calendar=DE), "2026-04-02", "2026-04-02")

    assert found.expires == on("2026-04-10")  # three open days after Maundy Thursday, and one day


@pytest.mark.parametrize(
    ("days", "today", "sent", "stage", "superseded"),
    [
        (LADDER, "2026-12-01", {}, 0, 3),
        (LADDER, "2026-12-01", {"m3": "2026-11-28"}, 0, 1),
        (LADDER, "2026-12-09", {}, 3, 4),
        (LADDER, "2026-12-09", {"p0": "2026-12-01"}, 3, 0),
    ],
)
def test_stages_that_were_passed_over_are_counted(
    days: tuple[int, ...], today: str, sent: dict[str, str], stage: int, superseded: int
) -> None:
    found = decided(make_stages(*days), "2026-12-01", today, history(**sent))

    assert (found.stage.stage if found.stage else None, found.superseded) == (stage, superseded)


def test_stages_that_share_a_date_merge_uncounted() -> None:
    found = decided(make_stages(-3, -1, 0, calendar=DE), "2026-04-05", "2026-04-02")

    assert (said(found), found.superseded) == ("owed +0", 0)


def test_late_is_later_than_without_outages_and_pauses() -> None:
    by = make_stages(0, 3, 7)

    assert said(decided(by, "2026-12-01", "2026-12-08", history(p3="2026-12-04"))) == "owed +7"
    assert said(decided(by, "2026-12-01", "2026-12-09", history(p3="2026-12-05"))) == "owed +7 late"
    assert said(decided(by, "2026-12-01", "2026-12-10", history(p3="2026-12-04"), paused="2026-12-09")) == (
        "owed +7 late"
    )


# ---- what a run sends that is asked to send what was missed ---------------------------------------------------------


def test_what_was_missed_starts_with_the_lowest_step_and_goes_on_by_the_rule() -> None:
    by, due, today = make_stages(0, 3, 7), "2026-12-01", "2026-12-20"

    found = decided(by, due, today).after_all()

    assert said(found) == "owed +3 late"
    assert found.stage is not None
    assert found.stage.day == on("2026-12-04")
    assert found.expires == on("2026-12-24")
    assert said(decided(by, due, "2026-12-23", history(p3=today))) == "already-sent"
    assert said(decided(by, due, "2026-12-24", history(p3=today))) == "owed +7 late"


def test_what_was_missed_without_a_ladder_gets_its_last_stage() -> None:
    found = decided(make_stages(-7, -3, 0, calendar=DE), "2026-04-05", "2026-04-20", paused="2026-04-07").after_all()

    assert said(found) == "owed +0 late"
    assert found.stage is not None
    assert found.stage.day == on("2026-04-02")


def test_what_was_not_given_up_is_not_sent_by_it() -> None:
    by = make_stages(*LADDER)

    for today, sent in (("2026-11-20", {}), ("2026-11-25", {"m7": "2026-11-24"}), ("2027-06-01", {})):
        found = decided(by, "2026-12-01", today, history(**sent))
        assert found.after_all() == found


# ---- a pause beyond the memory of the ledger ------------------------------------------------------------------------


def test_an_obligation_that_the_ledger_may_forget_while_it_is_asked_for_is_given_up() -> None:
    # asked for up to 200 + 3 + 2 * 30 open days after the pause, by changed rules, kept for 500 days after the due date
    by, due, today = make_stages(3, 14, 30, 60, 100, retention_days=500), "2026-01-01", "2026-09-10"
    sent = history(p30="2026-03-02")

    assert said(decided(by, due, today, sent, paused="2026-08-25")) == "owed +60 late"
    assert said(decided(by, due, today, sent, paused="2026-08-26")) == "expired +60 late"
    assert said(decided(by, due, today, paused="2026-08-26")) == "expired +3 late"
    assert said(decided(by, due, today, {60: on(today)}, paused="2026-08-26")) == "already-sent"


def test_an_id_that_was_sent_is_not_sent_again_even_where_the_ladder_is_given_up() -> None:
    by = make_stages(0, 3, retention_days=100)

    found = decided(by, "2026-01-01", "2026-09-10", history(p3="2026-03-02"), paused="2026-08-26")

    assert found.after_all() == found
    assert (found.state, found.stage) == ("expired", None)


# ---- how far a run looks back ---------------------------------------------------------------------------------------


def test_a_run_begins_after_the_last_completed_one_of_an_earlier_day() -> None:
    by, today = make_stages(0), on("2026-12-10")
    runs = [CompletedRun(on(day)) for day in ("2026-12-07", "2026-12-10", "2026-12-04", "2026-12-11")]

    assert day_of(today, by, runs).begins == on("2026-12-08")
    assert day_of(today, by, runs[1:2]).begins == on("2026-12-07")  # the first run: three open days ago


def test_a_run_asks_as_many_open_days_back_as_twice_the_ladder_catch_up_and_look_back() -> None:
    by = make_stages(0, 7, calendar=DE, look_back_days=28)
    yesterday = CompletedRun(on("2026-12-10"), "rules")

    same = day_of(on("2026-12-11"), by, [yesterday], "rules")
    other = day_of(on("2026-12-11"), by, [yesterday], "other")
    first = day_of(on("2026-12-11"), by)

    assert same.own_reach == same.reach == by.open_days.before(on("2026-12-11"), 14 + 3 + 28)
    assert other.own_reach == by.open_days.before(on("2026-12-11"), 14 + 3 + 56)
    assert first.own_reach == by.open_days.before(on("2026-12-08"), 14 + 3 + 28)
    assert same.own_reach == on("2026-10-09")


def test_a_run_asks_at_least_as_far_back_as_the_recent_completed_ones() -> None:
    by, today = make_stages(0, 7), on("2026-12-11")  # the last ten open days
    far, farther = on("2025-06-01"), on("2025-05-01")
    runs = [CompletedRun(on("2026-12-01"), "", far), CompletedRun(on("2026-12-10"))]

    assert day_of(today, by, runs).reach == far
    assert day_of(today, by, runs).own_reach > far
    assert day_of(today, by, [CompletedRun(on("2026-11-30"), "", farther), *runs]).reach == far


def test_a_due_date_is_asked_for_from_its_first_stage_on() -> None:
    by = make_stages(-7, 0, calendar=DE)
    day = after_yesterday(on("2026-04-02"), by)

    assert is_asked(by, day, on("2026-04-09"))
    assert is_asked(by, day, on("2026-04-13"))  # its first stage falls on Easter Monday
    assert not is_asked(by, day, on("2026-04-14"))
    assert is_asked(by, day, day.reach)
    assert not is_asked(by, day, day.reach - ONE_DAY)
    assert not is_asked(by, day, date(9999, 12, 31))


def test_an_old_obligation_is_asked_for_where_its_pause_ended_in_that_time() -> None:
    by = make_stages(-7, 0)
    day = after_yesterday(on("2026-12-01"), by)
    old = on("2026-01-01")

    assert is_asked(by, day, old, on("2026-11-30"))
    assert is_asked(by, day, old, day.reach - ONE_DAY)
    assert not is_asked(by, day, old, day.reach - 2 * ONE_DAY)
    assert not is_asked(by, day, old, on("2026-12-01"))  # it still holds
    assert not is_asked(by, day, old, date(9999, 12, 31))


@pytest.mark.parametrize("calendar", [EveryDay(), DE, US])
@pytest.mark.parametrize("paused", ["0001-01-01", "0001-01-02", "1582-10-15", "1969-12-31"])
def test_a_pause_of_long_ago_holds_nothing_up(paused: str, calendar: BusinessCalendar) -> None:
    by = make_stages(-7, 0, calendar=calendar)

    assert decided(by, "2026-12-01", "2026-12-01", paused=paused) == decided(by, "2026-12-01", "2026-12-01")
