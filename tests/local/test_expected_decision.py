"""What one obligation comes to by the second calculation, against examples that were worked out by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

import holidays
import pytest

from local.expected import Decision, Past, Rules, asked_by_its_own_rules, decide, due_dates_asked
from local.expected_decision import asked_from, is_asked, stage_dates
from local.expected_values import NO_END
from tests.local.calculation import daily, day

DUE = "2026-12-01"
ONE_DAY = timedelta(days=1)


def closed_in(country: str, subdivision: str | None = None) -> Callable[[date], bool]:
    calendar = holidays.country_holidays(country, subdiv=subdivision, years=range(2022, 2028))
    return lambda day: not calendar.is_working_day(day)


DE, US = closed_in("DE"), closed_in("US")


def on(
    today: str,
    due: str,
    *stages: int,
    sent: Mapping[int, str] | None = None,
    paused: str | None = None,
    past: Past | None = None,
    own: bool | None = None,
    **rules: Any,
) -> Decision:
    now = day(today)
    return decide(
        now,
        day(due),
        None if paused is None else day(paused),
        Rules(stages or Rules().stages, **rules),
        daily(now) if past is None else past,
        {stage: day(when) for stage, when in (sent or {}).items()},
        sent_itself=own,
    )


def life(first: str, last: str, due: str, rules: Rules, pause: str | None = None, down: str = "") -> dict[str, int]:
    """Return the days on which an obligation is notified, and at which stage, if nobody runs on the days `down`."""
    sent: dict[int, date] = {}
    past, today = Past(resumes=day(first)), day(first)
    while today <= day(last):
        if not rules.closed(today) and f"{today:%m-%d}" not in down.split():
            decision = decide(today, day(due), None if pause is None else day(pause), rules, past, sent)
            if decision.sending is not None:
                sent[decision.sending.stage] = today
            past = Past(resumes=today + ONE_DAY)
        today += ONE_DAY
    return {f"{when:%m-%d}": stage for stage, when in sent.items()}


# Calendar and catch-up.


@pytest.mark.parametrize("due", ["01-16", "01-17", "01-18", "01-19"])
def test_a_run_missed_before_a_long_weekend_is_made_up_for_after_it(due: str) -> None:
    """Friday 16 January, a Monday that is a holiday in the United States, and three days of catch-up."""
    decision = on("01-20", due, sent={-7: "01-09", -3: "01-14", -1: "01-15"}, closed=US)

    assert decision.figure == "owed"
    assert decision.sending is not None
    assert (decision.sending.stage, decision.sending.stage_date, decision.sending.late) == (0, day("01-16"), True)


@pytest.mark.parametrize("due", ["04-02", "04-03", "04-04", "04-05", "04-06"])
def test_a_run_missed_before_easter_is_made_up_for_after_it(due: str) -> None:
    decision = on("04-07", due, 0, closed=DE)

    assert decision.sending is not None
    assert (decision.figure, decision.sending.stage_date, decision.sending.late) == ("owed", day("04-02"), True)


@pytest.mark.parametrize(
    ("due", "steps", "wanted"),
    [
        ("06-12", (1, 2, 3), {"06-15": 1, "06-16": 2, "06-17": 3}),
        ("04-02", (1, 3, 5), {"04-07": 1, "04-09": 3, "04-13": 5}),
        ("05-02", (1,), {"05-05": 1}),
    ],
)
def test_the_ladder_keeps_its_distances_over_weekends_and_holidays(
    due: str, steps: tuple[int, ...], wanted: Mapping[str, int]
) -> None:
    assert life("03-01", "07-31", due, Rules(steps, closed=DE)) == wanted


def test_a_day_that_becomes_a_holiday_after_fridays_run_takes_its_stage_to_tuesday() -> None:
    """Friday's run, 16 September 2022, thought Monday open; the stage then lies on the Friday that is gone."""
    england = closed_in("GB", "ENG")
    sent = {-7: "2022-09-12", -3: "2022-09-16"}

    decision = on("2022-09-20", "2022-09-19", -7, -3, 0, sent=sent, closed=england, past=Past(day("2022-09-17")))

    assert decision.sending is not None
    assert (decision.sending.stage, decision.sending.late) == (0, True)
    assert decision.sending.stage_date == day("2022-09-16")


@pytest.mark.parametrize(("today", "figure"), [("12-04", "owed"), ("12-07", "missed")])
def test_the_catch_up_counts_open_days(today: str, figure: str) -> None:
    """Stage 0 falls on Tuesday 1 December; Friday is the third open day after it, Monday the fourth."""
    assert on(today, "12-01", 0, closed=DE).figure == figure


def test_a_catch_up_of_none_lets_a_stage_go_on_its_date_alone() -> None:
    assert on("12-01", "12-01", 0, catch_up=0).figure == "owed"
    assert on("12-02", "12-01", 0, catch_up=0).figure == "missed"


def test_nothing_is_decided_on_a_closed_day() -> None:
    with pytest.raises(ValueError, match="closed"):
        on("11-29", "12-01", closed=DE)


# The dates of stages.


def test_a_stage_before_the_due_date_falls_on_the_open_day_before_it() -> None:
    assert stage_dates(day("12-01"), None, Rules((-3, -2, -1, 0), closed=DE), {}) == {
        -3: day("11-27"),
        -2: day("11-27"),
        -1: day("11-30"),
        0: day("12-01"),
    }


def test_each_step_counts_from_the_date_of_the_step_before_it() -> None:
    """Maundy Thursday: step 1 cannot fall before Tuesday the 7th, and the others keep their distance from it."""
    assert stage_dates(day("04-02"), None, Rules((1, 3, 5), closed=DE), {}) == {
        1: day("04-07"),
        3: day("04-09"),
        5: day("04-13"),
    }


def test_a_pause_defers_stages_to_the_first_open_day_after_it() -> None:
    """The pause ends on Friday 27 November; -7 came before it began to matter, and moves all the same."""
    assert stage_dates(day("12-01"), day("11-27"), Rules((-7, -3, -1, 2), closed=DE), {}) == {
        -7: day("11-30"),
        -3: day("11-30"),
        -1: day("11-30"),
        2: day("12-03"),
    }


def test_the_ladder_counts_on_from_the_step_that_was_sent_even_if_the_step_is_no_longer_configured() -> None:
    """Step 4 was sent on 10 December, five days late; 7 then comes three days later, and 14 seven after that."""
    assert stage_dates(day("12-01"), None, Rules((0, 7, 14)), {4: day("12-10")}) == {7: day("12-13"), 14: day("12-20")}


def test_a_stage_before_the_due_date_that_went_late_moves_no_step() -> None:
    assert stage_dates(day("12-01"), None, Rules((0, 3, 7)), {0: day("12-03")}) == {3: day("12-04"), 7: day("12-08")}


def test_only_stages_above_the_highest_have_dates() -> None:
    assert stage_dates(day("12-01"), None, Rules((-9, -3, -1, 0)), {-7: day("11-24")}).keys() == {-3, -1, 0}


# Which notice.


def test_a_changed_setting_sends_nothing_below_what_was_sent() -> None:
    rules: dict[str, Any] = {"sent": {-7: "11-24"}, "past": Past(day("11-25"), rules_differ=True)}

    assert on("11-25", "12-01", -9, -3, -1, 0, **rules).figure == "already sent"
    due = on("11-28", "12-01", -9, -3, -1, 0, **rules)
    assert due.sending is not None
    assert (due.sending.stage, due.sending.late, due.sending.previous_stage) == (-3, False, -7)


def test_what_was_notified_today_is_already_sent_whatever_else() -> None:
    assert on("12-05", "12-01", -7, 0, sent={-7: "12-05"}).figure == "already sent"


def test_an_outage_makes_no_pile_and_what_was_left_out_is_superseded() -> None:
    decision = on("11-30", "12-01", -7, -3, -2, -1, 0, past=Past(day("11-24")))

    assert decision.sending is not None
    assert (decision.sending.stage, decision.sending.superseded) == (-1, (-7, -3, -2))


def test_stages_of_one_date_merge_uncounted() -> None:
    """All three fall on Monday, the first day after the pause."""
    decision = on("11-30", "12-01", -7, -3, -1, 0, paused="11-27", closed=DE)

    assert decision.sending is not None
    assert (decision.sending.stage, decision.sending.superseded) == (-1, ())


def test_of_steps_the_lowest_goes_first_and_the_others_follow_at_their_distances() -> None:
    """Nobody ran from 1 to 10 December, when steps 1, 3 and 5 were to go."""
    down = " ".join(f"12-{number:02d}" for number in range(1, 11))

    assert life("11-20", "12-31", "12-01", Rules((0, 1, 3, 5), catch_up=6), down=down) == {
        "12-11": 1,
        "12-13": 3,
        "12-15": 5,
    }


def test_a_step_is_owed_as_long_as_the_catch_up_of_the_last_step_runs() -> None:
    """Steps 1 and 10 of 1 December: the last falls on 11 December, and its catch-up ends on the 14th."""
    assert on("12-14", "12-01", 1, 10).sending is not None
    assert on("12-15", "12-01", 1, 10).figure == "missed"


def test_a_stage_that_is_too_late_waits_for_the_next() -> None:
    assert on("12-06", "12-12", -10, 0).figure == "not yet"
    assert on("12-06", "12-12", -10, 0, sent={-15: "11-27"}).figure == "already sent"


def test_a_stage_on_or_before_the_due_date_may_go_after_it() -> None:
    decision = on("12-03", "12-01", 0)

    assert decision.sending is not None
    assert (decision.sending.stage, decision.sending.late) == (0, True)


def test_what_was_sent_last_is_already_sent_for_the_catch_up_and_then_over() -> None:
    """The last stage went on Tuesday 1 December: Friday is the third open day after it."""
    assert on("12-04", "12-01", sent={0: "12-01"}, closed=DE).figure == "already sent"
    assert on("12-07", "12-01", sent={0: "12-01"}, closed=DE).figure == "over"


# Expiry and lateness.


def test_a_notice_expires_when_the_next_would_fall_and_the_last_after_its_catch_up() -> None:
    first, last = on("11-24", "12-01", -7, -3, 0, closed=DE), on("12-01", "12-01", -7, -3, 0, closed=DE)

    assert first.sending is not None
    assert last.sending is not None
    assert first.sending.expires == day("11-27")  # the open day on or before Saturday
    assert last.sending.expires == day("12-05")  # the day after Friday, the third open day


def test_a_late_step_expires_when_the_next_falls_counted_from_today() -> None:
    decision = on("12-05", "12-01", 1, 3, 9)

    assert decision.sending is not None
    assert (decision.sending.stage, decision.sending.late, decision.sending.expires) == (1, True, day("12-07"))


def test_a_step_after_a_late_one_is_late_although_it_goes_on_its_date() -> None:
    decision = on("12-07", "12-01", 1, 3, 9, sent={1: "12-05"})

    assert decision.sending is not None
    assert (decision.sending.stage, decision.sending.stage_date, decision.sending.late) == (3, day("12-07"), True)


def test_the_last_step_after_a_pause_goes_on_the_first_open_day_and_is_late() -> None:
    """Step 14 of Tuesday 1 December lies on the 15th; the pause ends on Sunday the 20th."""
    assert on("12-18", "12-01", 0, 14, sent={0: "12-01"}, paused="12-20", closed=DE).figure == "paused"
    decision = on("12-21", "12-01", 0, 14, sent={0: "12-01"}, paused="12-20", closed=DE)

    assert decision.sending is not None
    assert (decision.sending.stage_date, decision.sending.late) == (day("12-21"), True)
    assert decision.sending.expires == day("12-25")  # after the 22nd, 23rd and 24th
    assert life("11-01", "2027-02-01", "12-01", Rules((0, 14), closed=DE), "12-20") == {"12-21": 14}


# Missed, expired, over.


def test_what_appears_after_its_last_chance_is_missed_and_by_hand_its_last_stage_goes_once() -> None:
    """Due on 1 December with the last chance on the 4th; the value appears on the 6th."""
    decision = on("12-06", "12-01")

    assert (decision.figure, decision.sending) == ("missed", None)
    assert decision.if_missed is not None
    assert (decision.if_missed.stage, decision.if_missed.stage_date) == (0, day("12-01"))
    assert (decision.if_missed.late, decision.if_missed.expires) == (True, day("12-10"))
    assert on("12-07", "12-01", sent={0: "12-06"}).figure == "already sent"
    assert on("12-10", "12-01", sent={0: "12-06"}).figure == "over"


def test_by_hand_the_last_stage_has_the_date_that_it_has_without_a_pause() -> None:
    decision = on("12-10", "12-01", -7, 0, paused="12-02")

    assert decision.if_missed is not None
    assert (decision.if_missed.stage, decision.if_missed.stage_date) == (0, day("12-01"))


def test_a_dispute_that_ends_too_late_is_expired_and_by_hand_the_ladder_goes_on() -> None:
    """Step 3 was sent on 4 December; the last step, 10, had its last chance on the 14th."""
    decision = on("12-19", "12-01", 3, 7, 10, sent={3: "12-04"})

    assert decision.figure == "expired"
    assert decision.if_missed is not None
    assert (decision.if_missed.stage, decision.if_missed.stage_date, decision.if_missed.superseded) == (
        7,
        day("12-08"),
        (),
    )
    assert decision.if_missed.expires == day("12-22")
    following = on("12-22", "12-01", 3, 7, 10, sent={3: "12-04", 7: "12-19"})
    assert following.sending is not None
    assert following.sending.stage == 10


def test_what_was_sent_under_another_key_alone_is_missed() -> None:
    assert on("12-06", "12-01", sent={-7: "11-24"}, own=False).figure == "missed"
    assert on("12-06", "12-01", sent={-7: "11-24"}, own=True).figure == "expired"


def test_a_missed_one_is_named_until_the_look_back_ends() -> None:
    """The catch-up ends on 4 December, thirty days later is 3 January."""
    assert on("2027-01-03", "12-01").figure == "missed"
    assert on("2027-01-04", "12-01").figure == "over"


def test_an_outage_hides_nobody() -> None:
    """Nobody ran from 4 January to 9 March."""
    assert on("2027-03-10", "12-01", past=Past(day("2027-01-03"))).figure == "missed"
    assert on("2027-03-10", "12-01", past=Past(day("2027-01-04"))).figure == "over"


def test_changed_rules_look_back_twice_as_far() -> None:
    """Two look-backs of thirty days after 4 December end on 2 February."""
    assert on("2027-02-02", "12-01", past=Past(day("2027-02-02"), rules_differ=True)).figure == "missed"
    assert on("2027-02-03", "12-01", past=Past(day("2027-02-03"), rules_differ=True)).figure == "over"


def test_the_first_run_begins_a_catch_up_ago() -> None:
    """On 10 December it begins on the 7th: what had its last chance that day is missed, the day before over."""
    assert on("12-10", "12-04", past=Past()).figure == "missed"
    assert on("12-10", "12-03", past=Past()).figure == "over"


def test_what_is_still_to_fall_due_is_named_from_its_due_date_on() -> None:
    """Stage -20 of 1 December had its last chance on 14 November; the look-back counts from the due date."""
    assert on("11-20", "12-01", -20).figure == "missed"
    assert on("12-31", "12-01", -20).figure == "missed"
    assert on("2027-01-01", "12-01", -20).figure == "over"


def test_a_pause_that_outlasts_the_ledger_gives_up_and_nothing_goes_by_itself() -> None:
    """Step 30 was sent; the pause lasts longer than the ledger remembers."""
    rules: dict[str, Any] = {"look_back": 134, "retention": 500}
    decision = on("2028-03-02", "12-01", 3, 14, 30, 60, sent={30: "2027-01-05"}, paused="2028-03-01", **rules)

    assert (decision.figure, decision.sending) == ("expired", None)
    assert decision.if_missed is not None
    assert decision.if_missed.stage == 60
    forgotten = on("2028-06-02", "12-01", 3, 14, 30, 60, paused="2028-06-01", **rules)
    assert forgotten.figure == "expired"


def test_by_hand_nothing_goes_that_is_not_above_what_was_sent() -> None:
    decision = on("2028-03-02", "12-01", 0, 3, sent={10: "2027-01-05"}, paused="2028-03-01", retention=400)

    assert decision == Decision("expired")


def test_a_pause_within_what_the_ledger_remembers_goes_on() -> None:
    decision = on(
        "2027-03-02", "12-01", 3, 14, 30, 60, sent={30: "2027-01-05"}, paused="2027-03-01", look_back=134, retention=500
    )

    assert decision.sending is not None
    assert (decision.sending.stage, decision.sending.stage_date) == (60, day("2027-03-02"))


# What the ledger is asked.


def test_the_ledger_is_asked_back_by_twice_the_ladder_the_catch_up_and_the_look_back() -> None:
    """Without steps 33 days before 1 December, which is 29 October, up to the first stage of the 8th."""
    asked = due_dates_asked(day("12-01"), Rules(), daily(day("12-01")))

    assert (asked[0], asked[-1]) == (day("10-29"), day("12-08"))
    longer = due_dates_asked(day("12-01"), Rules((-7, 0, 5)), Past(day("12-01"), rules_differ=True))
    assert longer[0] == day("12-01") - timedelta(days=10 + 3 + 60)


def test_an_outage_takes_the_asking_further_back() -> None:
    assert asked_from(day("12-01"), Rules(), Past(day("11-20"))) == day("11-20") - timedelta(days=33)


def test_the_first_run_asks_from_the_day_on_which_it_begins() -> None:
    assert asked_from(day("12-01"), Rules(), Past()) == day("11-28") - timedelta(days=33)


def test_due_dates_are_asked_in_open_days_however_long_a_closed_time_is() -> None:
    """August is closed: three open days before 2 September, a Wednesday, are the 1st, and 31 and 30 July."""
    rules = Rules((0,), catch_up=1, look_back=2, closed=lambda day: day.month == 8)

    assert asked_from(day("09-02"), rules, daily(day("09-02"))) == day("07-30")


def test_what_an_earlier_run_asked_for_is_asked_for_as_long_as_its_ladder_may_go_on() -> None:
    past = Past(day("12-01"), asked_from=day("06-01"))

    assert asked_from(day("12-01"), Rules(), past) == day("06-01")
    assert asked_by_its_own_rules(day("12-01"), Rules(), past) == day("10-29")


def test_an_older_obligation_is_asked_for_alone_when_its_pause_ended_lately() -> None:
    rules, past, today = Rules((0, 14), look_back=42), daily(day("12-01")), day("12-01")

    assert not is_asked(today, day("05-01"), None, rules, past)
    assert is_asked(today, day("05-01"), day("11-30"), rules, past)
    assert not is_asked(today, day("05-01"), day("12-01"), rules, past)  # it is paused
    assert on("12-01", "05-01", 0, 14, paused="11-30", look_back=42).figure == "owed"
    assert on("12-01", "05-01", 0, 14, look_back=42).figure == "over"


def test_a_date_that_means_never_is_not_yet_and_a_pause_without_end_is_paused() -> None:
    assert on("12-01", "9999-12-31").figure == "not yet"
    assert decide(day("12-01"), day("12-01"), NO_END, Rules(), Past(), {}).figure == "paused"
