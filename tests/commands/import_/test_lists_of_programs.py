"""Each list of a real program's dialect comes out as it should, row by row, or is asked about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from due_notices.commands.import_.problems import ListRefused, Problem
from due_notices.commands.import_.rows import Entry, Kind
from tests.commands.import_.given_lists import LISTS, codes, facts, read

EXPECTED: list[dict[str, Any]] = [
    json.loads(line) for line in (LISTS / "expected.jsonl").read_text("utf-8").splitlines()
]
DRAWN = "sap-fbl5n-list.txt"
OPTIONS: dict[str, dict[str, Any]] = {
    "xero-sales.csv": {"dates": ("dmy",)},
    "quickbooks-ar-aging.csv": {"match": ("displayName",)},
    "datev-buchungsstapel.csv": {"match": ("employeeId",)},
    "sap-fbl5n.csv": {"match": ("employeeId",)},
    "chargebee-invoices.csv": {"status": ("Not Paid=open",)},
    "bexio-debitoren.csv": {"columns": ("ref=Referenz",)},
    "excel-saved-de.csv": {"dates": ("excel",)},
    "thai-receivables.csv": {"dates": ("buddhist",), "currency": "THB"},
    "jp-seikyu.csv": {"encoding": "cp932", "currency": "JPY"},
    "ambiguous.csv": {"dates": ("dmy",), "decimal": "."},
}
ASKED: dict[str, set[str]] = {
    "xero-sales.csv": {"dates"},
    "quickbooks-ar-aging.csv": {"match"},
    "datev-buchungsstapel.csv": {"match"},
    "sap-fbl5n.csv": {"match"},
    "chargebee-invoices.csv": {"status"},
    "bexio-debitoren.csv": {"columns"},
    "excel-saved-de.csv": {"serial-day"},
    "thai-receivables.csv": {"buddhist", "currency"},
    "jp-seikyu.csv": {"encoding"},
    "ambiguous.csv": {"dates", "decimal"},
    DRAWN: {"plain"},
}


def zone_of(expected: dict[str, Any]) -> ZoneInfo:
    return ZoneInfo(expected.get("time_zone", "Europe/Berlin"))


def test_every_list_is_read_or_refused_with_how_to_export_it() -> None:
    assert len(EXPECTED) == 17
    assert {each["file"] for each in EXPECTED if each["ask"]} == ASKED.keys()


@pytest.mark.parametrize("expected", [each for each in EXPECTED if each["ask"]], ids=lambda each: each["file"])
def test_a_list_that_leaves_something_open_is_asked_about_and_not_read(expected: dict[str, Any]) -> None:
    with pytest.raises(ListRefused) as refused:
        read(LISTS / expected["file"], zone=zone_of(expected))

    assert codes(refused.value) == ASKED[expected["file"]]
    remedies = " ".join(problem.remedy for problem in refused.value.problems)
    for option in expected["ask"].split() if expected["file"] not in (DRAWN, "jp-seikyu.csv") else ():
        assert option in remedies


@pytest.mark.parametrize(
    "expected", [each for each in EXPECTED if each["file"] != DRAWN], ids=lambda each: each["file"]
)
def test_each_row_comes_out_as_it_should(expected: dict[str, Any]) -> None:
    found = read(LISTS / expected["file"], zone=zone_of(expected), **OPTIONS.get(expected["file"], {}))

    got = list(found.rows())
    wanted = [{name: row[name] for name in facts_of()} for row in expected["rows"] if "refused" not in row]
    if expected["file"] == "ambiguous.csv":
        wanted = [facts(each) for each in got if isinstance(each, Entry)]
        assert [(each["due"], each["amount"]) for each in wanted] == [
            ("2027-02-03", "1234"), ("2027-02-04", "2500"), ("2027-01-05", "1050")
        ]  # fmt: skip
    entries = list({json.dumps(facts(each)): facts(each) for each in got if isinstance(each, Entry)}.values())
    assert entries == wanted
    refused = {
        line for row in expected["rows"] if "refused" in row for line in str(row["line"]).split(",") if line != "*"
    }
    assert {str(each.line) for each in got if not isinstance(each, Entry)} == refused


@pytest.mark.parametrize(
    ("file", "line", "what"),
    [
        ("stripe-invoices.csv", 6, "no due date"),
        ("stripe-invoices.csv", 8, "draft"),
        ("xero-sales.csv", 5, "credit note"),
        ("quickbooks-ar-aging.csv", 6, "group or total"),
        ("quickbooks-ar-aging.csv", 11, "credit note"),
        ("quickbooks-ar-aging.csv", 12, "payment"),
        ("quickbooks-ar-aging.csv", 14, "group or total"),
        ("datev-buchungsstapel.csv", 5, "credit"),
        ("odoo-account-move-lines.csv", 3, "other line"),
        ("odoo-account-move-lines.csv", 8, "credit"),
        ("zoho-invoices.csv", 6, "draft"),
        ("moneybird-facturen.csv", 4, "credit"),
    ],
)
def test_rows_that_are_no_obligation_are_counted_by_their_kind(file: str, line: int, what: str) -> None:
    found = list(read(LISTS / file, **OPTIONS.get(file, {})).rows())

    assert Kind(line, what) in found


@pytest.mark.parametrize(
    ("file", "line", "code"),
    [("excel-saved-de.csv", 5, "date"), ("excel-saved-de.csv", 6, "reference"), ("jp-seikyu.csv", 3, "era")],
)
def test_rows_that_say_nothing_certain_are_refused_with_line_column_and_remedy(file: str, line: int, code: str) -> None:
    (problem,) = [
        row for row in read(LISTS / file, **OPTIONS[file]).rows() if isinstance(row, Problem) and row.line == line
    ]

    assert problem.code == code
    assert problem.column
    assert problem.remedy


def facts_of() -> tuple[str, ...]:
    return ("customer", "due", "ref", "amount", "currency", "status")


def test_the_readme_of_the_lists_says_that_they_are_made_up() -> None:
    assert "made up" in Path(LISTS / "README.txt").read_text("utf-8")
