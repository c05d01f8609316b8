"""The values of one user: which mean the same obligation, which of them counts, and what history it has."""

from __future__ import annotations

import itertools
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.model import Obligation, Sent, Status, obligation_key
from due_notices.obligations import Distinct, distinct, history_of
from tests.factories import on

DUE = on("2026-12-01")


def owed(
    amount: str | None = None,
    reference: str = "",
    status: Status = "open",
    *,
    due: date = DUE,
    paused: str | None = None,
    currency: str | None = "EUR",
) -> Obligation:
    return Obligation(due, reference, amount, currency, status, on(paused) if paused else None)


def among(*obligations: Obligation | None) -> list[Distinct]:
    return distinct([(f"text {number}", obligation) for number, obligation in enumerate(obligations)])


def test_two_amounts_without_a_reference_are_two_obligations() -> None:
    found = among(owed("100.00"), owed("20.00", status="paid"))

    assert [(one.obligation.amount, one.obligation.status, one.duplicates) for one in found] == [
        ("100.00", "open", ()),
        ("20.00", "paid", ()),
    ]


def test_equal_amounts_written_otherwise_are_one() -> None:
    (found,) = among(owed("10"), owed("10.00"))

    assert len(found.duplicates) == 1


@pytest.mark.parametrize("reference", ["", "INV-1"])
def test_what_is_paid_speaks_before_what_is_disputed_open_settled_or_void(reference: str) -> None:
    amount = "5.00"
    ranks = [
        owed(amount, reference, "paid"),
        owed(amount, reference, "disputed"),
        owed(amount, reference),
        owed("0.00" if reference else "-5.00", reference),
        owed(amount, reference, "void"),
    ]
    if not reference:  # a settled one has an amount of its own, and so is another obligation
        del ranks[3]

    for better, worse in itertools.combinations(ranks, 2):
        for values in ((better, worse), (worse, better)):
            (found,) = among(*values)
            assert values[found.place] is better
            assert [values[place] for place in found.duplicates] == [worse]


def test_an_invoice_voided_and_issued_anew_is_open() -> None:
    for reference in ("", "INV-1"):
        (found,) = among(owed("50", reference, "void"), owed("50", reference))

        assert found.obligation.status == "open"
        assert found.duplicates == (0,)


def test_among_equals_the_least_amount_speaks_and_none_comes_last() -> None:
    for values in itertools.permutations([owed("9.5", "A"), owed("10", "A"), owed(None, "A")]):
        (found,) = among(*values)

        assert found.obligation.amount == "9.5"
    (found,) = among(owed(None, "A"), owed("10", "A"))
    assert found.obligation.amount == "10"


def test_then_the_text_decides() -> None:
    one, other = ('{"b":1}', owed("10", "A", currency="USD")), ('{"a":1}', owed("10", "A", currency="EUR"))

    assert distinct([one, other])[0].obligation.currency == "EUR"
    assert distinct([other, one])[0].obligation.currency == "EUR"


def test_the_latest_pause_of_the_open_ones_holds() -> None:
    (found,) = among(
        owed("9", "A", paused="2026-12-05"),
        owed("10", "A", paused="2026-12-10"),
        owed("11", "A"),
        owed("9", "A", "void", paused="2026-12-31"),
        owed("0", "A", paused="2026-12-30"),
    )

    assert (found.obligation.amount, found.obligation.paused_until) == ("9", on("2026-12-10"))


def test_an_obligation_is_alone_where_no_other_has_its_due_date_and_every_value_can_be_read() -> None:
    later = owed(due=on("2027-01-01"))

    assert [one.alone for one in among(owed("10", "A"), owed("11", "A"), later)] == [True, True]
    assert [one.alone for one in among(owed("10", "A"), owed("10", "B", "paid"), later)] == [False, False, True]
    assert [one.alone for one in among(owed("10", "A"), None, later)] == [False, False]


amounts = st.sampled_from([None, "0", "-1", "5", "5.0", "7.25"])
statuses: st.SearchStrategy[Status] = st.sampled_from(["open", "paid", "void", "disputed"])
obligations = st.builds(
    lambda amount, reference, status, pause: owed(amount, reference, status, paused=pause),
    amounts,
    st.sampled_from(["", "A", "B"]),
    statuses,
    st.sampled_from([None, "2026-12-05", "2026-12-10"]),
)


@given(st.lists(st.none() | obligations, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_values_makes_no_difference_and_each_is_counted_once(
    values: list[Obligation | None], shuffle: object
) -> None:
    named = [(repr(value), value) for value in values]
    found = distinct(named)
    places = [place for one in found for place in (one.place, *one.duplicates)]

    assert sorted(places) == [place for place, value in enumerate(values) if value is not None]
    mixed = list(named)
    shuffle.shuffle(mixed)  # type: ignore[attr-defined] # a random.Random
    again = distinct(mixed)
    assert {(one.obligation, len(one.duplicates), one.alone) for one in again} == {
        (one.obligation, len(one.duplicates), one.alone) for one in found
    }


# ---- history -------------------------------------------------------------------------------------------------------

BEFORE, LATER = on("2026-11-24"), on("2026-11-28")
PLAIN, PART, NAMED, OTHER = owed("100"), owed("80"), owed("100", "A"), owed("100", "B")


def ledger(*rows: tuple[Obligation, dict[int, date]]) -> dict[str, Sent]:
    return {obligation_key(obligation): Sent(stages, bool(obligation.reference)) for obligation, stages in rows}


@pytest.mark.parametrize(
    ("now", "vanished", "inherits"),
    [
        (PART, PLAIN, True),  # a part payment
        (NAMED, PLAIN, True),  # a reference added later
        (PLAIN, NAMED, True),  # or taken away
        (OTHER, NAMED, False),  # another invoice
    ],
)
def test_a_lone_obligation_inherits_unless_both_have_references(
    now: Obligation,
    vanished: Obligation,
    inherits: bool,  # noqa: FBT001
) -> None:
    (alone,) = among(now)

    assert history_of(alone, ledger((vanished, {-7: BEFORE}))) == ({-7: BEFORE} if inherits else {}, False)


def test_an_obligation_that_is_not_alone_has_its_own_history_only() -> None:
    sent = ledger((PLAIN, {-7: BEFORE}), (PART, {-3: LATER}))

    assert [history_of(one, sent) for one in among(PLAIN, PART)] == [({-7: BEFORE}, True), ({-3: LATER}, True)]
    assert history_of(among(PART, None)[0], sent) == ({-3: LATER}, True)


def test_what_is_inherited_has_the_latest_day_of_each_stage() -> None:
    sent = ledger((PLAIN, {-7: BEFORE, -3: LATER}), (PART, {-7: LATER}), (NAMED, {-3: BEFORE}))

    assert history_of(among(PART)[0], sent) == ({-7: LATER, -3: LATER}, True)


def test_without_rows_there_is_no_history() -> None:
    assert history_of(among(PLAIN)[0], {}) == ({}, False)
