from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices import planning
from due_notices.model import MissedStage, Obligation, Reason, Skipped, notice_id, row_of
from due_notices.planning import (
    Day,
    Plan,
    Rules,
    plan_notices,
    timing,
    to_notice,
    unique,
)
from due_notices.stages import HolidayCalendar
from tests.factories import (
    ALICE,
    ATTRIBUTE,
    BOB,
    CARLA,
    DMITRI,
    at,
    day,
    first_day,
    graph_user,
    obligation_json,
    on,
    page_of,
    plan,
    rules,
    user,
)
from tests.unit.strategies import populations, some_days, some_rules

GERMANY = HolidayCalendar("DE")
DUE = "2026-12-01"  # a Tuesday; its stages -7, -3, -1 and 0 fall on 24, 28 and 30 November and 1 December


def who(given_plan: Plan) -> list[str]:
    return sorted(notice.user.id for notice in given_plan.notices)


def missed(given_plan: Plan) -> list[tuple[str, str]]:
    return sorted((stage.row.rpartition("_")[2], stage.kind) for stage in given_plan.missed)


def reasons(given_plan: Plan) -> dict[str, int]:
    return {str(reason): count for reason, count in given_plan.skipped.items()}


@pytest.mark.parametrize(
    ("when", "state", "current", "superseded"),
    [
        (day("2026-11-23"), "early", None, []),
        (day("2026-11-24"), "owed", -7, []),
        # late within the catch-up window, then not any more
        (day("2026-11-25", after="2026-11-23"), "owed", -7, []),
        (day("2026-11-27", after="2026-11-23"), "owed", -7, []),
        (day("2026-11-27"), "owed", -7, []),
        # overtaken by the next stage
        (day("2026-11-28"), "owed", -3, []),
        (day("2026-11-28", after="2026-11-24"), "owed", -3, []),
        (day("2026-11-28", after="2026-11-23"), "owed", -3, [-7]),
        (day("2026-12-01", after="2026-11-23"), "owed", 0, [-7, -3, -1]),
        (day("2026-12-01", after="2026-11-24"), "owed", 0, [-3, -1]),
        (day("2026-12-01", after="2026-11-29"), "owed", 0, [-1]),
        (day("2026-12-01", after="2026-11-30"), "owed", 0, []),
        # the last stage
        (day("2026-12-04", after="2026-11-30"), "owed", 0, []),
        (day("2026-12-05", after="2026-11-30"), "expired", 0, []),
        (day("2026-12-05", after="2026-11-27"), "expired", 0, [-3, -1]),
        (day("2026-12-05", after="2026-12-01"), "over", 0, []),
        (day("2027-06-01"), "over", 0, []),
        # the very first run looks back as far as it would catch up, and accounts for nothing before
        (first_day("2026-11-23"), "early", None, []),
        (first_day("2026-11-24"), "owed", -7, []),
        (first_day("2026-11-27"), "owed", -7, []),
        (first_day("2026-11-28"), "owed", -3, []),
        (first_day("2026-12-01"), "owed", 0, [-3, -1]),
        (first_day("2026-12-02"), "owed", 0, [-1]),
        (first_day("2026-12-04"), "owed", 0, []),
        (first_day("2026-12-05"), "over", 0, []),
    ],
)
def test_how_the_stages_stand_on_a_day(when: Day, state: str, current: int | None, superseded: list[int]) -> None:
    found = timing(on(DUE), rules(), when)

    assert found.state == state
    assert (found.current.stage if found.current else None) == current
    assert [stage.stage for stage in found.superseded] == superseded
    assert (found.expires is not None) is (state == "owed")
    assert found.quiet is (state in {"early", "over"})


@pytest.mark.parametrize(
    ("catch_up", "days_later", "state"),
    [(0, 0, "owed"), (0, 1, "expired"), (1, 1, "owed"), (1, 2, "expired"), (30, 30, "owed"), (30, 31, "expired")],
)
def test_the_catch_up_window_includes_its_last_day(catch_up: int, days_later: int, state: str) -> None:
    today = on(DUE) + timedelta(days=days_later)

    found = timing(on(DUE), rules(0, catch_up_days=catch_up), Day(today, on("2026-11-30")))

    assert found.state == state


@pytest.mark.parametrize(
    ("due", "today", "by", "expires"),
    [
        # midnight at the start of the next stage's date
        (DUE, "2026-11-24", {}, at("2026-11-28T00:00")),
        (DUE, "2026-11-27", {}, at("2026-11-28T00:00")),
        (DUE, "2026-11-30", {}, at("2026-12-01T00:00")),
        # after the last stage the catch-up window ends
        (DUE, "2026-12-01", {}, at("2026-12-05T00:00")),
        (DUE, "2026-12-04", {}, at("2026-12-05T00:00")),
        (DUE, "2026-12-01", {"catch_up_days": 0}, at("2026-12-02T00:00")),
        # local midnight
        (DUE, "2026-11-24", {"time_zone": ZoneInfo("Europe/Berlin")}, at("2026-11-27T23:00")),
        (DUE, "2026-11-24", {"time_zone": ZoneInfo("America/New_York")}, at("2026-11-28T05:00")),
        (DUE, "2026-11-24", {"time_zone": ZoneInfo("Asia/Kathmandu")}, at("2026-11-27T18:15")),
        # midnight before and after the clocks change on 29 March and 25 October 2026
        ("2026-03-29", "2026-03-28", {"time_zone": ZoneInfo("Europe/Berlin")}, at("2026-03-28T23:00")),
        ("2026-03-30", "2026-03-29", {"time_zone": ZoneInfo("Europe/Berlin")}, at("2026-03-29T22:00")),
        ("2026-10-25", "2026-10-24", {"time_zone": ZoneInfo("Europe/Berlin")}, at("2026-10-24T22:00")),
        ("2026-10-26", "2026-10-25", {"time_zone": ZoneInfo("Europe/Berlin")}, at("2026-10-25T23:00")),
        # the next stage's date as moved: due on Easter Monday, which moves to 2 April
        ("2026-04-06", "2026-03-30", {"calendar": GERMANY}, at("2026-04-02T00:00")),
        # stages 0 and -1 fall on that same day; nothing follows
        ("2026-04-06", "2026-04-02", {"calendar": GERMANY}, at("2026-04-06T00:00")),
    ],
)
def test_a_notice_expires(due: str, today: str, by: dict[str, Any], expires: object) -> None:
    (found,) = plan(graph_user(due), today=today, by=rules(**by)).notices

    assert found.expires == expires


def test_before_a_due_date_comes_close_nobody_is_notified() -> None:
    found = plan(graph_user(DUE), today="2026-11-23")

    assert (found.notices, found.missed, found.skipped, found.skips) == ((), (), {}, ())
    assert (found.users_read, found.obligations) == (1, 1)


def test_a_notice_has_all_that_its_message_needs() -> None:
    value = obligation_json(DUE, ref="INV-1001", amount="120.50", currency="EUR")

    (found,) = plan(graph_user(value), today=day("2026-11-25", after="2026-11-23")).notices

    assert found.id == notice_id(ALICE, Obligation(on(DUE), "INV-1001"), -7)
    assert (found.stage, found.stage_date, found.business_date) == (-7, on("2026-11-24"), on("2026-11-25"))
    assert found.late
    assert found.user == user()
    assert (found.obligation.reference, found.obligation.amount, found.obligation.currency) == (
        *("INV-1001", "120.50", "EUR"),
    )


@pytest.mark.parametrize(
    ("outage", "sent", "counted"),
    [
        # with CATCH_UP_DAYS=3, no run on so many days from 24 November on
        (0, -7, []),
        (1, -7, []),
        (2, -7, []),
        (3, -7, []),
        (4, -3, [("-7", "superseded")]),
        (5, -3, [("-7", "superseded")]),
        (6, -1, [("-3", "superseded"), ("-7", "superseded")]),
        (10, 0, [("-1", "superseded"), ("-3", "superseded"), ("-7", "superseded")]),
        (11, None, [("-1", "superseded"), ("-3", "superseded"), ("-7", "superseded"), ("0", "expired")]),
    ],
)
def test_after_an_outage_there_is_one_notice_not_a_pile(
    outage: int, sent: int | None, counted: list[tuple[str, str]]
) -> None:
    today = on("2026-11-24") + timedelta(days=outage)

    found = plan(graph_user(DUE), today=Day(today, on("2026-11-23")))

    assert [notice.stage for notice in found.notices] == ([] if sent is None else [sent])
    assert missed(found) == counted


@pytest.mark.parametrize(("outage", "state"), [(1, "owed"), (2, "owed"), (3, "owed"), (4, "expired"), (5, "expired")])
def test_a_lonely_stage_survives_an_outage_of_the_catch_up_window(outage: int, state: str) -> None:
    today = on(DUE) + timedelta(days=outage)

    found = plan(graph_user(DUE), today=Day(today, on("2026-11-30")), by=rules(0))

    assert [notice.late for notice in found.notices] == ([True] if state == "owed" else [])
    assert missed(found) == ([] if state == "owed" else [("0", "expired")])


def test_overdue_stages_follow_the_same_rule() -> None:
    by = rules(-1, 0, 3, 7)

    found = {
        today: [notice.stage for notice in plan(graph_user(DUE), today=today, by=by).notices]
        for today in ("2026-12-01", "2026-12-03", "2026-12-04", "2026-12-08", "2026-12-11", "2026-12-12")
    }

    assert found == {
        "2026-12-01": [0],
        "2026-12-03": [0],
        "2026-12-04": [3],
        "2026-12-08": [7],
        "2026-12-11": [7],
        "2026-12-12": [],
    }


def test_of_two_stages_on_one_day_the_later_wins_and_the_other_is_counted() -> None:
    by = rules(-1, 0, calendar=GERMANY)  # both on 2 April, before Good Friday

    found = plan(graph_user("2026-04-05"), today="2026-04-02", by=by)

    assert [notice.stage for notice in found.notices] == [0]
    assert missed(found) == [("-1", "superseded")]


def test_what_is_late_over_a_holiday_waits_for_the_next_business_day_within_its_window() -> None:
    # Thursday 2 April failed; Good Friday to Easter Monday are closed; Tuesday is five days later.
    by, patient = rules(0, calendar=GERMANY), rules(0, calendar=GERMANY, catch_up_days=5)
    tuesday = day("2026-04-07", after="2026-04-01")

    assert missed(plan(graph_user("2026-04-02"), today=tuesday, by=by)) == [("0", "expired")]
    assert [notice.late for notice in plan(graph_user("2026-04-02"), today=tuesday, by=patient).notices] == [True]


def test_a_due_date_that_moved_makes_new_notices_and_the_old_ones_die() -> None:
    before = plan(graph_user("2026-12-01"), today="2026-11-28")
    after = plan(graph_user("2026-12-05"), today="2026-11-28")

    assert [notice.stage for notice in before.notices] == [-3]
    assert [notice.stage for notice in after.notices] == [-7]
    assert {notice.id for notice in before.notices}.isdisjoint(notice.id for notice in after.notices)


def test_each_of_several_obligations_goes_by_its_own_schedule() -> None:
    alice = graph_user(
        obligation_json("2026-12-01", ref="INV-1"),
        obligation_json("2026-12-05", ref="INV-2"),
        obligation_json("2026-12-05", ref="INV-3"),
        "2026-11-28",
        "2027-01-31",
    )

    found = plan(alice, today="2026-11-28")

    assert sorted((notice.obligation.reference, notice.stage) for notice in found.notices) == [
        *(("", 0), ("INV-1", -3), ("INV-2", -7), ("INV-3", -7)),
    ]
    assert found.obligations == 5


@pytest.mark.parametrize(
    ("value", "overrides", "reason"),
    [
        (obligation_json(DUE, status="paid"), {}, "paid"),
        (obligation_json(DUE, status="void"), {}, "void"),
        (obligation_json(DUE, status="disputed"), {}, "disputed"),
        (obligation_json(DUE, pausedUntil="2026-12-10"), {}, "paused"),
        (obligation_json(DUE, pausedUntil="2026-11-24"), {}, "paused"),
        (obligation_json(DUE, pausedUntil="2026-11-23"), {}, None),
        (DUE, {"accountEnabled": False}, "disabled"),
        (DUE, {"accountEnabled": None}, None),
        (DUE, {"mail": None, "mobilePhone": None, "userPrincipalName": None}, "unreachable"),
        (DUE, {"mail": "alice", "mobilePhone": "call me", "userPrincipalName": "alice"}, "unreachable"),
        (DUE, {"mail": "alice", "userPrincipalName": None}, None),
        ("soon", {}, "malformed"),
        (obligation_json(DUE, amount=120.5), {}, "malformed"),
        (20261201, {}, "malformed"),
        # the first of several reasons
        (obligation_json(DUE, status="paid", pausedUntil="2026-12-10"), {"accountEnabled": False}, "paid"),
        (obligation_json(DUE, pausedUntil="2026-12-10"), {"accountEnabled": False}, "paused"),
        (DUE, {"accountEnabled": False, "mail": None, "mobilePhone": None, "userPrincipalName": None}, "disabled"),
        ("soon", {"accountEnabled": False}, "malformed"),
    ],
)
def test_an_obligation_is_skipped_with_a_reason(value: object, overrides: dict[str, Any], reason: str | None) -> None:
    found = plan(graph_user(value, **overrides), today="2026-11-24")

    assert reasons(found) == ({reason: 1} if reason else {})
    assert [skip.user_id for skip in found.skips] == ([ALICE] if reason else [])
    assert len(found.notices) == (0 if reason else 1)


def test_a_skip_names_the_reference_and_nothing_else_of_the_customer() -> None:
    found = plan(graph_user(obligation_json(DUE, ref="INV-1001", status="paid")), today="2026-11-24")

    assert found.skips == (Skipped(ALICE, Reason.PAID, "INV-1001"),)


@pytest.mark.parametrize("value", [DUE, obligation_json(DUE, status="paid"), obligation_json(DUE, pausedUntil=DUE)])
def test_what_is_not_due_yet_is_not_skipped_either(value: str) -> None:
    found = plan(graph_user(value, accountEnabled=False, mail=None), today="2026-11-23")

    assert (found.skipped, found.skips) == ({}, ())


def test_a_malformed_value_does_not_harm_its_neighbours() -> None:
    alice = graph_user("soon", DUE, 7, obligation_json(DUE, ref="INV-2"))
    bob, carla = graph_user("never", who=BOB), graph_user(DUE, who=CARLA)

    found = plan(alice, bob, carla, today="2026-11-24")

    assert who(found) == [ALICE, ALICE, CARLA]
    assert reasons(found) == {"malformed": 3}
    assert found.obligations == 6


def test_after_a_pause_the_stage_is_sent_late() -> None:
    value = obligation_json(DUE, pausedUntil="2026-11-25")

    assert reasons(plan(graph_user(value), today="2026-11-25")) == {"paused": 1}
    assert [notice.late for notice in plan(graph_user(value), today="2026-11-26").notices] == [True]


@pytest.mark.parametrize("status", ["paid", "void", "disputed"])
def test_what_is_not_open_misses_no_stage(status: str) -> None:
    alice = graph_user(obligation_json(DUE, status=status))

    caught_up = plan(alice, today=day("2026-12-01", after="2026-11-23"))
    too_late = plan(alice, today=day("2026-12-05", after="2026-11-23"))

    assert caught_up.missed == too_late.missed == ()
    assert (reasons(caught_up), reasons(too_late)) == ({status: 1}, {})


def test_a_missed_stage_is_named_as_its_notice_would_have_been() -> None:
    value = obligation_json(DUE, ref="INV-1001")

    found = plan(graph_user(value), today=day("2026-12-05", after="2026-11-29"))

    owed = Obligation(on(DUE), "INV-1001")
    assert set(found.missed) == {
        MissedStage(notice_id(ALICE, owed, -1), DUE, row_of(ALICE, owed, -1), "superseded"),
        MissedStage(notice_id(ALICE, owed, 0), DUE, row_of(ALICE, owed, 0), "expired"),
    }


OPEN = obligation_json(DUE, ref="INV-1001", amount="120.50")


@pytest.mark.parametrize(
    ("values", "notices", "skipped"),
    [
        ([DUE, DUE], 1, {"duplicate": 1}),
        ([DUE, DUE, DUE], 1, {"duplicate": 2}),
        ([DUE, f"{DUE}T00:00:00Z", obligation_json(DUE)], 1, {"duplicate": 2}),
        ([DUE, OPEN], 2, {}),
        ([OPEN, obligation_json("2026-12-02", ref="INV-1001")], 1, {}),
        ([OPEN, obligation_json(DUE, ref="INV-1001", amount="1")], 1, {"duplicate": 1}),
        # whoever has paid is not reminded
        ([OPEN, obligation_json(DUE, ref="INV-1001", status="paid")], 0, {"duplicate": 1, "paid": 1}),
        ([OPEN, OPEN, obligation_json(DUE, ref="INV-1001", status="void")], 0, {"duplicate": 2, "void": 1}),
        (
            [OPEN, obligation_json(DUE, ref="INV-1001", pausedUntil="2026-12-24")],
            *(0, {"duplicate": 1, "paused": 1}),
        ),
        (
            [*(obligation_json(DUE, ref="INV-1001", status=status) for status in ("disputed", "paid", "void"))],
            *(0, {"duplicate": 2, "disputed": 1}),
        ),
        (
            [
                obligation_json(DUE, ref="INV-1001", pausedUntil="2026-12-24"),
                obligation_json(DUE, ref="INV-1001", pausedUntil="2026-11-20"),
                obligation_json(DUE, ref="INV-1001", status="paid"),
            ],
            *(0, {"duplicate": 2, "paid": 1}),
        ),
        (["soon", "soon"], 0, {"malformed": 2}),
    ],
)
def test_values_about_one_obligation_count_as_one_in_any_order(
    values: list[object], notices: int, skipped: dict[str, int]
) -> None:
    found = [plan(graph_user(*order), today="2026-11-24") for order in itertools.permutations(values)]

    assert all(len(one.notices) == notices for one in found)
    assert all(reasons(one) == skipped for one in found)
    assert len({one.notices for one in found}) == 1


def test_values_about_one_obligation_that_is_not_due_yet_are_no_duplicates_yet() -> None:
    found = plan(graph_user(DUE, DUE), today="2026-11-23")

    assert found.skipped == {}


def test_values_about_one_obligation_miss_a_stage_once() -> None:
    found = plan(graph_user(DUE, DUE), today=day("2026-12-05", after="2026-11-30"))

    assert missed(found) == [("0", "expired")]
    assert found.skipped == {}


def test_two_accounts_with_one_address_and_reference_get_one_notice() -> None:
    one = graph_user(OPEN, mail="Alice@Example.com")
    same = graph_user(OPEN, who=BOB, mail="alice@example.COM")

    for users in ((one, same), (same, one)):
        found = plan(*users, today="2026-11-24")

        assert who(found) == [ALICE]
        assert found.skips == (Skipped(BOB, Reason.DUPLICATE, "INV-1001"),)


@pytest.mark.parametrize(
    "overrides",
    [
        {"value": obligation_json(DUE, ref="INV-2002")},
        {"value": obligation_json("2026-12-02", ref="INV-1001"), "today": "2026-11-25"},
        {"value": OPEN, "mail": "alice@example.org"},
        {"value": OPEN, "mail": None},
    ],
)
def test_two_accounts_that_differ_in_address_reference_or_due_date_get_one_each(overrides: dict[str, str]) -> None:
    value, today = overrides.pop("value"), overrides.pop("today", "2026-11-24")

    other = graph_user(value, who=BOB, **{"mail": "alice@example.com", **overrides})
    found = plan(graph_user(OPEN), other, today=today)

    assert who(found) == [ALICE, BOB]


def test_without_a_reference_two_accounts_with_one_address_get_one_each() -> None:
    found = plan(graph_user(DUE), graph_user(DUE, who=BOB, mail="alice@example.com"), today="2026-11-24")

    assert who(found) == [ALICE, BOB]


def test_an_account_that_is_skipped_takes_nothing_from_the_other_with_its_address() -> None:
    paid = graph_user(obligation_json(DUE, ref="INV-1001", status="paid"))

    found = plan(paid, graph_user(OPEN, who=BOB, mail="alice@example.com"), today="2026-11-24")

    assert who(found) == [BOB]
    assert reasons(found) == {"paid": 1}


def test_a_user_listed_twice_is_notified_once() -> None:
    found = plan_notices([page_of([graph_user(DUE)]), page_of([graph_user(DUE)])], rules(), day("2026-11-24"))

    assert who(found) == [ALICE]
    assert found.users_read == 2


@pytest.mark.parametrize(
    ("allow_list", "allowed"),
    [
        ([], [ALICE, BOB, CARLA, DMITRI]),
        (["alice@example.com"], [ALICE]),
        (["alice@example.com", "@example.org"], [ALICE, CARLA]),
        (["@example.net"], [DMITRI]),
        (["@example.com", "@example.org", "@example.net"], [ALICE, CARLA, DMITRI]),
        (["@ple.com", "example.com", "@sub.example.com", "@com"], []),
        (["eve@example.com"], []),
    ],
)
def test_the_allow_list_has_addresses_and_domains(allow_list: list[str], allowed: list[str]) -> None:
    by = rules(allow_list=frozenset(allow_list))

    found = plan(*(graph_user(DUE, who=one) for one in (ALICE, BOB, CARLA, DMITRI)), today="2026-11-24", by=by)

    assert who(found) == sorted(allowed)
    assert reasons(found) == ({"not-allowed": 4 - len(allowed)} if len(allowed) < 4 else {})


@pytest.mark.parametrize("mail", ["ALICE@EXAMPLE.COM", "Alice@Example.Com"])
@pytest.mark.parametrize("entry", ["alice@example.com", "@example.com"])
def test_the_allow_list_overlooks_capitals(mail: str, entry: str) -> None:
    found = plan(graph_user(DUE, mail=mail), today="2026-11-24", by=rules(allow_list=frozenset({entry})))

    assert who(found) == [ALICE]


def test_the_allow_list_keeps_out_whoever_has_only_a_phone() -> None:
    found = plan(graph_user(DUE, who=BOB), today="2026-11-24", by=rules(allow_list=frozenset({"@example.com"})))

    assert found.skips == (Skipped(BOB, Reason.NOT_ALLOWED),)


@pytest.mark.parametrize("identifier", [None, 7, "", "a b", "x" * 65, "../alice", "a\x1fb"])
def test_a_user_without_a_usable_id_is_malformed(identifier: object) -> None:
    found = plan(graph_user(DUE, obligation_json(DUE, ref="INV-2"), id=identifier), today="2026-11-24")

    assert found.notices == ()
    assert reasons(found) == {"malformed": 2}
    assert {skip.user_id for skip in found.skips} == {"(no usable id)"}


def test_a_user_who_owes_nothing_is_read_and_no_more() -> None:
    found = plan(graph_user(), graph_user(who=BOB, id=None), graph_user("", who=CARLA), today="2026-11-24")

    assert (found.users_read, found.obligations, found.skipped) == (3, 0, {})


def test_the_attribute_may_be_one_of_the_on_premises_group() -> None:
    by = rules(attribute=("onPremisesExtensionAttributes", "extensionAttribute3"))
    alice = graph_user(onPremisesExtensionAttributes={"extensionAttribute3": DUE, "extensionAttribute4": "x"})

    found = plan(alice, graph_user(DUE, who=CARLA), today="2026-11-24", by=by)

    assert who(found) == [ALICE]
    assert found.obligations == 1


@pytest.mark.parametrize(("listed", "kept"), [(0, 0), (1, 1), (2, 2), (5, 3), (None, 3)])
def test_all_skips_are_counted_and_as_many_of_each_reason_listed_as_wished(listed: int | None, kept: int) -> None:
    disabled = [graph_user(DUE, who=one, accountEnabled=False) for one in (ALICE, BOB, CARLA)]
    malformed = [graph_user("soon", who=one) for one in (ALICE, BOB, CARLA)]

    found = plan(*disabled, *malformed, today="2026-11-24", list_skips=listed)

    assert reasons(found) == {"disabled": 3, "malformed": 3}
    assert Counter(skip.reason for skip in found.skips) == Counter(
        {reason: kept for reason in (Reason.DISABLED, Reason.MALFORMED) if kept}
    )


def test_all_skips_are_listed_unless_fewer_are_wished() -> None:
    found = plan(*(graph_user("soon") for _ in range(30)), today="2026-11-24")

    assert len(found.skips) == 30


def test_notices_are_in_the_order_of_partitions_and_ids() -> None:
    found = plan(
        graph_user("2026-12-01", "2026-11-30", "2026-11-28", who=DMITRI),
        graph_user("2026-12-01", "2026-11-30", "2026-11-28", who=ALICE),
        today="2026-11-28",
    )

    assert [notice.partition for notice in found.notices] == [
        *("2026-11-28", "2026-11-28", "2026-11-30", "2026-11-30", "2026-12-01", "2026-12-01"),
    ]
    assert list(found.notices) == sorted(found.notices, key=lambda notice: (notice.partition, notice.id))


def test_only_a_stage_that_is_owed_has_a_notice() -> None:
    reading = planning.Reader(rules(), day("2026-11-23"))(DUE)
    assert reading.obligation is not None
    assert reading.timing is not None

    with pytest.raises(ValueError, match="only a stage that is owed"):
        to_notice(user(), reading.obligation, reading.timing, day("2026-11-23"))


def test_a_value_is_read_once_and_the_memory_of_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "_REMEMBERED_VALUES", 2)
    read = planning.Reader(rules(), day("2026-11-24"))

    first = read(DUE)
    again = read(DUE)
    for value in ("2026-12-02", "2026-12-03", "2026-12-04"):
        read(value)
    anew = read(DUE)

    assert again is first
    assert anew is not first
    assert anew == first
    assert read(7) == read(7)
    assert read.quiet_values <= {"2026-12-04"}


def test_what_a_reader_has_met_before_changes_no_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "_REMEMBERED_VALUES", 3)
    users = [
        graph_user(value, who=f"u{number}", mail=f"u{number}@example.com")
        for number, value in enumerate(["2027-06-01", "2027-06-01", DUE, "soon", "2027-06-02", DUE, "2027-06-01", OPEN])
    ]
    read = planning.Reader(rules(), day("2026-11-24"))

    fresh = plan_notices([page_of(users)], rules(), day("2026-11-24"))
    first, second = (plan_notices([page_of(users)], rules(), day("2026-11-24"), read=read) for _ in range(2))

    assert fresh == first == second
    assert (fresh.users_read, fresh.obligations, len(fresh.notices)) == (8, 8, 3)


def test_readings_of_nothing_are_nothing() -> None:
    assert unique([], lambda _: None) == []


# ---- properties ----------------------------------------------------------------------------------------------------


def pages_of(users: list[dict[str, object]], random: Random) -> list[list[dict[str, object]]]:
    pages: list[list[dict[str, object]]] = [[]]
    for one in users:
        while random.random() < 0.4:
            pages.append([])
        pages[-1].append(one)
    return pages


@given(populations(), some_rules, some_days, st.integers(0, 2**16).map(Random))
def test_the_order_of_users_values_and_pages_does_not_matter(
    users: list[dict[str, object]], by: Rules, when: Day, random: Random
) -> None:
    shuffled = [dict(one) for one in random.sample(users, len(users))]
    for one in shuffled:
        if isinstance(listed := one.get(ATTRIBUTE), list):
            one[ATTRIBUTE] = random.sample(listed, len(listed))

    straight = plan_notices([page_of(users)], by, when)
    mixed = plan_notices(map(page_of, pages_of(shuffled, random)), by, when)

    assert mixed.notices == straight.notices
    assert set(mixed.missed) == set(straight.missed)
    assert len(mixed.missed) == len(straight.missed)
    assert mixed.skipped == straight.skipped
    assert Counter(mixed.skips) == Counter(straight.skips)
    assert (mixed.users_read, mixed.obligations) == (straight.users_read, straight.obligations)


@given(populations(), some_rules, some_days)
def test_every_plan_keeps_its_promises(users: list[dict[str, object]], by: Rules, when: Day) -> None:
    found = plan_notices([page_of(users)], by, when)

    ids = [notice.id for notice in found.notices]
    missed_ids = [stage.notice_id for stage in found.missed]
    assert len(set(ids)) == len(ids)
    assert len(set(missed_ids)) == len(missed_ids)
    assert set(ids).isdisjoint(missed_ids)
    per_obligation = Counter((one.user.id, one.obligation.reference, one.obligation.due) for one in found.notices)
    assert set(per_obligation.values()) <= {1}
    for notice in found.notices:
        assert notice.obligation.status == "open"
        assert notice.user.enabled
        assert notice.user.email or notice.user.mobile_phone
        assert 0 <= (when.business_date - notice.stage_date).days <= by.stages.catch_up_days
        assert by.stages.calendar.why_closed(notice.stage_date) is None
        assert notice.expires.astimezone(by.time_zone).date() > when.business_date
    assert sum(found.skipped.values()) == len(found.skips)
    assert len(found.notices) + len(found.skips) <= found.obligations
