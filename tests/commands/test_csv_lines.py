"""Identifiers in CSV stay what they are when a spreadsheet opens the file and saves it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.commands.csv_lines import identifier


@pytest.mark.parametrize(
    "cell",
    [
        *("00123", "3-12", "1/2", "12345678901234567890123456789012", "1.000", "1,5", "12:30", "5 %", "2026-12-01"),
        *("1e5", "12345678901234567890123456789e12", "MAR1", "Mar-12", "1 Sept", "3. März", "12 AM", "5 EUR", "€ 5"),
        *("TRUE", " false", "2026-12-01T00:00:00Z", "12月3日", "1 de marzo", "(12)", "+49 30 1", "-5", "٣-١٢"),
    ],
)
def test_what_a_spreadsheet_would_take_for_a_number_a_day_or_a_truth_is_marked_as_text(cell: str) -> None:
    assert identifier(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell",
    [
        *("INV-1001", "R 2026/1249", "Rechnung №12", "SEPA-77", "", "8a6f3c1e-0000-4000-8000-000000000001"),
        *("1e3bec78d9a335e53f286d66b753e48e", "11111111-2222-4333-8444-555555555555", "2026/INV/3", "March"),
    ],
)
def test_what_is_text_anyhow_stays_as_it_is(cell: str) -> None:
    assert identifier(cell) == cell


@given(st.text("0123456789-/.,:% +", min_size=1).filter(lambda cell: re.search("[0-9]", cell)))
def test_nothing_of_digits_and_signs_alone_is_left_to_the_spreadsheet(cell: str) -> None:
    assert identifier(cell) == f"'{cell}"


@given(st.text())
def test_a_mark_is_all_that_is_added(cell: str) -> None:
    assert identifier(cell) in {cell, f"'{cell}"}
