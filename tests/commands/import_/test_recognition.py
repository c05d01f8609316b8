"""Whose list it is, and which column means what: found by names, or asked for."""

# ruff: noqa: E501 (heads of lists are as long as they are)

from __future__ import annotations

from pathlib import Path

import pytest

from due_notices.commands.import_.problems import ListRefused, Problem
from due_notices.commands.import_.profiles import known_profiles, parsed, profile_named
from due_notices.commands.import_.rows import Entry, Kind
from tests.commands.import_.given_lists import codes, entries_of, facts, read, rows, written

OWN = """
title = "Our till"
signature = ["Bon", "Pay until", "Left"]
encoding = "cp1250"
dates = "dmy"
decimal = ","

[columns]
address = "Mail"
ref = "Bon"
due = "Pay until"
amount = "Left"
status = "How"

[status]
open = ["waits"]
paid = ["done"]

[kinds."credit note"]
"Sort" = ["back*"]
"""


def entry(folder: Path, text: str, encoding: str = "utf-8", **asked: object) -> dict[str, object]:
    (found,) = [row for row in rows(written(folder, text, encoding), **asked) if isinstance(row, Entry)]
    return facts(found)


def asked_about(folder: Path, text: str, encoding: str = "utf-8", **asked: object) -> list[Problem]:
    with pytest.raises(ListRefused) as refused:
        rows(written(folder, text, encoding), **asked)
    return list(refused.value.problems)


@pytest.mark.parametrize(
    ("text", "ref", "amount"),
    [
        ("Facture;Courriel;Date d'échéance;Montant TTC;Reste à payer;Devise\nF-1;ada@example.com;31/12/2026;500,00;120,50;EUR\n", "F-1", "120.50"),
        ("Factuur\tE-mail\tVervaldatum\tOpenstaand\nF-1\tada@example.com\t31-12-2026\t120,50\n", "F-1", "120.50"),
        ("Número de factura,Correo,Fecha de vencimiento,Importe pendiente,Moneda\nF-1,ada@example.com,2026-12-31,120.50,EUR\n", "F-1", "120.50"),
        ("Fakturanummer;E-post;Förfallodatum;Restbelopp;Valuta\nF-1;ada@example.com;2026-12-31;120,50;EUR\n", "F-1", "120.50"),
        ("Invoice #|Email|Due Date|Outstanding (EUR)\nF-1|ada@example.com|2026-12-31|120.50\n", "F-1", "120.50"),
        ("Rechnungsnr.;E-Mail-Adresse;Zahlbar bis;Offener Betrag;Währung\nF-1;ada@example.com;31.12.2026;120,50;EUR\n", "F-1", "120.50"),
    ],
)  # fmt: skip
def test_lists_that_no_profile_knows_are_read_by_the_names_of_their_columns(
    tmp_path: Path, text: str, ref: str, amount: str
) -> None:
    found = entry(tmp_path, text)

    assert (found["customer"], found["due"], found["ref"], found["amount"]) == (
        "ada@example.com",
        "2026-12-31",
        ref,
        amount,
    )


def test_a_head_names_the_currency(tmp_path: Path) -> None:
    assert entry(tmp_path, "email,due,balance (EUR)\nada@example.com,2026-12-31,120.50\n")["currency"] == "EUR"


@pytest.mark.parametrize(
    ("text", "option"),
    [
        ("email,invoice,reference,due\nada@example.com,1,2,2026-12-31\n", "--columns ref="),
        ("email,due date,pay by\nada@example.com,2026-12-31,2026-12-31\n", "--columns due="),
        ("email,due,balance,outstanding\nada@example.com,2026-12-31,1.20,1.20\n", "--columns amount="),
        ("email,due,total,amount paid\nada@example.com,2026-12-31,1.20,1.00\n", "--columns amount="),
        ("email,when,balance\nada@example.com,2026-12-31,1.20\n", "--columns due="),
        ("due,balance\n2026-12-31,1.20\n", "--columns customer="),
        ("a,b,c\n1,2,3\n", "--columns due="),
        ("customer number,due,balance\n10001,2026-12-31,1.20\n", "--match"),
        ("email,due,status\nada@example.com,2026-12-31,on hold\n", '--status "on hold='),
        ("email,due,paid\nada@example.com,2026-12-31,maybe\n", '--status "maybe='),
        (
            "email,due,type\nada@example.com,2026-12-31,Invoice\nben@example.org,2026-12-31,Odd one\n",
            '--status "Odd one=',
        ),
        ("email,due,status\nada@example.com,2026-12-31,\n", "--status"),
    ],
)
def test_what_a_column_means_is_asked_for_where_it_may_mean_two_things(tmp_path: Path, text: str, option: str) -> None:
    assert option in " ".join(problem.remedy for problem in asked_about(tmp_path, text))


def test_everything_is_asked_at_once(tmp_path: Path) -> None:
    text = 'customer number,due,balance,status\n10001,03/02/2027,"1,234",on hold\n'

    assert {problem.code for problem in asked_about(tmp_path, text)} == {"match", "dates", "decimal", "status"}


def test_columns_are_named_by_head_or_by_place(tmp_path: Path) -> None:
    text = "who,x,x,when\nada@example.com,R1,R2,2026-12-31\n"

    found = entry(tmp_path, text, columns=("customer=who,due=when", "ref=#3"))

    assert (found["customer"], found["ref"]) == ("ada@example.com", "R2")
    assert asked_about(tmp_path, text, columns=("customer=who,due=when,ref=x",))[0].code == "columns"


def test_words_of_a_state_are_taken_in_any_case_and_unknown_ones_by_option(tmp_path: Path) -> None:
    text = "email,due,status\nada@example.com,2026-12-31,ON HOLD\nben@example.org,2026-12-31,Overdue\n"

    found = entries_of(written(tmp_path, text), status=("On hold=disputed",))

    assert [found.of(number)[0].state for number in range(2)] == ["disputed", "open"]


def test_types_of_documents_that_are_no_invoice_are_counted(tmp_path: Path) -> None:
    text = (
        "email,due,type,balance\nada@example.com,2026-12-31,Invoice,1.25\nada@example.com,2026-12-31,Credit note,1.25\n"
    )

    assert Kind(3, "credit note") in rows(written(tmp_path, text))


def test_a_firm_writes_its_own_profile(tmp_path: Path) -> None:
    profile = tmp_path / "till.toml"
    profile.write_text(OWN, "utf-8")
    text = "Bon;Mail;Pay until;Left;How;Sort\nŻ1;ada@example.com;03.02.2027;1.234;waits;sale\nŻ2;a@example.com;03.02.2027;1,00;waits;backwards\n"

    assert entry(tmp_path, text, "cp1250", profile=str(profile)) == {
        "customer": "ada@example.com", "due": "2027-02-03", "ref": "Ż1", "amount": "1234", "currency": None, "status": "open"
    }  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "title = 1",
        "title",
        'title = "x"\nsurprise = 1',
        'title = "x"\n[columns]\nwhen = "Due"',
        'title = "x"\n[status]\nlate = ["a"]',
    ],
)
def test_a_profile_that_is_wrong_says_so(tmp_path: Path, text: str) -> None:
    profile = tmp_path / "wrong.toml"
    profile.write_text(text, "utf-8")
    if text == "title = 1":
        assert parsed("wrong", text).title == "1"
        return

    with pytest.raises(ListRefused) as refused:
        profile_named(str(profile))

    assert codes(refused.value) == {"profile"}


def test_a_profile_of_another_program_is_no_help(tmp_path: Path) -> None:
    assert asked_about(tmp_path, "email,due\nada@example.com,2026-12-31\n", profile="stripe")[0].code == "profile"


def test_profiles_tell_each_other_apart() -> None:
    profiles = known_profiles()

    assert len({each.signature for each in profiles}) == len(profiles)
    for each in profiles:
        heads = {head for heads in each.columns.values() for head in heads} | {
            head for heads in each.choose.values() for head in heads
        }
        assert each.refuse or heads >= set(each.signature) - {
            head for heads in each.kinds.values() for head in heads
        } - {"amount paid"}


def test_a_list_in_the_western_alphabet_of_windows_needs_no_option(tmp_path: Path) -> None:
    path = written(tmp_path, "E-Mail;Fällig;Betrag;Kunde\nada@example.com;31.12.2026;1,20;Müller\n", "cp1252")

    assert read(path).source.encoding == "cp1252"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_a_byte_order_mark_says_the_encoding(tmp_path: Path, encoding: str) -> None:
    text = "e-mail\tfällig\tbetrag\nada@example.com\t31.12.2026\t1,20\n"
    path = tmp_path / "list.txt"
    path.write_bytes((b"\xff\xfe" if encoding == "utf-16-le" else b"") + text.encode(encoding))

    assert [row for row in rows(path) if isinstance(row, Entry)]


def test_a_wrong_encoding_is_said_with_the_line(tmp_path: Path) -> None:
    path = written(tmp_path, "メール,支払期限\nada@example.com,2026-12-31\n", "cp932")

    with pytest.raises(ListRefused) as refused:
        read(path, encoding="utf-8")

    assert [(problem.code, problem.line) for problem in refused.value.problems] == [("encoding", 1)]


def test_what_no_column_says_is_left_out_of_the_obligation(tmp_path: Path) -> None:
    assert entry(tmp_path, "email,due,memo\nada@example.com,2026-12-31,x\n")["amount"] is None


def test_an_address_is_taken_before_a_column_that_may_hold_a_name(tmp_path: Path) -> None:
    assert entry(tmp_path, "customer,e-mail,due\nAda,ada@example.com,15-Dec-26\n")["customer"] == "ada@example.com"


@pytest.mark.parametrize("cell", ["USD", "usd", "USD - United States Dollar", "USD (US Dollar)"])
def test_a_currency_is_its_code_whatever_stands_behind_it(tmp_path: Path, cell: str) -> None:
    assert entry(tmp_path, f"email,due,balance,currency\nada@example.com,2026-12-31,1.25,{cell}\n")["currency"] == "USD"
