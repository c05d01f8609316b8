from __future__ import annotations

import hashlib
import inspect
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from due_notices.model import (
    Obligation,
    Reason,
    Skipped,
    Status,
    User,
    batch_id,
    notice_id,
    obligation_key,
    user_key,
)
from tests.factories import ALICE, BOB, notice, on

references = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
amounts = st.decimals(-1000, 1000, places=2).map(str)
obligations = st.builds(
    Obligation,
    st.dates(date(1970, 1, 1)),
    references,
    st.none() | amounts,
    st.none() | st.sampled_from(["EUR", "USD"]),
)
facts = st.tuples(st.from_regex(r"[0-9A-Za-z-]{1,64}", fullmatch=True), obligations, st.integers(-365, 365))
DUE = on("2026-12-01")


@pytest.mark.parametrize(
    ("obligation", "text"),
    [
        (Obligation(DUE, "INV-1001", "120.50", "EUR"), b"2026-12-01\x1fINV-1001\x1f\x1f"),
        (Obligation(DUE, "", "120.50", "EUR"), b"2026-12-01\x1f\x1f120.5\x1fEUR"),
        (Obligation(DUE, "", "1000", None), b"2026-12-01\x1f\x1f1000\x1f"),
        (Obligation(DUE, "", "-0.00", None), b"2026-12-01\x1f\x1f0\x1f"),
        (Obligation(DUE), b"2026-12-01\x1f\x1f\x1f"),
    ],
)
def test_keys_and_ids_are_the_first_digits_of_sha_256_over_the_facts(obligation: Obligation, text: bytes) -> None:
    user, owed = hashlib.sha256(b"a11ce").hexdigest()[:16], hashlib.sha256(text).hexdigest()[:16]

    assert user_key("a11ce") == user
    assert obligation_key(obligation) == owed
    assert notice_id("a11ce", obligation, -7) == hashlib.sha256(b"a11ce\x1f" + text + b"\x1f-7").hexdigest()[:32]
    assert notice(user=User("a11ce"), obligation=obligation, stage=-7).row == f"{user}{owed}_-7"


def test_a_batch_is_named_by_user_and_business_date() -> None:
    assert batch_id("a11ce", DUE) == hashlib.sha256(b"a11ce\x1f2026-12-01").hexdigest()[:32]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (Obligation(DUE, "", "10", "EUR"), Obligation(DUE, "", "10.00", "EUR"), True),
        (Obligation(DUE, "", "0100.0", "EUR"), Obligation(DUE, "", "100", "EUR"), True),
        (Obligation(DUE, "A", "100", "EUR"), Obligation(DUE, "A", "20", "USD"), True),
        (Obligation(DUE, "", "100", "EUR"), Obligation(DUE, "", "20", "EUR"), False),
        (Obligation(DUE, "", "100", "EUR"), Obligation(DUE, "", "100", "USD"), False),
        (Obligation(DUE, "", "100", "EUR"), Obligation(DUE, "", None, "EUR"), False),
        (Obligation(DUE, "", "0", "EUR"), Obligation(DUE, "", None, "EUR"), False),
        (Obligation(DUE, "", "100", "EUR"), Obligation(DUE, "100", None, "EUR"), False),
    ],
)
def test_amounts_compare_as_numbers_and_do_not_count_beside_a_reference(
    one: Obligation,
    other: Obligation,
    same: bool,  # noqa: FBT001
) -> None:
    assert (one.facts == other.facts) is same
    assert (obligation_key(one) == obligation_key(other)) is same
    assert (notice_id(ALICE, one, 0) == notice_id(ALICE, other, 0)) is same


@pytest.mark.parametrize(
    ("amount", "status", "settled"),
    [
        ("0", "open", True),
        ("0.00", "open", True),
        ("-5.00", "open", True),
        ("0.01", "open", False),
        (None, "open", False),
        ("0.00", "paid", False),
    ],
)
def test_an_open_obligation_without_anything_left_to_pay_is_settled(
    amount: str | None,
    status: Status,
    settled: bool,  # noqa: FBT001
) -> None:
    assert Obligation(DUE, amount=amount, status=status).settled is settled


@pytest.mark.parametrize(
    ("obligation", "stage", "expected"),
    [
        # Written down once and for all: a changed id would send every notice a second time.
        (Obligation(DUE, "INV-1001", "120.50", "EUR"), -7, "618552edc5c2784abd6f510bc70b0482"),
        (Obligation(DUE, "", "120.50", "EUR"), 0, "2f50c5e334b9b2a67ed4b4c2d1b2377d"),
        (Obligation(on("2028-02-29"), "Rechnung Süd"), 3, "d4a608f6220cb5164847c5860759ab59"),
    ],
)
def test_ids_never_change(obligation: Obligation, stage: int, expected: str) -> None:
    assert notice_id(ALICE, obligation, stage) == expected


def test_each_fact_makes_another_id() -> None:
    ids = {
        notice_id(who, Obligation(on(due), reference), stage)
        for who in (ALICE, BOB)
        for reference in ("", "0", "INV-1001", "inv-1001")
        for due in ("2026-12-01", "2026-12-02")
        for stage in (-3, 0, 3)
    }

    assert len(ids) == 2 * 4 * 2 * 3


@given(facts, facts)
@example(("a", Obligation(DUE), 3), ("a", Obligation(DUE), -3))
@example(("a", Obligation(DUE, "b"), 3), ("a", Obligation(DUE, "c"), 3))
def test_ids_are_stable_and_distinct(one: tuple[str, Obligation, int], other: tuple[str, Obligation, int]) -> None:
    same = (one[0], one[1].facts, one[2]) == (other[0], other[1].facts, other[2])

    assert notice_id(*one) == notice_id(*one)
    assert (notice_id(*one) == notice_id(*other)) is same
    assert len(notice_id(*one)) == 32
    assert set(notice_id(*one)) <= set("0123456789abcdef")


def test_a_partition_is_named_by_due_date() -> None:
    assert notice(due=on("2026-12-01"), stage=-3).partition == "2026-12-01"


@pytest.mark.parametrize(
    "value",
    [
        notice(),
        User(ALICE),
        Obligation(on("2026-12-01")),
        Skipped(ALICE, Reason.PAID),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_frozen(value: object) -> None:
    for name in inspect.get_annotations(type(value)):
        with pytest.raises(AttributeError):
            setattr(value, name, None)


def test_reasons_are_written_as_the_report_names_them() -> None:
    assert [str(reason) for reason in Reason] == [
        *(
            "malformed",
            "paid",
            "void",
            "disputed",
            "paused",
            "settled",
            "disabled",
            "unreachable",
            "opted-out",
            "not-allowed",
            "duplicate",
        ),
        "too-large",
    ]
