"""Random obligations, written in each program's dialect, come back as they were."""

# ruff: noqa: E501 (heads of lists are as long as they are)

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.commands.import_.asking import EXAMPLE
from due_notices.commands.import_.rows import Entry
from tests.commands.import_.given_lists import rows, written


@dataclass(frozen=True)
class Owes:
    customer: str
    due: date
    ref: str
    amount: Decimal
    state: str


def english(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def plain(amount: Decimal) -> str:
    return f"{amount:.2f}"


def german(amount: Decimal) -> str:
    return english(amount).translate(str.maketrans(",.", ".,"))


def swiss(amount: Decimal) -> str:
    return english(amount).replace(",", "\u2019")


def comma(amount: Decimal) -> str:
    return plain(amount).replace(".", ",")


@dataclass(frozen=True)
class Dialect:
    """How a program writes its list. `proof` is a row that leaves nothing open."""

    head: str
    row: Callable[[Owes], Sequence[str]]
    words: dict[str, str]
    delimiter: str = ","
    encoding: str = "utf-8"
    before: str = ""
    options: dict[str, object] | None = None
    currency: str | None = "EUR"


DIALECTS = {
    "stripe": Dialect(
        "id,Number,Customer,Customer Email,Customer Name,Currency,Amount Due,Amount Paid,Amount Remaining,Date (UTC),Due Date (UTC),Status",
        lambda o: ["in_1", o.ref, "cus_1", o.customer, "A", "eur", "9999.00", "0.00", plain(o.amount), "2026-11-15 09:12", f"{o.due} 09:00", o.state],
        {"open": "open", "paid": "paid", "void": "uncollectible"},
    ),
    "xero": Dialect(
        "*ContactName,EmailAddress,*InvoiceNumber,*DueDate,Total,InvoiceAmountDue,Currency,Type,Status",
        lambda o: ["A", o.customer, o.ref, f"{o.due:%d/%m/%Y}", "9999.00", english(o.amount), "EUR", "Sales invoice", o.state],
        {"open": "Awaiting Payment", "paid": "Paid", "void": "Voided"},
        options={"dates": ("dmy",)},
    ),
    "quickbooks": Dialect(
        ",Date,Transaction Type,Num,Customer,Due Date,Amount,Open Balance",
        lambda o: ["", "01/02/2026", "Invoice", o.ref, o.customer, f"{o.due:%m/%d/%Y}", "9999.00", english(o.amount)],
        {"open": "", "paid": "", "void": ""},
        before="Example Services LLC\r\nA/R Aging Detail\r\n\r\n",
        options={"match": ("displayName",), "dates": ("mdy",)},
        currency=None,
    ),
    "sevdesk": Dialect(
        "Rechnungsnummer;E-Mail;Fälligkeitsdatum;Bruttobetrag;Offener Betrag;Währung;Status",
        lambda o: [o.ref, o.customer, f"{o.due:%d.%m.%Y}", "9.999,00", german(o.amount), "EUR", o.state],
        {"open": "Teilweise bezahlt", "paid": "Bezahlt", "void": "Storniert"},
        ";",
        "utf-8-sig",
    ),
    "datev": Dialect(
        "Umsatz (ohne Soll/Haben-Kz);Soll/Haben-Kennzeichen;WKZ Umsatz;Konto;Gegenkonto (ohne BU-Schlüssel);Belegfeld 1;Buchungstext;Fälligkeit",
        lambda o: [comma(o.amount), "S", "EUR", o.customer, "8400", o.ref, "Müller & Söhne", f"{o.due:%d%m%Y}".lstrip("0")],
        {"open": "", "paid": "", "void": ""},
        ";",
        "cp1252",
        before='"EXTF";700;21;"Buchungsstapel";13\r\n',
        options={"match": ("employeeId",)},
    ),
    "sap": Dialect(
        "Customer,Reference,Document Type,Net Due Date,Amount in Local Currency,Local Currency,Clearing Document",
        lambda o: [o.customer, o.ref, "DR", f"{o.due:%Y%m%d}", plain(o.amount), "EUR", o.state],
        {"open": "", "paid": "1400000123", "void": "1400000124"},
        options={"match": ("employeeId",)},
    ),
    "zoho": Dialect(
        "Invoice Number,Invoice Status,Customer Name,Primary Contact EmailID,Currency Code,Due Date,Total,Balance,Item Name",
        lambda o: [o.ref, o.state, "A", o.customer, "EUR", o.due.isoformat(), "9999.00", plain(o.amount), "Lesson"],
        {"open": "PartiallyPaid", "paid": "Closed", "void": "Void"},
    ),
    "chargebee": Dialect(
        "Invoice Number,Customer Id,Customer Email,Due Date,Currency,Amount,Amount Paid,Amount Due,Status",
        lambda o: [o.ref, "a-1", o.customer, f"{o.due:%d-%b-%Y} 08:00", "EUR", "9999.00", "0.00", plain(o.amount), o.state],
        {"open": "Payment Due", "paid": "Paid", "void": "Voided"},
    ),
    "moneybird": Dialect(
        "Factuurnummer;Contact;E-mail;Vervaldatum;Totaal incl. btw;Openstaand;Status",
        lambda o: [o.ref, "A", o.customer, f"{o.due:%d-%m-%Y}", "€ 9.999,00", f"€ {german(o.amount)}", o.state],
        {"open": "Herinnering verstuurd", "paid": "Betaald", "void": "Oninbaar"},
        ";",
    ),
    "bexio": Dialect(
        "Nr,Kunde,E-Mail,Zahlbar bis,Total,Offen,Währung,Referenz",
        lambda o: ["RE-1", "A", o.customer, f"{o.due:%d.%m.%Y}", "9999.00", swiss(o.amount), "EUR", o.ref],
        {"open": "", "paid": "", "void": ""},
        options={"columns": ("ref=Referenz",)},
    ),
    "excel": Dialect(
        "E-Mail;Rechnung;Fällig am;Betrag;Bezahlt",
        lambda o: [o.customer, o.ref, str((o.due - date(1899, 12, 30)).days), comma(o.amount), o.state],
        {"open": "FALSCH", "paid": "WAHR", "void": "WAHR"},
        ";",
        "cp1252",
        before="sep=;\r\n",
        options={"dates": ("excel",)},
        currency=None,
    ),
    "thai": Dialect(
        "เลขที่,ลูกค้า,อีเมล,ครบกำหนด,ยอดคงค้าง",
        lambda o: [o.ref, "ก", o.customer, f"{o.due:%d/%m}/{o.due.year + 543}", english(o.amount)],
        {"open": "", "paid": "", "void": ""},
        options={"dates": ("buddhist,dmy",), "currency": "THB"},
        currency="THB",
    ),
    "plain form": Dialect(
        EXAMPLE.splitlines()[0],
        lambda o: [o.customer, o.due.isoformat(), o.ref, plain(o.amount), "EUR", o.state],
        {"open": "open", "paid": "paid", "void": "void"},
    ),
}  # fmt: skip

OWES = st.builds(
    Owes,
    customer=st.integers(1, 99_999).map(lambda number: f"c{number}@example.com"),
    due=st.dates(date(1980, 1, 1), date(2070, 12, 31)),
    ref=st.from_regex(r"[A-Z]{1,4}[-/]?[0-9]{1,30}", fullmatch=True),
    amount=st.decimals(Decimal("0.01"), Decimal("9999999.99"), places=2),
    state=st.sampled_from(["open", "paid", "void"]),
)


def list_of(dialect: Dialect, owed: Sequence[Owes]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=dialect.delimiter, lineterminator="\r\n")
    text.write(dialect.before + dialect.head + "\r\n")
    for each in owed:
        word = dialect.words[each.state]
        writer.writerow(dialect.row(Owes(each.customer, each.due, each.ref, each.amount, word)))
    return text.getvalue()


@pytest.mark.parametrize("name", DIALECTS)
@given(owed=st.lists(OWES, min_size=1, max_size=12))
def test_what_a_program_writes_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, name: str, owed: list[Owes]
) -> None:
    dialect = DIALECTS[name]
    path = written(tmp_path_factory.mktemp("list"), list_of(dialect, owed), dialect.encoding)
    options = {"decimal": ("," if dialect.delimiter == ";" else "."), **(dialect.options or {})}

    found = rows(path, **options)

    states = {"open": "open", "paid": "paid", "void": "void"} if len(set(dialect.words.values())) == 3 else None
    entries = [row for row in found if isinstance(row, Entry)]
    assert len(entries) == len(found) == len(owed)
    for row, each in zip(entries, owed, strict=True):
        assert (row.customer, row.due, row.ref, row.currency) == (each.customer, each.due, each.ref, dialect.currency)
        assert Decimal(row.amount or "0") == each.amount
        if states is not None and name not in ("excel", "sap"):
            assert row.state == states[each.state]
        elif len(set(dialect.words.values())) == 1:
            assert row.state == "open"
        else:
            assert row.state == ("open" if each.state == "open" else "paid")
