"""Lists in the dialects of programs that have no profile: read rightly by their columns' names, or asked about.

Heads as such programs write them, by memory and not looked up; all names, numbers and amounts are made up.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from due_notices.commands.import_.problems import ListRefused
from due_notices.commands.import_.rows import Entry, Kind
from due_notices.currencies import CODES
from tests.commands.import_.given_lists import codes, entries_of, rows, written

NBSP, NARROW = "\u00a0", "\u202f"
ADA, BEN = "ada@example.com", "ben@example.org"


def said(path: Path, **asked: object) -> list[tuple[object, ...]]:
    """Return due date, reference, amount, currency and state of each row, or its kind, or why it is refused."""
    found: list[tuple[object, ...]] = []
    for row in rows(path, **asked):
        if isinstance(row, Entry):
            found.append((row.due.isoformat(), row.ref, row.amount, row.currency, row.state))
        else:
            found.append((row.kind if isinstance(row, Kind) else row.code,))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "A/C,Name,Type,Date,Due Date,Ref,Details,Amount,O/S Amount,E-Mail\r\n"
            f'A1,Ada,SI,01/11/2026,15/12/2026,1001,"Goods, x",220.50,120.50 DR,{ADA}\r\n'
            f"A1,Ada,SC,01/11/2026,15/12/2026,1002,Credit,20.00,20.00 CR,{ADA}\r\n"
            f"A1,Ada,SA,01/11/2026,,1003,On account,30.00,30.00 CR,{ADA}\r\n",
            [("2026-12-15", "1001", "120.50", None, "open"), ("credit note",), ("payment",)],
            id="Sage 50: codes of documents, what is outstanding, debit and credit",
        ),
        pytest.param(
            "Fakturanr;Kundnr;Kundnamn;E-post;Förfallodatum;Totalt;Saldo;Valuta;Makulerad\n"
            f"1001;10;Ada;{ADA};2026-12-15;2{NBSP}250,50;1{NBSP}250,50;SEK;Nej\n"
            f"1002;11;Ben;{BEN};2026-12-31;99,90;99,90;SEK;Ja\n",
            [("2026-12-15", "1001", "1250.50", "SEK", "open"), ("2026-12-31", "1002", "99.90", "SEK", "void")],
            id="Fortnox: cancelled or not, blanks between thousands",
        ),
        pytest.param(
            '"Rechnungsnummer";"Kunde";"E-Mail";"Fälligkeit";"Betrag";"Bezahlt am"\n'
            f'"1";"Ada";"{ADA}";"15.12.2026";"€ 1.250,00";""\n"2";"Ben";"{BEN}";"31.12.2026";"€ 99,90";"20.11.2026"\n'
            f'"3";"Ben";"{BEN}";"31.12.2026";"€ 99,90";"nein"\n',
            [("2026-12-15", "1", "1250.00", "EUR", "open"), ("2026-12-31", "2", "99.90", "EUR", "paid"), ("date",)],
            id="FastBill: the day of payment",
        ),
        pytest.param(
            "Numéro de facture;Client;Email;Échéance;Montant TTC;Restant dû;Devise;Statut\n"
            f"F-1;Ada;{ADA};15/12/2026;2{NARROW}250,50{NBSP}€;1{NARROW}250,50{NBSP}€;EUR;Impayée\n"
            f"F-2;Ben;{BEN};31/12/2026;99,90{NBSP}€;0,00{NBSP}€;EUR;Payée\n",
            [("2026-12-15", "F-1", "1250.50", "EUR", "open"), ("2026-12-31", "F-2", "0.00", "EUR", "paid")],
            id="Pennylane: narrow blanks, a sign behind the amount",
        ),
        pytest.param(
            "Num;Cliente;Email;Vencimiento;Total;Pendiente;Estado\n"
            f"F1;Ada;{ADA};15/12/2026;2.250,50;1.250,50;Pendiente\nF2;Ben;{BEN};31/12/2026;99,90;99,90;Vencido\n",
            [("2026-12-15", "F1", "1250.50", None, "open"), ("2026-12-31", "F2", "99.90", None, "open")],
            id="Holded",
        ),
        pytest.param(
            f"Číslo;Odběratel;E-mail;Splatnost;Celkem;Zbývá uhradit;Měna;Stav\n"
            f"2026-0001;Ada;{ADA};15. 12. 2026;2 250,50;1 250,50;CZK;po splatnosti\n",
            [("2026-12-15", "2026-0001", "1250.50", "CZK", "open")],
            id="Fakturoid: dates with blanks",
        ),
        pytest.param(
            "Status,Number,Client,Contact Email,Amount,Balance,Due Date,Currency\n"
            f'Sent,0001,Ada,{ADA},"2,250.50","1,250.50","15. Dec 2026",EUR\n'
            f'Viewed,0002,Ben,{BEN},5,5,"31. Dec 2026",EUR\n',
            [("2026-12-15", "0001", "1250.50", "EUR", "open"), ("2026-12-31", "0002", "5", "EUR", "open")],
            id="Invoice Ninja",
        ),
        pytest.param(
            '"Type","Document Number","Customer","Email","Due Date","Amount Remaining","Currency"\n'
            f'"Invoice","INV1","Ada","{ADA}","12/15/2026","1,250.50","USD"\n'
            f'"Invoice","INV2","Ada","{ADA}","12/15/2026","(1,250.50)","USD"\n'
            f'"Credit Memo","CM1","Ada","{ADA}","","-50.00","USD"\n"Total","","","","","1,300.40",""\n',
            [("2026-12-15", "INV1", "1250.50", "USD", "open"), ("credit",), ("credit note",), ("group or total",)],
            id="NetSuite: brackets, a total in the column of types",
        ),
        pytest.param(
            "Document Type,Document No.,Customer No.,E-Mail,Due Date,Original Amount,Remaining Amount,Open\n"
            f'Invoice,103001,10000,{ADA},12/15/2026,"2,250.50","1,250.50",Yes\n'
            f"Invoice,103002,20000,{BEN},12/31/2026,99.90,99.90,No\nInvoice,103003,2,{BEN},12/31/2026,7.00,7.00,\n",
            [
                ("2026-12-15", "103001", "1250.50", None, "open"),
                ("2026-12-31", "103002", "99.90", None, "paid"),
                ("2026-12-31", "103003", "7.00", None, "open"),
            ],
            id="Business Central: open or not",
        ),
        pytest.param(
            f"Fakturanummer;Kundenavn;E-post;Forfallsdato;Beløp;Restbeløp;Valuta;Status\n"
            f"1001;Ada;{ADA};15.12.2026;2 250,50;1 250,50;NOK;Forfalt\n"
            f"1002;Ben;{BEN};31.12.2026;99,-;99,-;NOK;Forfalt\n",
            [("2026-12-15", "1001", "1250.50", "NOK", "open"), ("2026-12-31", "1002", "99.00", "NOK", "open")],
            id="Visma: what is left of the amount, a dash for the cents",
        ),
        pytest.param(
            "Report: open items,,,,,,\nAs of,2026-11-29,,,,,\n,,,,,,\n"
            "Customer email,Invoice,Due date,Open amount,Currency,,\n"
            f'{ADA},R1,2026-12-15,120.50,EUR,,\n{BEN},R2,2026-12-31,"1,250.50",EUR,,\n,,Total,"1,371.00",,,\n',
            [
                ("2026-12-15", "R1", "120.50", "EUR", "open"),
                ("2026-12-31", "R2", "1250.50", "EUR", "open"),
                ("group or total",),
            ],
            id="lines above the head, columns without one, the total in the column of dates",
        ),
        pytest.param(
            f"customer_email,invoice_number,due_date,amountDue,currency_code,invoice_status\n{ADA},R1,2026-12-15,1.50,EUR,open\n",
            [("2026-12-15", "R1", "1.50", "EUR", "open")],
            id="heads as programmers write them",
        ),
        pytest.param(
            f"البريد الإلكتروني,تاريخ الاستحقاق,رقم الفاتورة,المبلغ المتبقي,العملة\n{ADA},١٥/١٢/٢٠٢٦,R1,١٬٢٥٠٫٥٠,SAR\n",
            [("2026-12-15", "R1", "1250.50", "SAR", "open")],
            id="Arabic: digits and signs of its own, written as ours",
        ),
        pytest.param(
            f"Rechnung;E-Mail;Fällig am;Offen\nR1;{ADA};15.12.2026;CHF 1’250.50\nR2;{BEN};31.12.2026;CHF 1'000.-\n",
            [("2026-12-15", "R1", "1250.50", "CHF", "open"), ("2026-12-31", "R2", "1000.00", "CHF", "open")],
            id="Swiss: either apostrophe, a dash for the cents",
        ),
        pytest.param(
            f"email,due,ref,amount\n{ADA},12/15/2026 12:00:00 AM,R1,5\n{BEN},12/16/2026 11:59:00 PM,R2,5\n",
            [("2026-12-15", "R1", "5", None, "open"), ("2026-12-16", "R2", "5", None, "open")],
            id="halves of the day",
        ),
        pytest.param(
            f"email,due,ref,amount,Cancelled,Paid\n{ADA},2026-12-15,R1,5,No,No\n{ADA},2026-12-15,R2,5,Yes,No\n"
            f"{ADA},2026-12-15,R3,5,,Yes\n",
            [
                ("2026-12-15", "R1", "5", None, "open"),
                ("2026-12-15", "R2", "5", None, "void"),
                ("2026-12-15", "R3", "5", None, "paid"),
            ],
            id="two columns of yes and no",
        ),
        pytest.param(
            f"email,due,ref,Total,Balance,Paid\n{ADA},2026-12-15,R1,120.50,70.50,50.00\n",
            [("2026-12-15", "R1", "70.50", None, "open")],
            id="what was paid, beside what remains",
        ),
    ],
)
def test_a_list_is_read_by_the_names_of_its_columns(
    tmp_path: Path, text: str, expected: list[tuple[object, ...]]
) -> None:
    assert said(written(tmp_path, text)) == expected


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("email;due;ref\na@b.example;15.12.;R1\n", "columns", "15.12. has no year"),
        ("email,due,ref\na@b.example,1448/06/15,R1\n", "columns", "Islamic calendar"),
        ("email,due,ref,amount,Left to come open\na@b.example,2026-12-15,R1,5,3\n", "columns", "what remains"),
        ("email,due,ref,Total,Paid\na@b.example,2026-12-15,R1,9,5.00\n", "columns", "Paid: holds amounts"),
        ("email,due,ref,type\na@b.example,2026-12-15,R1,XA\na@b.example,2026-12-15,R2,XB\n", "status", "XA, XB"),
        ("email,due,ref,Paid\na@b.example,2026-12-15,R1,perhaps\n", "status", "perhaps"),
        ("email,due,ref,Status,Payment status\na@b.example,2026-12-15,R1,Active,unpaid\n", "columns", "Payment status"),
        ("email,due 1,due 2,ref\na@b.example,2026-12-15,2027-01-15,R1\n", "columns", "due 1, due 2"),
        ('email,due,ref,amount\na@b.example,2026/12/15,R1,"¥1,250"\n', "currency", "several currencies"),
        ("email,due,ref,amount,currency\na@b.example,2026-12-15,R1,1.250,EUR\nb@b.example,2026-12-15,R2,12.345,KWD\n",
         "decimal", "1.250 or 1250"),
        ("email;due;ref\na@b.example;15.12.26;R1\n", "dates", "--dates dmy or --dates ymd"),
    ],
)  # fmt: skip
def test_what_a_list_leaves_open_is_asked_for(tmp_path: Path, text: str, code: str, words: str) -> None:
    with pytest.raises(ListRefused) as refused:
        rows(written(tmp_path, text))

    assert codes(refused.value) >= {code}
    assert words in str(refused.value)


HEAD = "Customer Email,Invoice,Due date"


@pytest.mark.parametrize(
    ("heads", "cells", "code", "words"),
    [
        *(
            pytest.param(f"Amount,{head}", "120.50,100.50", "columns", "what remains is owed", id=f"paid: {head}")
            for head in (
                *("Amount Paid (USD)", "Paid (USD)", "Received", "Payments/Credits", "Deposit", "Paid to Date ($)"),
                *("Anzahlung", "Acompte", "Recebido", "Ontvangen", "Innbetalt", "Zapłacono", "入金", "Оплачено"),
            )
        ),
        *(
            pytest.param(head, "12050", "unit", "no whole units", id=f"unit: {head}")
            for head in (
                *("Amount Due (cents)", "Amount (minor units)", "Balance (000s)", "Balance (k€)", "Balance (TEUR)"),
                *("Balance ('000)", "Amount (øre)", "Balance (lakhs)", "Outstanding (days)", "Balance (%)"),
            )
        ),
        ("amount_cents", "12050", "columns", "amount_cents may be the amount"),
        ("Customer balance total", "0.50", "columns", "Customer balance total may be the amount"),
        ("Currency Code,Remaining Amount (LCY)", "USD,120.50", "columns", "own currency"),
        ("Currency,Balance (base currency)", "USD,120.50", "columns", "own currency"),
        ("Debit,Credit", "120.50,9.90", "columns", "in Debit and in Credit"),
        ("Soll,Haben", "120.50,9.90", "columns", "in Soll and in Haben"),
        ("Amount,D/C", "120.50,C", "columns", "credits"),
        ("Betrag,Soll/Haben-Kennzeichen", "120.50,H", "columns", "credits"),
        ("Amount,Sign", "120.50,-", "columns", "credits"),
        ("Balance,Closed", "120.50,Yes", "columns", "Closed says yes"),
        ("Balance,Lettrage", "120.50,AA", "columns", "Lettrage says aa"),
        ("Balance,Clearing doc", "120.50,1400001", "columns", "Clearing doc says 1400001"),
        ("Balance,Stage", "120.50,Cancelled", "columns", "Stage says cancelled"),
        ("Amount incl. VAT,Amount excl. VAT", "119.00,100.00", "columns", "Amount incl. VAT may be the amount"),
        ("Balance,Extended due date", "120.50,2026-12-30", "columns", "each may be the due date"),
        ("Balance,Due on (new)", "120.50,30/12/2026", "columns", "may each be the due"),
        ("Amount,Amount payable now", "100.00,120.50", "columns", "what remains is owed"),
        *(
            pytest.param(heads, "120.50,20.50", "columns", "what remains", id=f"remains: {heads}")
            for heads in (
                *("Amount,To pay", "Betrag,Fälliger Betrag", "Montant,Créance", "Bedrag,Te vorderen", "Importe,Deuda"),
                *("Importo,Scoperto", "Valor,A receber", "Belopp,Återstår", "Beløb,Mangler", "Kwota,Zaległość"),
                *("Částka,Dluh", "Summa,Avoinna", "金额,欠款", "Total,Neachitat"),
            )
        ),
        ("Balance,Status,In dispute", "120.50,open,x", "columns", "In dispute says x"),
    ],
)
def test_a_column_that_may_change_what_is_owed_is_asked_about(
    tmp_path: Path, heads: str, cells: str, code: str, words: str
) -> None:
    with pytest.raises(ListRefused) as refused:
        rows(written(tmp_path, f"{HEAD},{heads}\n{ADA},R1,2026-12-15,{cells}\n"))

    assert codes(refused.value) == {code}
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("heads", "cells", "asked"),
    [
        ("Balance,Paid so far", "120.50,100.50", {}),
        ("Amount,Paid so far", "120.50,0.00", {}),
        ("Amount,Paid so far", "120.50,100.50", {"columns": ("amount=Amount",)}),
        ("Amount,Payment terms", "120.50,30", {}),
        ("Amount,VAT", "120.50,20.50", {}),
        ("Amount,Net", "120.50,100.50", {}),
        ("Amount,Line", "120.50,1", {}),
        ("Amount,Rank", "120.50,7", {}),
        ("Amount,Turnover", "120.50,1020.50", {}),
        ("Amount,Payment method", "120.50,credit", {}),
        ("Amount,Credit limit", "120.50,5000", {}),
        ("Amount,Notes", "120.50,paid", {}),
        ("Amount,Category", "120.50,C", {}),
        ("Balance,Stage", "120.50,Cancelled", {"status": ("cancelled=open",)}),
        ("Balance EUR", "120.50", {}),
        ("Balance,Due date again", "120.50,2026-12-15", {}),
        ("Balance,Overdue by days", "120.50,12", {}),
        ("Balance,Extended due date", "120.50,2026-12-30", {"columns": ("due=Due date",)}),
        ("Balance,VAT amount", "120.50,20.50", {}),
    ],
)
def test_a_column_that_changes_nothing_is_not_asked_about(
    tmp_path: Path, heads: str, cells: str, asked: dict[str, object]
) -> None:
    ((due, ref, amount, _, state),) = said(written(tmp_path, f"{HEAD},{heads}\n{ADA},R1,2026-12-15,{cells}\n"), **asked)

    assert (due, ref, amount, state) == ("2026-12-15", "R1", "120.50", "open")


def test_a_currency_that_differs_from_that_of_the_amounts_head_refuses_the_row(tmp_path: Path) -> None:
    text = f"{HEAD},Currency,Balance Due (EUR)\n{ADA},R1,2026-12-15,USD,120.50\n{BEN},R2,2026-12-31,EUR,99.90\n"

    assert said(written(tmp_path, text)) == [("currency",), ("2026-12-31", "R2", "99.90", "EUR", "open")]


@pytest.mark.parametrize("encoding", ["cp1251", "cp1253", "iso8859-2", "gbk"])
def test_a_reference_in_an_encoding_that_was_guessed_is_asked_about(tmp_path: Path, encoding: str) -> None:
    ref = {"cp1251": "СЧ-1", "cp1253": "ΤΙΜ-1", "iso8859-2": "Č-1", "gbk": "发票1"}[encoding]
    path = written(tmp_path, f"{HEAD},Balance\n{ADA},{ref},2026-12-15,120.50\n{BEN},R2,2026-12-15,5.00\n", encoding)

    assert said(path) == [("reference",), ("2026-12-15", "R2", "5.00", None, "open")]
    assert said(path, encoding=encoding)[0] == ("2026-12-15", ref, "120.50", None, "open")


def test_heads_in_an_encoding_that_was_guessed_ask_for_it(tmp_path: Path) -> None:
    path = written(tmp_path, f"Эл. почта;Номер счета;Срок оплаты\n{ADA};1;15.12.2026\n", "cp1251")

    with pytest.raises(ListRefused, match="cp1251"):
        rows(path)
    assert said(path, encoding="cp1251") == [("2026-12-15", "1", None, None, "open")]


@pytest.mark.parametrize("word", ["Vervallen", "Credit", "Deposit", "Payment", "Prepayment", "Order", "Refunded"])
def test_a_state_that_may_mean_that_it_is_owed_is_asked_about(tmp_path: Path, word: str) -> None:
    text = f"{HEAD},Balance,Status\n{ADA},R1,2026-12-15,5.00,open\n{BEN},R2,2026-12-15,5.00,{word}\n"

    with pytest.raises(ListRefused, match=f"{word}: not known as status"):
        rows(written(tmp_path, text))


@pytest.mark.parametrize("head", ["Status", "Storniert"])
def test_a_profile_without_states_asks_about_a_column_that_has_them(tmp_path: Path, head: str) -> None:
    text = f"Nr;E-Mail;Zahlbar bis;Offen;Referenz;{head}\n1;{ADA};15.12.2026;120.50;R1;Storniert\n"

    with pytest.raises(ListRefused, match=f"{head} says storniert"):
        rows(written(tmp_path, text), columns=("ref=Nr",))


@pytest.mark.parametrize(
    ("head", "word"),
    [("Tila", "Maksettu"), ("Durum", "Ödendi"), ("Статус", "Оплачен"), ("状态", "已付"), ("Betaalstatus", "Voldaan!")],
)
def test_states_in_a_language_whose_words_are_not_known_are_asked_about(tmp_path: Path, head: str, word: str) -> None:
    text = f"{HEAD},Balance,{head}\n{ADA},R1,2026-12-15,120.50,{word}\n"

    with pytest.raises(ListRefused, match=f"{word}: not known as status"):
        rows(written(tmp_path, text))


@pytest.mark.parametrize("more", [0, 600])
def test_an_amount_whose_thousands_fell_into_the_next_cell_is_refused(tmp_path: Path, more: int) -> None:
    rest = "".join(f"c{number}@example.com,M{number},2026-12-15,5,\n" for number in range(more))
    text = f"{HEAD},Balance,Note\n{ADA},R1,2026-12-15,1,250.50\n{BEN},R2,2026-12-15,1,250\n{rest}"

    assert said(written(tmp_path, text))[:2] == [("cells",), ("2026-12-15", "R2", "1", None, "open")]


def test_two_rows_that_only_a_reference_could_tell_apart_are_asked_about(tmp_path: Path) -> None:
    text = f"Email,Papers,Due date,Balance\n{ADA},F1,2026-12-15,5.00\n{ADA},F2,2026-12-15,5.00\n"

    with pytest.raises(ListRefused, match="two obligations, or one twice"):
        entries_of(written(tmp_path, text))
    assert len(entries_of(written(tmp_path, text), columns=("ref=Papers",)).of(0)) == 2


@pytest.mark.parametrize(
    ("head", "state"), [("Paid", "paid"), ("is_paid", "paid"), ("Storniert", "void"), ("isVoid", "void")]
)
def test_a_column_of_ones_and_zeros_says_yes_and_no(tmp_path: Path, head: str, state: str) -> None:
    text = f"{HEAD},Balance,{head}\n{ADA},R1,2026-12-15,120.50,0\n{BEN},R2,2026-12-31,99.90,1\n"

    assert [row[-1] for row in said(written(tmp_path, text))] == ["open", state]


@pytest.mark.parametrize("head", ["document_type", "DocumentType", "Document Type"])
def test_kinds_of_documents_are_known_by_heads_as_programmers_write_them(tmp_path: Path, head: str) -> None:
    text = f"{HEAD},Balance,{head}\n{ADA},R1,2026-12-15,120.50,invoice\n{BEN},R2,2026-12-31,99.90,credit\n"

    assert [row[-1] for row in said(written(tmp_path, text))] == ["open", "credit note"]


@pytest.mark.parametrize("head", ["Cleared", "Settled", "Paid?", "Erledigt", "Soldé"])
def test_more_columns_of_yes_and_no_say_that_it_is_paid(tmp_path: Path, head: str) -> None:
    text = f"{HEAD},Balance,{head}\n{ADA},R1,2026-12-15,120.50,\n{BEN},R2,2026-12-31,99.90,X\n"

    assert [row[-1] for row in said(written(tmp_path, text))] == ["open", "paid"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "cp1252"])
def test_a_spreadsheets_unicode_text_is_read(tmp_path: Path, encoding: str) -> None:
    text = f"Factuurnummer\tRelatie\tE-mail\tVervaldatum\tOpenstaand bedrag\r\n1\tZoë\t{ADA}\t15-12-2026\t1.250,50\r\n"

    assert said(written(tmp_path, text, encoding)) == [("2026-12-15", "1", "1250.50", None, "open")]


def test_wide_characters_without_a_mark_are_read_where_the_encoding_is_given(tmp_path: Path) -> None:
    path = written(tmp_path, f"email,due,ref\n{ADA},2026-12-15,R1\n", "utf-16-le")

    assert said(path, encoding="utf-16-le") == [("2026-12-15", "R1", None, None, "open")]
    with pytest.raises(ListRefused, match="NUL"):
        rows(path)


@pytest.mark.parametrize(
    ("text", "match", "expected"),
    [
        pytest.param(
            "Posting Date,Party Type,Party,Voucher Type,Voucher No,Due Date,Invoiced Amount,Paid Amount,Credit Note,"
            "Outstanding Amount,Age (Days),Currency\n"
            "2026-11-01,Customer,C-1,Sales Invoice,SINV-1,2026-12-15,220.5,100.0,0.0,120.5,28,EUR\n"
            "2026-11-01,Customer,C-1,Payment Entry,PE-1,2026-11-01,0.0,20.0,0.0,20.0,28,EUR\n"
            "2026-11-01,Customer,C-1,Sales Invoice,SINV-2,2026-12-15,-50.0,0.0,0.0,-50.0,28,EUR\n"
            ",,Total,,,,170.5,120.0,0.0,90.5,,\n",
            ("employeeId",),
            [("2026-12-15", "SINV-1", "120.5", "EUR", "open"), ("payment",), ("credit",), ("group or total",)],
            id="ERPNext: the report of receivables",
        ),
        pytest.param(
            "ID,Customer,Contact Email,Payment Due Date,Outstanding Amount,Currency,Status\n"
            f"SINV-1,Ada,{ADA},2026-12-15,120.5,EUR,Partly Paid\n"
            f"SINV-2,Ada,{ADA},2026-12-15,5,EUR,Internal Transfer\n",
            (),
            [("2026-12-15", "SINV-1", "120.5", "EUR", "open"), ("internal transfer",)],
            id="ERPNext: invoices",
        ),
        pytest.param(
            "Number,Partner,Partner/Email,Due Date,Amount Due,Currency,Payment Status\n"
            f"INV/2026/00001,Ada,{ADA},2026-12-15,120.50,EUR,Not Paid\n"
            f"RINV/2026/00001,Ada,{ADA},2026-12-15,50.00,EUR,Not Paid\n",
            (),
            [("2026-12-15", "INV/2026/00001", "120.50", "EUR", "open"), ("credit note",)],
            id="Odoo: invoices, credit notes without a minus",
        ),
        pytest.param(
            "Account;Document Number;Assignment;Document Type;Document Date;Net due date;"
            "Amount in local currency;Local Currency\n"
            "10001;1800001;x;RV;01.11.2026;15.12.2026;1.120,50;EUR\n10001;1800002;x;DG;01.11.2026;15.12.2026;50,00-;EUR\n",
            ("employeeId",),
            [("2026-12-15", "1800001", "1120.50", "EUR", "open"), ("credit note",)],
            id="SAP: a grid saved as a spreadsheet",
        ),
    ],
)
def test_a_program_writes_more_than_one_list(
    tmp_path: Path, text: str, match: tuple[str, ...], expected: list[tuple[object, ...]]
) -> None:
    assert said(written(tmp_path, text), match=match) == expected


@pytest.mark.parametrize("code", ["BGN", "HRK", "ANG", "CUC", "SLL", "ZWL", "VEF", "BYR", "MRO", "STD", "EEK"])
def test_a_currency_that_has_gone_is_read_as_the_list_says(tmp_path: Path, code: str) -> None:
    """Bulgaria has the euro since 2026, Croatia since 2023, Curacao XCG since 2025."""
    found = said(written(tmp_path, f"email,due,ref,amount,currency\n{ADA},2026-12-15,R1,120.50,{code}\n"))

    assert found == [("2026-12-15", "R1", "120.50", code, "open")]
    assert code not in CODES


def test_an_amount_in_a_column_that_is_called_open_does_not_say_that_it_is_paid(tmp_path: Path) -> None:
    rows_ = f"{ADA},R1,2026-12-15,20.00,20.00\n{BEN},R2,2026-12-15,5.00,0\n"
    expected = [("2026-12-15", "R1", "20.00", None, "open"), ("2026-12-15", "R2", "5.00", None, "open")]

    assert said(written(tmp_path, f"{HEAD},Balance,Open\n{rows_}")) == expected
    assert said(written(tmp_path, f"{HEAD},Balance,Outstanding\n{rows_}"), columns=("amount=Balance",)) == expected


@pytest.mark.parametrize(("cell", "state"), [("1", "open"), ("0", "paid"), ("Ja", "open"), ("Nein", "paid")])
def test_a_column_that_is_called_open_says_yes_or_no(tmp_path: Path, cell: str, state: str) -> None:
    text = f"{HEAD},Balance,Open\n{ADA},R1,2026-12-15,20.00,{cell}\n"

    assert said(written(tmp_path, text)) == [("2026-12-15", "R1", "20.00", None, state)]


@pytest.mark.parametrize("head", ["Cleared", "Ausgeglichen", "Paid"])
@pytest.mark.parametrize("amount", ["Balance", "Amount"])
def test_days_in_a_column_of_yes_and_no_are_asked_about(tmp_path: Path, head: str, amount: str) -> None:
    text = f"{HEAD},{amount},{head}\n{ADA},R1,2026-12-15,20.00,\n{BEN},R2,2026-12-15,5.00,2026-11-15\n"

    with pytest.raises(ListRefused, match=f'column {head}: holds days.*"Paid on"'):
        entries_of(written(tmp_path, text))


@pytest.mark.parametrize("head", ["VAT", "Net", "Discount", "Paid so far"])
def test_a_whole_amount_beside_another_column_of_money_is_not_cut(tmp_path: Path, head: str) -> None:
    text = f"{HEAD},Balance,{head}\n{ADA},R1,2026-12-15,750,119.75\n"

    assert said(written(tmp_path, text)) == [("2026-12-15", "R1", "750", None, "open")]


@pytest.mark.parametrize(
    ("head", "cells"),
    [
        ("VIP", ("0", "1")),
        ("Dunning level", ("0", "2")),
        ("Base imponible", ("10.00", "4.50")),
        ("Imponibile", ("10.00", "4.50")),
        ("Základ", ("10.00", "4.50")),
        ("DPH", ("2.10", "0.50")),
        ("FX", ("0.92", "1.00")),
        ("Hours", ("1.50", "2.00")),
        ("Betalingstermijn", ("30", "14")),
        ("Betalningsvillkor", ("30", "14")),
        ("Betalingsbetingelser", ("30", "14")),
        ("Plazo de pago", ("30", "14")),
        ("Maksuehto", ("30", "14")),
        ("Betalningsreferens", ("1001", "1002")),
        ("Cancellation fee", ("1.00", "2.00")),
        ("Current", ("120.50", "0.00")),
        ("31-60", ("0.00", "99.90")),
        ("> 60", ("0.00", "99.90")),
        ("Payable to", ("Acme", "Acme")),
        ("Settlement currency", ("EUR", "SEK")),
    ],
)
def test_what_is_no_payment_no_part_and_no_state_is_not_asked_about(
    tmp_path: Path, head: str, cells: tuple[str, str]
) -> None:
    one, other = cells
    text = f"{HEAD},Amount,{head}\n{ADA},R1,2026-12-15,120.50,{one}\n{BEN},R2,2026-12-20,99.90,{other}\n"

    assert [row[2:] for row in said(written(tmp_path, text))] == [("120.50", None, "open"), ("99.90", None, "open")]


@pytest.mark.parametrize("cells", [("0", "10"), ("50.00", "9.00"), ("120.50", "5")])
def test_a_part_of_the_amount_is_asked_about_whatever_it_is_called(tmp_path: Path, cells: tuple[str, str]) -> None:
    one, other = cells
    text = f"{HEAD},Amount,Xyz\n{ADA},R1,2026-12-15,120.50,{one}\n{BEN},R2,2026-12-20,99.90,{other}\n"

    with pytest.raises(ListRefused, match="Xyz what remains or was paid of it"):
        entries_of(written(tmp_path, text))


@pytest.mark.parametrize("head", ["Settlement date", "Payment date", "Clearing date"])
def test_a_day_of_payment_that_is_still_to_come_says_not_that_it_is_paid(tmp_path: Path, head: str) -> None:
    days = ("2026-11-28", "2026-11-30", "2026-12-01", "")
    rows_ = "".join(f"{ADA},R{number},2026-12-15,9.00,{day}\n" for number, day in enumerate(days))

    found = said(written(tmp_path, f"{HEAD},Amount,{head}\n{rows_}"))

    assert [row[-1] for row in found] == ["paid", "paid", "date", "open"]


BALANCES = "Invoice,Email,Due Date,Balance\n"


@pytest.mark.parametrize("placeholder", ["", "-", "--", "n/a", "N/A", "none", "NULL", "0", "000", "?", "\u2014"])
def test_two_rows_alike_whose_references_say_nothing_are_asked_about(tmp_path: Path, placeholder: str) -> None:
    """A column of references does not help the rows that have none: the second would never be notified."""
    row = f"{placeholder},{ADA},2026-12-15,120.50\n"
    path = written(tmp_path, f"{BALANCES}{row}{row}I-9,{ADA},2026-12-15,7.00\n")
    with pytest.raises(ListRefused, match="lines 2 and 3 say the same customer, due date and amount"):
        entries_of(path)


def test_a_reference_that_says_nothing_is_none(tmp_path: Path) -> None:
    text = f"-,{ADA},2026-12-15,120.50\nn/a,{BEN},2026-12-15,7.00\nNA-1,{BEN},2026-12-15,8.00\n"
    path = written(tmp_path, BALANCES + text)

    assert [row[1] for row in said(path)] == ["", "", "NA-1"]


@pytest.mark.parametrize(
    "error",
    ["#REF!", "#N/A", "#NV", "#NAME?", "#VALUE!", "#DIV/0!", "#BEZUG!", "#\u00a1REF!", "#N/D", "########", "Err:508"],
)
def test_an_error_of_a_spreadsheet_is_no_reference_and_no_customer(tmp_path: Path, error: str) -> None:
    text = f"{error},{ADA},2026-12-15,120.50\nI-1,{error},2026-12-15,7.00\n#12,{BEN},2026-12-15,8\n"
    path = written(tmp_path, BALANCES + text)

    assert said(path) == [("reference",), ("customer",), ("2026-12-15", "#12", "8", None, "open")]


def test_who_is_meant_is_the_address_alone(tmp_path: Path) -> None:
    cells = [f"Ada <{ADA}>", f"MAILTO:{ADA}", f"\u200b{ADA}\u202c", f'"=""{ADA}"""', f"{NBSP}{ADA} "]
    path = written(tmp_path, BALANCES + "".join(f"I-{at},{cell},2026-12-15,8\n" for at, cell in enumerate(cells)))
    assert entries_of(path).customers == 1
    assert {row.customer for row in rows(path) if isinstance(row, Entry)} == {ADA}


@pytest.mark.parametrize(
    "again",
    [
        "Invoice,Email,Due Date,Balance,Total",
        " INVOICE ,email,Due date,Balance,Total,",
        "\ufeffInvoice,Email,Due Date,,",
    ],
)
def test_the_head_of_a_further_page_is_no_row(tmp_path: Path, again: str) -> None:
    heads = "Invoice,Email,Due Date,Balance,Total"
    text = f"{heads}\nI-1,{ADA},2026-12-15,7.00,9.00\n{again}\nI-2,{BEN},2026-12-15,8.00,9.00\n"

    assert [row[0] for row in said(written(tmp_path, text))] == ["2026-12-15", "head", "2026-12-15"]


@pytest.mark.parametrize(
    "other",
    [
        "Invoice,Email,Due Date,Total,Balance",
        "Invoice,Email,Due Date,Net,Balance",
        "Email,Invoice,DUE DATE,Balance,Total",
    ],
)
def test_a_head_with_its_columns_in_another_order_refuses_the_list(tmp_path: Path, other: str) -> None:
    """Two exports in one file: by the first head the second one's amounts and days would be others."""
    heads = "Invoice,Email,Due Date,Balance,Total"
    text = f"{heads}\nI-1,{ADA},2026-12-15,7.00,9.00\n{other}\nI-2,{BEN},2026-12-15,9.00,8.00\n"

    with pytest.raises(ListRefused, match="line 3: is another head"):
        rows(written(tmp_path, text))


def test_a_customer_whose_name_begins_like_a_total_is_no_total(tmp_path: Path) -> None:
    text = (
        f"Name,Email,Invoice,Due Date,Balance\nTotal Energies,{ADA},I-1,,99.90\nSumme GmbH,{ADA},I-2,31.02.2026,4.00\n"
        f"Total Energies,{ADA},,,99.90\nTotal Ada,,,,103.90\nAda,{BEN},I-3,2026-12-15,5.00\nTotal,,,,300\n"
    )

    kinds = [row[0] for row in said(written(tmp_path, text))]
    assert kinds == ["no due date", "date", "no due date", "group or total", "2026-12-15", "group or total"]


@pytest.mark.parametrize("amount", ["20,50", "1,250.50", "0,5"])
def test_an_amount_that_goes_on_below_no_head_is_cut(tmp_path: Path, amount: str) -> None:
    text = f"Invoice,Email,Due Date,Balance,\nI-1,{ADA},2026-12-15,{amount}\nI-2,{BEN},2026-12-15,7,\n"

    assert said(written(tmp_path, text)) == [("cells",), ("2026-12-15", "I-2", "7", None, "open")]


@pytest.mark.parametrize(
    "row", ['"I-1;{};2026-12-15;120,50"', '"I-1;{};2026-12-15;120,50";;;', "I-1\t{}\t2026-12-15\t120,50"]
)
def test_a_whole_row_in_one_cell_is_no_heading(tmp_path: Path, row: str) -> None:
    """A spreadsheet puts a row in quotes that was edited as text; taken for a heading it would be lost."""
    text = (
        f"Invoice;Email;Due Date;Balance\n{row.format(ADA)}\nI-2;{BEN};2026-12-15;5,00\nAda; ;;\nof 2026-12-15, all\n"
    )
    path = written(tmp_path, text)

    kinds = [row[0] for row in said(path)]
    assert kinds == ["cells", "2026-12-15", "group or total", "group or total"]
    assert entries_of(path).of_unknown


@pytest.mark.parametrize(
    ("head", "states"),
    [("Paid?", ["paid", "open"]), ("Open?", ["open", "paid"]), ("Cancelled?", ["void", "open"])],
)
def test_a_head_may_ask(tmp_path: Path, head: str, states: list[str]) -> None:
    text = f"Invoice,Email,Due Date,Balance,{head}\nI-1,{ADA},2026-12-15,5,Yes\nI-2,{BEN},2026-12-15,5,No\n"

    assert [row[4] for row in said(written(tmp_path, text))] == states


STATED = f"Email,Due,Ref,Balance,Status\n{ADA},2026-12-31,R1,1.25,open\n"


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (",,,,", "blank"),
        ("Total,,,1.25,", "group or total"),
        (f"{BEN},,R2,1.25,on ice", "no due date"),
        (f"{BEN},n/a,R2,1.25,on ice", "no due date"),
        (f"{BEN},soon,R2,1.25,on ice", "date"),
        ("EMAIL,DUE,REF,BALANCE,STATUS", "head"),
    ],
)
def test_nobody_asks_what_the_state_of_a_row_without_a_due_date_means(tmp_path: Path, row: str, kind: str) -> None:
    path = written(tmp_path, f"{STATED}{row}\n")

    assert [found[0] for found in said(path)] == ["2026-12-31", kind]
    assert entries_of(path).customers == 1


@pytest.mark.parametrize(
    "footer",
    ["Berlin, 24.11.2026;;;", "Page 1 | 2026-12-30;;;", '"Period: 2026-11-01, 2026-11-30";;;'],
)
def test_a_footer_with_a_day_is_no_row(tmp_path: Path, footer: str) -> None:
    """Of a row that cannot be read nobody knows whose it is, and then nothing would be cleared."""
    path = written(tmp_path, f"Email;Due;Ref;Balance\n{ADA};2026-12-31;R1;1,25\n{footer}\n")

    assert [found[0] for found in said(path)] == ["2026-12-31", "group or total"]
    assert not entries_of(path).of_unknown


@pytest.mark.parametrize(
    ("head", "total"),
    [
        ("Name,Email,Due,Ref,Balance", "Total,,,1,1.25"),
        ("Email,Due,Ref,Balance", ",Total,1 invoice,1.25"),
        ("Email,Due,Ref,Balance", "Total: ,,2 invoices,1.25"),
    ],
)
def test_a_total_may_count_its_rows(tmp_path: Path, head: str, total: str) -> None:
    row = f"{'Ada,' if head.startswith('Name') else ''}{ADA},2026-12-31,R1,1.25"

    assert [found[0] for found in said(written(tmp_path, f"{head}\n{row}\n{total}\n"))] == [
        "2026-12-31",
        "group or total",
    ]


def test_a_name_keeps_the_characters_that_it_is_spelt_with(tmp_path: Path) -> None:
    """The directory has them, too, and a name that lacks them is another one."""
    name = "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"
    path = written(tmp_path, f"Customer,Due,Balance\n{name},2026-12-31,1.25\n")

    assert [row.customer for row in rows(path, columns=("customer=Customer",)) if isinstance(row, Entry)] == [name]
