from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices import planning
from due_notices.calendars import ONE_DAY, HolidayCalendar
from due_notices.ladder import CompletedRun, Decision, days_of
from due_notices.model import Batch, Obligation, Reason, Skipped, batch_id, notice_id, user_key
from due_notices.planning import Owed, Plan, Planner, Rules, to_notice
from tests.factories import (
    ALICE,
    ATTRIBUTE,
    BOB,
    CARLA,
    DMITRI,
    OPT_OUT,
    SentRow,
    at,
    day,
    graph_user,
    ledger_of,
    obligation_json,
    on,
    page_of,
    plan,
    rules,
    user,
)
from tests.unit.strategies import When, populations, some_days, some_rules

GERMANY = HolidayCalendar("DE")
DUE = "2026-12-01"  # a Tuesday; its stages -7, -3, -1 and 0 fall on 24, 28 and 30 November and 1 December


PLAIN = Obligation(on(DUE))


def who(given_plan: Plan) -> list[str]:
    return sorted(notice.user.id for notice in given_plan.notices)


def figures(given_plan: Plan) -> dict[str, int]:
    """Return the figures that are not zero; each obligation is in one of them."""
    found = {
        "not yet": given_plan.not_yet,
        "over": given_plan.over,
        "owed": len(given_plan.notices),
        "already sent": given_plan.already_sent,
        "missed": given_plan.missed,
        "expired": given_plan.expired,
        **reasons(given_plan),
    }
    assert sum(found.values()) == given_plan.obligations
    return {name: count for name, count in found.items() if count}


def reasons(given_plan: Plan) -> dict[str, int]:
    return {str(reason): count for reason, count in given_plan.skipped.items()}


@pytest.mark.parametrize(
    ("due", "today", "by", "expires"),
    [
        # midnight at the start of the next stage's date
        (DUE, "2026-11-24", {}, at("2026-11-28T00:00")),
        (DUE, "2026-11-27", {}, at("2026-11-28T00:00")),
        (DUE, "2026-11-30", {}, at("2026-12-01T00:00")),
        # after the last stage it is good for as many open days as CATCH_UP_DAYS
        (DUE, "2026-12-01", {}, at("2026-12-05T00:00")),
        (DUE, "2026-12-04", {}, at("2026-12-08T00:00")),
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
        ("2026-04-06", "2026-04-02", {"calendar": GERMANY}, at("2026-04-10T00:00")),
    ],
)
def test_a_notice_expires(due: str, today: str, by: dict[str, Any], expires: object) -> None:
    (found,) = plan(graph_user(due), today=today, by=rules(**by)).notices

    assert found.expires == expires


def test_before_a_due_date_comes_close_nobody_is_notified() -> None:
    found = plan(graph_user(DUE), today="2026-11-23")

    assert figures(found) == {"not yet": 1}
    assert found.users_read == 1


def test_a_notice_has_all_that_its_message_needs() -> None:
    value = obligation_json(DUE, ref="INV-1001", amount="120.50", currency="EUR")

    (found,) = plan(graph_user(value), today="2026-11-25").notices

    assert found.id == notice_id(ALICE, Obligation(on(DUE), "INV-1001"), -7)
    assert (found.stage, found.stage_date, found.business_date) == (-7, on("2026-11-24"), on("2026-11-25"))
    assert found.late
    assert found.user == user()
    assert (found.obligation.reference, found.obligation.amount, found.obligation.currency) == (
        *("INV-1001", "120.50", "EUR"),
    )


@pytest.mark.parametrize(
    ("outage", "sent", "superseded", "figure"),
    [
        # with CATCH_UP_DAYS=3, no run on so many days from 24 November on
        (0, -7, 0, "owed"),
        (1, -7, 0, "owed"),
        (3, -7, 0, "owed"),
        (4, -3, 1, "owed"),
        (6, -1, 2, "owed"),
        (10, 0, 3, "owed"),
        (11, None, 0, "missed"),
    ],
)
def test_after_an_outage_there_is_one_notice_not_a_pile(
    outage: int, sent: int | None, superseded: int, figure: str
) -> None:
    today = on("2026-11-24") + timedelta(days=outage)

    found = plan(graph_user(DUE), today=day(str(today), after="2026-11-23"))

    assert [notice.stage for notice in found.notices] == ([] if sent is None else [sent])
    assert found.superseded == superseded
    assert figures(found) == {figure: 1}


def test_overdue_stages_follow_what_was_sent() -> None:
    by, sent = rules(-1, 0, 3, 7), [(ALICE, PLAIN, {0: "2026-12-01"})]

    found = {
        today: [notice.stage for notice in plan(graph_user(DUE), today=today, by=by, sent=sent).notices]
        for today in ("2026-12-01", "2026-12-03", "2026-12-04", "2026-12-11", "2026-12-12")
    }

    assert found == {"2026-12-01": [], "2026-12-03": [], "2026-12-04": [3], "2026-12-11": [3], "2026-12-12": []}


def test_of_two_stages_on_one_day_the_later_is_sent_and_the_other_merges_with_it() -> None:
    by = rules(-1, 0, calendar=GERMANY)  # both on 2 April, before Good Friday

    found = plan(graph_user("2026-04-05"), today="2026-04-02", by=by)

    assert [(notice.stage, notice.superseded) for notice in found.notices] == [(0, 0)]


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
        (obligation_json(DUE, amount="0.00"), {}, "settled"),
        # the first of several reasons: the user's before the obligation's
        (obligation_json(DUE, status="paid", pausedUntil="2026-12-10"), {"accountEnabled": False}, "disabled"),
        (obligation_json(DUE, pausedUntil="2026-12-10"), {"accountEnabled": False}, "disabled"),
        (obligation_json(DUE, status="paid", pausedUntil="2026-12-10"), {}, "paid"),
        (DUE, {"accountEnabled": False, "mail": None, "mobilePhone": None, "userPrincipalName": None}, "disabled"),
        ("soon", {"accountEnabled": False}, "malformed"),
        (DUE, {OPT_OUT: True}, "opted-out"),
        (DUE, {OPT_OUT.upper(): True}, "opted-out"),
        (DUE, {OPT_OUT: False}, None),
        (DUE, {OPT_OUT: None}, None),
        (DUE, {OPT_OUT: "true"}, None),
        (obligation_json(DUE, status="paid"), {OPT_OUT: True}, "opted-out"),
        (DUE, {OPT_OUT: True, "accountEnabled": False}, "disabled"),
        (DUE, {OPT_OUT: True, "mail": None, "mobilePhone": None, "userPrincipalName": None}, "unreachable"),
        ("soon", {OPT_OUT: True}, "malformed"),
    ],
)
def test_an_obligation_is_skipped_with_a_reason(value: object, overrides: dict[str, Any], reason: str | None) -> None:
    found = plan(graph_user(value, **overrides), today="2026-11-24")

    assert reasons(found) == ({reason: 1} if reason else {})
    assert [skip.user_id for skip in found.skips] == ([ALICE] if reason else [])
    assert len(found.notices) == (0 if reason else 1)


def test_a_skip_names_the_reference_and_nothing_else_of_the_customer() -> None:
    found = plan(graph_user(obligation_json(DUE, ref="INV-1001", status="paid")), today="2026-11-24")

    assert found.skips == (Skipped(ALICE, Reason.PAID, "INV-1001", due=date.fromisoformat(DUE)),)


@pytest.mark.parametrize(
    ("value", "today", "figure"),
    [
        # of these the ledger is not asked, so the user is not looked at
        (DUE, "2026-11-23", "not yet"),
        (DUE, "2027-12-01", "over"),
        (obligation_json(DUE, status="paid"), "2026-11-23", "paid"),
        (obligation_json(DUE, status="paid"), "2027-12-01", "paid"),
        (obligation_json(DUE, amount="0.00"), "2026-11-23", "settled"),
        (obligation_json(DUE, pausedUntil="2026-11-23"), "2026-11-23", "paused"),
        (obligation_json(DUE, pausedUntil="2027-12-01"), "2027-12-01", "paused"),
        # of this it is, because of the pause
        (obligation_json(DUE, pausedUntil="2027-11-30"), "2027-12-01", "disabled"),
    ],
)
def test_what_the_ledger_is_not_asked_for_counts_by_its_value_alone(value: str, today: str, figure: str) -> None:
    found = plan(graph_user(value, accountEnabled=False, mail=None), today=today)

    assert figures(found) == {figure: 1}


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
def test_what_is_not_open_is_neither_missed_nor_expired(status: str) -> None:
    found = plan(graph_user(obligation_json(DUE, status=status)), today=day("2026-12-05", after="2026-11-23"))

    assert figures(found) == {status: 1}


def test_what_was_missed_is_named_with_what_can_still_be_sent() -> None:
    alice = graph_user(obligation_json(DUE, ref="INV-1001"), obligation_json(DUE, ref="INV-1002"))
    sent = [(ALICE, Obligation(on(DUE), "INV-1002"), {-7: "2026-11-24"})]

    found = plan(alice, today="2026-12-05", sent=sent)
    by_hand = plan(alice, today="2026-12-05", sent=sent, send_missed=True)

    assert [(one.user_id, one.obligation.reference, one.state) for one in found.given_up] == [
        (ALICE, "INV-1002", "expired"),
        (ALICE, "INV-1001", "missed"),
    ]
    assert {one.stage.stage for one in found.given_up if one.stage} == {0}
    assert figures(by_hand) == {"owed": 2}
    assert all(notice.late for notice in by_hand.notices)
    assert {notice.obligation.reference: notice.previous_stage for notice in by_hand.notices} == {
        "INV-1001": None,
        "INV-1002": -7,
    }


def test_notices_of_one_customer_are_one_batch_with_those_sent_earlier_in_the_day() -> None:
    due = [obligation_json(DUE, ref=f"INV-{number}") for number in range(4)]
    sent = [
        (ALICE, Obligation(on(DUE), "INV-0"), {-7: "2026-11-24"}),
        (ALICE, Obligation(on(DUE), "INV-1"), {-7: "2026-11-23"}),
    ]

    found = plan(graph_user(*due), graph_user(due[0], who=CARLA), today="2026-11-24", sent=sent)

    assert figures(found) == {"owed": 3, "already sent": 2}
    assert {(notice.user.id, notice.batch) for notice in found.notices} == {
        (ALICE, Batch(batch_id(ALICE, on("2026-11-24")), 3)),
        (CARLA, Batch(batch_id(CARLA, on("2026-11-24")), 1)),
    }


@pytest.mark.parametrize(
    ("listed", "owed"),
    [
        # a part payment, or a reference added later, goes on where the ladder was
        ([obligation_json(DUE, amount="80")], []),
        ([obligation_json(DUE, amount="100", ref="INV-1")], []),
        # another obligation besides it, or a value that cannot be read, and nothing is inherited
        ([obligation_json(DUE, amount="80"), obligation_json(DUE, amount="20")], ["20", "80"]),
        ([obligation_json(DUE, amount="80"), "soon"], ["80"]),
        ([obligation_json(DUE, amount="80"), obligation_json(DUE, amount="100")], ["80"]),
    ],
)
def test_a_lone_obligation_inherits_what_was_sent_of_one_that_has_vanished(listed: list[str], owed: list[str]) -> None:
    sent = [(ALICE, Obligation(on(DUE), "", "100"), {-7: "2026-11-24"})]

    found = plan(graph_user(*listed), today="2026-11-25", sent=sent)

    assert sorted(notice.obligation.amount or "" for notice in found.notices) == owed


OPEN = obligation_json(DUE, ref="INV-1001", amount="120.50")


@pytest.mark.parametrize(
    ("values", "notices", "skipped"),
    [
        ([DUE, DUE], 1, {"duplicate": 1}),
        ([DUE, DUE, DUE], 1, {"duplicate": 2}),
        ([DUE, f"{DUE}T00:00:00Z", obligation_json(DUE)], 1, {"duplicate": 2}),
        ([DUE, OPEN], 2, {}),
        ([obligation_json(DUE, amount="100"), obligation_json(DUE, amount="20")], 2, {}),
        ([obligation_json(DUE, amount="100"), obligation_json(DUE, amount="20", status="paid")], 1, {"paid": 1}),
        ([obligation_json(DUE, amount="10"), obligation_json(DUE, amount="10.00")], 1, {"duplicate": 1}),
        ([OPEN, obligation_json("2026-12-02", ref="INV-1001")], 1, {}),
        ([OPEN, obligation_json(DUE, ref="INV-1001", amount="1")], 1, {"duplicate": 1}),
        # whoever has paid is not reminded
        ([OPEN, obligation_json(DUE, ref="INV-1001", status="paid")], 0, {"duplicate": 1, "paid": 1}),
        ([OPEN, obligation_json(DUE, ref="INV-1001", status="void")], 1, {"duplicate": 1}),
        (
            [OPEN, obligation_json(DUE, ref="INV-1001", pausedUntil="2026-12-24")],
            *(0, {"duplicate": 1, "paused": 1}),
        ),
        (
            [*(obligation_json(DUE, ref="INV-1001", status=status) for status in ("disputed", "paid", "void"))],
            *(0, {"duplicate": 2, "paid": 1}),
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


def test_values_about_one_obligation_are_duplicates_whenever_it_is_due() -> None:
    assert figures(plan(graph_user(DUE, DUE), today="2026-11-23")) == {"not yet": 1, "duplicate": 1}
    assert figures(plan(graph_user(DUE, DUE), today="2026-12-05")) == {"missed": 1, "duplicate": 1}


def test_two_accounts_with_one_address_are_two_customers() -> None:
    one = graph_user(OPEN, mail="Alice@Example.com")
    same = graph_user(OPEN, who=BOB, mail="alice@example.COM")

    assert who(plan(one, same, today="2026-11-24")) == [ALICE, BOB]


def test_a_user_listed_twice_is_notified_once() -> None:
    found = plan(graph_user(DUE), graph_user(DUE), today="2026-11-24")

    assert who(found) == [ALICE]
    assert figures(found) == {"owed": 1, "duplicate": 1}


def test_who_has_opted_out_is_so_before_the_allow_list_keeps_them_out() -> None:
    by = rules(allow_list=frozenset({"@example.org"}))

    found = plan({**graph_user(DUE), OPT_OUT: True}, graph_user(DUE, who=BOB), today="2026-11-24", by=by)

    assert reasons(found) == {"opted-out": 1, "not-allowed": 1}


def test_a_notice_that_does_not_fit_is_skipped_alone() -> None:
    planner = Planner(rules(), (day("2026-11-24"),))
    planner.add_page(page_of([graph_user(DUE), graph_user(DUE, who=CARLA)]))
    for due in planner.asks():
        planner.decide(due, {})

    found = planner.plan(lambda notice: notice.user.id != ALICE)

    assert figures(found) == {"owed": 1, "too-large": 1}
    assert found.skips == (Skipped(ALICE, Reason.TOO_LARGE, due=date.fromisoformat(DUE)),)


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
def test_the_allow_list_ignores_case(mail: str, entry: str) -> None:
    found = plan(graph_user(DUE, mail=mail), today="2026-11-24", by=rules(allow_list=frozenset({entry})))

    assert who(found) == [ALICE]


def test_the_allow_list_keeps_out_users_who_have_only_a_phone() -> None:
    found = plan(graph_user(DUE, who=BOB), today="2026-11-24", by=rules(allow_list=frozenset({"@example.com"})))

    assert found.skips == (Skipped(BOB, Reason.NOT_ALLOWED, due=date.fromisoformat(DUE)),)


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
def test_all_skips_are_counted_and_as_many_of_each_reason_listed_as_asked_for(listed: int | None, kept: int) -> None:
    disabled = [graph_user(DUE, who=one, accountEnabled=False) for one in (ALICE, BOB, CARLA)]
    malformed = [graph_user("soon", who=one) for one in (ALICE, BOB, CARLA)]

    found = plan(*disabled, *malformed, today="2026-11-24", list_skips=listed)

    assert reasons(found) == {"disabled": 3, "malformed": 3}
    assert Counter(skip.reason for skip in found.skips) == Counter(
        {reason: kept for reason in (Reason.DISABLED, Reason.MALFORMED) if kept}
    )


def test_all_skips_are_listed_unless_fewer_are_asked_for() -> None:
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
    when = day("2026-11-23")

    with pytest.raises(ValueError, match="only a stage that is owed"):
        to_notice(Owed(user(), PLAIN, Decision("not-yet"), None), rules(), when)


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
    assert read.quiet == {}
    assert read("2027-06-01").outcome == "not-yet"
    assert read.quiet == {"2027-06-01": "not-yet"}


def test_the_ledger_is_asked_only_for_users_with_an_open_obligation_in_question() -> None:
    planner = Planner(rules(), (day("2026-11-24"),))
    users = [
        graph_user(DUE, obligation_json("2026-11-25", status="paid")),
        graph_user(DUE, who=BOB, accountEnabled=False),
        graph_user("2026-11-30", "2027-06-01", who=CARLA),
        graph_user("soon", who=DMITRI),
    ]
    planner.add_page(page_of(users))

    # of what Alice has paid, too: something of it may have been sent today, which counts for the batch
    assert planner.asks() == {
        on("2026-11-25"): {user_key(ALICE)},
        on("2026-11-30"): {user_key(CARLA)},
        on(DUE): {user_key(ALICE)},
    }
    assert list(planner.asks()) == [on("2026-11-25"), on("2026-11-30"), on(DUE)]


# ---- a later day, the runs until then assumed ------------------------------------------------------------------------


def later(*users: dict[str, object], dates: Sequence[str], by: Rules, sent: Sequence[SentRow] = ()) -> Planner:
    days = days_of([on(one) for one in dates], by.stages, [CompletedRun(on(dates[0]) - ONE_DAY)])
    planner = Planner(by, days)
    planner.add_page(page_of(users))
    ledger = ledger_of(*sent)
    for due in planner.asks():
        planner.decide(due, ledger.get(due, {}))
    return planner


def test_a_later_day_is_planned_as_if_the_runs_before_it_had_completed() -> None:
    dates = [str(on("2026-11-24") + ONE_DAY * number) for number in range(15)]  # until 8 December
    users = [graph_user(DUE), graph_user("2026-12-03", who=CARLA), graph_user("2026-12-08", who=DMITRI)]

    planner = later(*users, dates=dates, by=rules())

    found = planner.plan()
    assert [(notice.user.id, notice.stage) for notice in found.notices] == [(DMITRI, 0)]
    assert figures(found) == {"owed": 1, "over": 2}
    assert {f"{day:%m-%d}": dict(stages) for day, stages in sorted(planner.coming.items())} == {
        "11-24": {-7: 1},
        "11-26": {-7: 1},
        "11-28": {-3: 1},
        "11-30": {-3: 1, -1: 1},
        "12-01": {-7: 1, 0: 1},
        "12-02": {-1: 1},
        "12-03": {0: 1},
        "12-05": {-3: 1},
        "12-07": {-1: 1},
    }


# ---- properties ----------------------------------------------------------------------------------------------------


def planned(pages: Sequence[Sequence[dict[str, object]]], by: Rules, when: When) -> Plan:
    planner = Planner(by, (when(by),))
    for page in pages:
        planner.add_page(page_of(page, by.attribute))
    for due in planner.asks():
        planner.decide(due, {})
    return planner.plan()


def pages_of(users: list[dict[str, object]], random: Random) -> list[list[dict[str, object]]]:
    pages: list[list[dict[str, object]]] = [[]]
    for one in users:
        while random.random() < 0.4:
            pages.append([])
        pages[-1].append(one)
    return pages


@given(populations(), some_rules, some_days, st.integers(0, 2**16).map(Random))
def test_the_order_of_users_values_and_pages_does_not_matter(
    users: list[dict[str, object]], by: Rules, when: When, random: Random
) -> None:
    shuffled = [dict(one) for one in random.sample(users, len(users))]
    for one in shuffled:
        if isinstance(listed := one.get(ATTRIBUTE), list):
            one[ATTRIBUTE] = random.sample(listed, len(listed))

    straight, mixed = planned([users], by, when), planned(pages_of(shuffled, random), by, when)

    assert mixed.notices == straight.notices
    assert set(mixed.given_up) == set(straight.given_up)
    assert figures(mixed) == figures(straight)
    assert Counter(mixed.skips) == Counter(straight.skips)
    assert (mixed.users_read, mixed.obligations) == (straight.users_read, straight.obligations)


@given(populations(), some_rules, some_days)
def test_every_plan_keeps_its_promises(users: list[dict[str, object]], by: Rules, when: When) -> None:
    found = planned([users], by, when)

    ids = [notice.id for notice in found.notices]
    assert len(set(ids)) == len(ids)
    assert sum(figures(found).values()) == found.obligations
    per_obligation = Counter((one.user.id, one.obligation.facts) for one in found.notices)
    assert set(per_obligation.values()) <= {1}
    for notice in found.notices:
        assert notice.obligation.status == "open"
        assert notice.user.enabled
        assert notice.user.email or notice.user.mobile_phone
        assert notice.stage_date <= found.day.business_date
        assert by.stages.calendar.why_closed(notice.stage_date) is None
        assert notice.expires.astimezone(by.time_zone).date() > found.day.business_date
    assert sum(found.skipped.values()) == len(found.skips)


def test_a_skip_says_what_of_a_value_or_of_the_contacts_cannot_be_used() -> None:
    alice = graph_user(DUE, mail="a@example.com; b@example.com", mobilePhone=None, userPrincipalName=None)
    bob = graph_user(obligation_json(DUE, amount="1.234", currency="EUR"), who=BOB)

    skips = {skip.reason: skip for skip in plan(alice, bob, today="2026-11-24").skips}

    assert skips[Reason.UNREACHABLE].why.startswith("mail: it holds several addresses")
    assert "three decimals" in skips[Reason.MALFORMED].why
