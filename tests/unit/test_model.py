from __future__ import annotations

import dataclasses
import hashlib
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from due_notices.model import MissedStage, Obligation, Reason, Skipped, User, notice_id, partition_of
from tests.factories import ALICE, BOB, notice, on

references = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20)
facts = st.tuples(
    st.from_regex(r"[0-9A-Za-z-]{1,64}", fullmatch=True), references, st.dates(date(1970, 1, 1)), st.integers(-365, 365)
)


def test_the_id_is_the_first_half_of_sha_256_over_the_four_facts() -> None:
    expected = hashlib.sha256(b"a11ce\x1fINV-1001\x1f2026-12-01\x1f-7").hexdigest()[:32]

    assert notice_id("a11ce", "INV-1001", on("2026-12-01"), -7) == expected


@pytest.mark.parametrize(
    ("reference", "due", "stage", "expected"),
    [
        # Written down once and for all: a changed id would send every notice a second time.
        ("INV-1001", "2026-12-01", -7, "ec88cb16e4f1a78cb11cea91d82d2e55"),
        ("", "2026-12-01", 0, "82c43fc93b338c78d736c34df8201096"),
        ("Rechnung Süd", "2028-02-29", 3, "626813735d2b74c753a1bfbf2b7d4d34"),
    ],
)
def test_ids_never_change(reference: str, due: str, stage: int, expected: str) -> None:
    assert notice_id(ALICE, reference, on(due), stage) == expected


def test_each_fact_makes_another_id() -> None:
    ids = {
        notice_id(who, reference, on(due), stage)
        for who in (ALICE, BOB)
        for reference in ("", "0", "INV-1001", "inv-1001")
        for due in ("2026-12-01", "2026-12-02")
        for stage in (-3, 0, 3)
    }

    assert len(ids) == 2 * 4 * 2 * 3


@given(facts, facts)
@example(("a", "", on("2026-12-01"), 3), ("a", "", on("2026-12-01"), -3))
@example(("a", "b", on("2026-12-01"), 3), ("a", "c", on("2026-12-01"), 3))
def test_ids_are_stable_and_distinct(one: tuple[str, str, date, int], other: tuple[str, str, date, int]) -> None:
    assert notice_id(*one) == notice_id(*one)
    assert (notice_id(*one) == notice_id(*other)) is (one == other)
    assert len(notice_id(*one)) == 32
    assert set(notice_id(*one)) <= set("0123456789abcdef")


@pytest.mark.parametrize(("stage", "partition"), [(-7, "2026-12-01_-7"), (0, "2026-12-01_0"), (3, "2026-12-01_3")])
def test_a_partition_is_named_by_due_date_and_stage(stage: int, partition: str) -> None:
    assert partition_of(on("2026-12-01"), stage) == partition
    assert notice(stage=stage).partition == partition


@pytest.mark.parametrize(("business_date", "late"), [("2026-11-24", False), ("2026-11-25", True), ("2026-11-27", True)])
def test_a_notice_is_late_after_its_stage_date(business_date: str, late: bool) -> None:  # noqa: FBT001
    assert notice(business_date=on(business_date)).late is late


@pytest.mark.parametrize(
    "value",
    [
        notice(),
        User(ALICE),
        Obligation(on("2026-12-01")),
        Skipped(ALICE, Reason.PAID),
        MissedStage("0" * 32, "2026-12-01_0", "expired"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_frozen(value: object) -> None:
    for field in dataclasses.fields(value):  # type: ignore[arg-type] # all of them are dataclasses
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)


def test_reasons_are_written_as_the_report_names_them() -> None:
    assert [str(reason) for reason in Reason] == [
        *("malformed", "paid", "void", "disputed", "paused", "disabled", "unreachable", "not-allowed", "duplicate"),
        "too-large",
    ]
