"""A long list is read in one pass; what its beginning does not prove does not matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from due_notices.commands.import_.entries import Entries, Owed, gathered
from due_notices.commands.import_.problems import ListRefused
from tests.commands.import_.given_lists import codes, entries_of, read, written

ROWS = 12_000
"""More than are read before the forms are taken to be those of the whole list."""
HEAD = "customer,due,ref,amount,currency,status,type\n"
PLAIN = "c{0}@example.com,03/02/2027,R{0},1.50,EUR,open,invoice"


def listed(folder: Path, last: str, plain: str = PLAIN) -> Path:
    return written(folder, HEAD + "".join(plain.format(number) + "\n" for number in range(ROWS)) + last + "\n")


def said(entries: Entries) -> dict[str, list[Owed]]:
    return {name: entries.of(number) for name, number in entries.numbers.items()}


@pytest.mark.parametrize(
    "last",
    [
        "z@example.com,25/02/2027,R-Z,1.50,EUR,open,invoice",
        "z@example.com,02/25/2027,R-Z,1.50,EUR,open,invoice",
    ],
)
def test_the_last_row_may_say_how_all_dates_are_read(tmp_path: Path, last: str) -> None:
    path = listed(tmp_path, last)

    found = entries_of(path)

    assert len(found) == ROWS + 1
    assert said(found) == said(gathered(read(path).pieces()))


def test_the_last_row_may_say_how_all_amounts_are_read(tmp_path: Path) -> None:
    path = listed(tmp_path, 'z@example.com,25/02/2027,R-Z,"1.250,50",EUR,open,invoice', PLAIN.replace("1.50", "1.500"))

    found = entries_of(path)

    assert {each.amount for owed in said(found).values() for each in owed} == {"1500", "1250.50"}


def test_a_list_that_names_documents_at_its_end_only_is_read_again(tmp_path: Path) -> None:
    path = listed(tmp_path, "z@example.com,25/02/2027,R-Z,1.50,EUR,open,credit note", PLAIN.replace("invoice", ""))

    with pytest.raises(ListRefused) as refused:
        entries_of(path)

    assert codes(refused.value) == {"status"}


def test_a_word_that_stands_at_the_end_only_is_asked_for(tmp_path: Path) -> None:
    path = listed(tmp_path, "z@example.com,25/02/2027,R-Z,1.50,EUR,on hold,invoice")

    with pytest.raises(ListRefused) as refused:
        entries_of(path)

    assert "on hold" in str(refused.value)


def test_a_kind_of_document_that_the_operator_names_is_what_they_say(tmp_path: Path) -> None:
    rows = "a@example.com,25/02/2027,R1,1.50,EUR,open,{}\n"
    path = written(tmp_path, HEAD + rows.format("Invoice") + rows.format("Bill").replace("R1", "R2"))

    found = entries_of(path, status=("Bill=void",))

    assert [(each.ref, each.state) for each in found.of(0)] == [("R1", "open"), ("R2", "void")]


def test_a_paid_flag_that_the_operator_explains_is_what_they_say(tmp_path: Path) -> None:
    rows = "a@example.com,25/02/2027,{},1.50,EUR,{}\n"
    path = written(
        tmp_path, "customer,due,ref,amount,currency,paid\n" + rows.format("R1", "lost") + rows.format("R2", "")
    )

    found = entries_of(path, status=("lost=void",))

    assert [(each.ref, each.state) for each in found.of(0)] == [("R1", "void"), ("R2", "open")]
