from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta, tzinfo
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from due_notices.currencies import DECIMALS
from due_notices.model import Obligation, Status
from due_notices.obligations import MAX_CHARACTERS, NO_END, Fault, Malformed, parse_obligation
from tests.factories import at, obligation_json, on

LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
AUCKLAND = ZoneInfo("Pacific/Auckland")
ZONES = [UTC, LONDON, NEW_YORK, AUCKLAND, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Pacific/Kiritimati")]

TODAY = on("2026-11-30")


def parse(value: object, zone: tzinfo = UTC, today: date = TODAY) -> Obligation:
    return parse_obligation(value, zone, today)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-12-01", Obligation(on("2026-12-01"))),
        ("2028-02-29", Obligation(on("2028-02-29"))),
        ("1970-01-01", Obligation(on("1970-01-01"))),
        ("2076-11-30", Obligation(on("2076-11-30"))),  # fifty years ahead
        # never
        ("9999-12-31", Obligation(on("9999-12-31"))),
        ("9999-01-01T12:00:00+14:00", Obligation(on("9999-01-01"))),
        ("9999-12-31T23:59:59-23:00", Obligation(on("9999-12-31"))),
        # the last minute of a day in UTC
        ("2026-12-01T23:59Z", Obligation(on("2026-12-01"))),
        ("2026-12-01T23:59:00Z", Obligation(on("2026-12-01"))),
        ("2026-12-01T23:59:59.9999999+00:00", Obligation(on("2026-12-01"))),
        # local date-times
        ("2026-12-01T00:00:00", Obligation(on("2026-12-01"))),
        ("2026-12-01T23:30", Obligation(on("2026-12-01"))),
        (' {"due":"2026-12-01"}', Obligation(on("2026-12-01"))),
        # other fields are others' business
        ('{"due":"2026-12-01","paid":true,"note":7,"":""}', Obligation(on("2026-12-01"))),
        ("2026-12-01T00:00:00Z", Obligation(on("2026-12-01"))),
        ("2026-12-01T00:00Z", Obligation(on("2026-12-01"))),
        ("2026-12-01T00:00:00.000Z", Obligation(on("2026-12-01"))),
        ("2026-12-01T00:00:00.000000000Z", Obligation(on("2026-12-01"))),
        ("2026-12-01T00:00:00+00:00", Obligation(on("2026-12-01"))),
        ("2026-12-01T00:00:00-00:00", Obligation(on("2026-12-01"))),
        ("2026-12-01T12:30:15.5+05:45", Obligation(on("2026-12-01"))),
        ('{"due":"2026-12-01"}', Obligation(on("2026-12-01"))),
        ('{"due":"2026-12-01T00:00:00Z"}', Obligation(on("2026-12-01"))),
        ('{ "due" : "2026-12-01" }\n', Obligation(on("2026-12-01"))),
        ('{"due":"2026-12-01","ref":"INV-1001"}', Obligation(on("2026-12-01"), "INV-1001")),
        ('{"due":"2026-12-01","ref":""}', Obligation(on("2026-12-01"))),
        ('{"due":"2026-12-01","ref":" \u00a0"}', Obligation(on("2026-12-01"))),
        (
            '{"due":"2026-12-01","ref":"Rechnung Nr. 7 – Süd 🏠"}',
            Obligation(on("2026-12-01"), "Rechnung Nr. 7 – Süd 🏠"),
        ),
        ('{"due":"2026-12-01","ref":"\\u00fc\\ud83c\\udfe0"}', Obligation(on("2026-12-01"), "ü🏠")),
        ('{"due":"2026-12-01","amount":"120.50"}', Obligation(on("2026-12-01"), amount="120.50")),
        ('{"due":"2026-12-01","amount":"0"}', Obligation(on("2026-12-01"), amount="0")),
        (
            '{"due":"2026-12-01","amount":"123456789012345.67"}',
            Obligation(on("2026-12-01"), amount="123456789012345.67"),
        ),
        ('{"due":"2026-12-01","currency":"EUR"}', Obligation(on("2026-12-01"), currency="EUR")),
        ('{"due":"2026-12-01","status":"open"}', Obligation(on("2026-12-01"))),
        ('{"due":"2026-12-01","status":"paid"}', Obligation(on("2026-12-01"), status="paid")),
        ('{"due":"2026-12-01","status":"void"}', Obligation(on("2026-12-01"), status="void")),
        ('{"due":"2026-12-01","status":"disputed"}', Obligation(on("2026-12-01"), status="disputed")),
        (
            '{"due":"2026-12-01","pausedUntil":"2026-12-10"}',
            Obligation(on("2026-12-01"), paused_until=on("2026-12-10")),
        ),
        (
            '{"due":"2026-12-01","pausedUntil":"2026-12-10T23:59:59Z"}',
            Obligation(on("2026-12-01"), paused_until=on("2026-12-10")),
        ),
        (
            '{"due":"2026-12-01","pausedUntil":"0001-01-01T00:00:00"}',  # what some systems write for none
            Obligation(on("2026-12-01"), paused_until=on("0001-01-01")),
        ),
        (
            '{"due":"2026-12-01","ref":null,"amount":null,"currency":null,"status":null,"pausedUntil":null}',
            Obligation(on("2026-12-01")),
        ),
        *(
            (obligation_json(ref=blank, amount="5"), Obligation(on("2026-12-01"), amount="5"))
            for blank in ("", "  ", "\u00a0", "\u200b", "\u2060 \ufeff", "\u2028", "\ue000")
        ),
        (
            obligation_json(ref="INV-1001", amount="120.50", currency="EUR", status="open", pausedUntil="2026-12-10"),
            Obligation(on("2026-12-01"), "INV-1001", "120.50", "EUR", "open", on("2026-12-10")),
        ),
    ],
)
def test_it_accepts(value: str, expected: Obligation) -> None:
    assert parse(value) == expected


MALFORMED: list[tuple[object, Fault]] = [
    # wrong types
    (None, Fault.NOT_TEXT),
    (20261201, Fault.NOT_TEXT),
    (1764547200.0, Fault.NOT_TEXT),
    (False, Fault.NOT_TEXT),
    ([], Fault.NOT_TEXT),
    (["2026-12-01"], Fault.NOT_TEXT),
    ({"due": "2026-12-01"}, Fault.NOT_TEXT),
    (date(2026, 12, 1), Fault.NOT_TEXT),
    (b"2026-12-01", Fault.NOT_TEXT),
    # dates written otherwise
    ("", Fault.DATE_FORM),
    (" ", Fault.DATE_FORM),
    ("tomorrow", Fault.DATE_FORM),
    ("20261201", Fault.DATE_FORM),
    ("2026-12", Fault.DATE_FORM),
    ("2026-12-1", Fault.DATE_FORM),
    ("2026-W49-2", Fault.DATE_FORM),
    ("2026-335", Fault.DATE_FORM),
    ("01.12.2026", Fault.DATE_FORM),
    ("12/01/2026", Fault.DATE_FORM),
    ("2026/12/01", Fault.DATE_FORM),
    ("-2026-12-01", Fault.DATE_FORM),
    ("+2026-12-01", Fault.DATE_FORM),
    ("02026-12-01", Fault.DATE_FORM),
    (" 2026-12-01", Fault.DATE_FORM),
    ("2026-12-01 ", Fault.DATE_FORM),
    ("2026-12-01\n", Fault.DATE_FORM),
    ("2026-12-01\x00", Fault.DATE_FORM),
    ("２０２６-１２-０１", Fault.DATE_FORM),  # full-width digits
    ("٢٠٢٦-١٢-٠١", Fault.DATE_FORM),
    ("2026‑12‑01", Fault.DATE_FORM),  # non-breaking hyphens
    ("\ud800", Fault.DATE_FORM),
    # date-times written otherwise
    ("2026-12-01 00:00:00Z", Fault.DATE_FORM),
    ("2026-12-01t00:00:00z", Fault.DATE_FORM),
    ("2026-12-01T24:00:00Z", Fault.DATE_FORM),
    ("2026-12-01T00Z", Fault.DATE_FORM),
    ("2026-12-01T00:00:00.Z", Fault.DATE_FORM),
    ("2026-12-01T00:00:00,5Z", Fault.DATE_FORM),
    ("2026-12-01T00:00:00+0100", Fault.DATE_FORM),
    ("2026-12-01T00:00:00+01", Fault.DATE_FORM),
    ("2026-12-01T00:00:00+01:60", Fault.DATE_FORM),
    ("2026-12-01T00:00:00+24:00", Fault.DATE_FORM),
    ("2026-12-01T00:00:00Z[UTC]", Fault.DATE_FORM),
    # what does not exist
    ("2026-02-29", Fault.NO_SUCH_DATE),
    ("2026-13-01", Fault.NO_SUCH_DATE),
    ("2026-00-10", Fault.NO_SUCH_DATE),
    ("2026-11-31", Fault.NO_SUCH_DATE),
    ("0000-01-01", Fault.NO_SUCH_DATE),
    ("2026-02-29T00:00:00Z", Fault.NO_SUCH_DATE),
    ("2026-12-01T10:60:00Z", Fault.NO_SUCH_DATE),
    ("2026-12-01T23:59:60Z", Fault.NO_SUCH_DATE),
    # years that must be typing errors
    ("1969-12-31", Fault.YEAR),
    ("3000-01-01", Fault.YEAR),
    ("0026-12-01", Fault.YEAR),
    ("2076-12-01", Fault.YEAR),
    ("9998-12-31", Fault.YEAR),
    ("2569-12-02", Fault.YEAR),
    ("2206-12-02", Fault.YEAR),
    ("2083-08-30", Fault.YEAR),
    ("0001-01-01T00:00:00+23:00", Fault.YEAR),
    ("1969-12-31T23:00:00Z", Fault.YEAR),
    ("3000-01-01T00:00:00Z", Fault.YEAR),
    # JSON that is none
    ("{", Fault.NOT_JSON),
    ("{}x", Fault.NOT_JSON),
    ("{'due':'2026-12-01'}", Fault.NOT_JSON),
    ('{"due":"2026-12-01"', Fault.NOT_JSON),
    ('{"due":"2026-12-01",}', Fault.NOT_JSON),
    ('{"due":"2026-12-01"}{"due":"2026-12-02"}', Fault.NOT_JSON),
    ('{"due":"2026-12-01","ref":"a\nb"}', Fault.NOT_JSON),
    ('{"due":' + "[" * 240, Fault.NOT_JSON),
    ('[{"due":"2026-12-01"}]', Fault.DATE_FORM),
    ('"2026-12-01"', Fault.DATE_FORM),
    ('\ufeff{"due":"2026-12-01"}', Fault.DATE_FORM),
    ('{"due":NaN}', Fault.NOT_JSON),
    ('{"due":"2026-12-01","amount":-Infinity}', Fault.NOT_JSON),
    # JSON with other fields
    ("{}", Fault.NO_DUE),
    ('{"due":null}', Fault.NO_DUE),
    ('{"ref":"INV-1001"}', Fault.NO_DUE),
    ('{"due":"2026-12-01","due":"2026-12-01"}', Fault.FIELD_TWICE),
    ('{"due":"2026-12-01","status":"paid","status":"open"}', Fault.FIELD_TWICE),
    ('{"due":"2026-12-01","ref":{"a":1,"a":2}}', Fault.FIELD_TWICE),
    ('{"due":"2026-12-01","Ref":"INV-1001"}', Fault.FIELD_NAME),
    ('{"due":"2026-12-01","paused_until":"2026-12-10"}', Fault.FIELD_NAME),
    ('{"due":"2026-12-01","paused-until":"2026-12-10"}', Fault.FIELD_NAME),
    ('{"due":"2026-12-01","pauseduntil":"2026-12-10"}', Fault.FIELD_NAME),
    ('{"due":"2026-12-01","STATUS":"paid"}', Fault.FIELD_NAME),
    ('{"due":"2026-12-01","Amount":null}', Fault.FIELD_NAME),
    ('{"Due":"2026-12-01"}', Fault.FIELD_NAME),
    ('{"due":"2026-12-01","status":"paid","_ref":"INV-1001"}', Fault.FIELD_NAME),
    # fields of other types
    ('{"due":20261201}', Fault.FIELD_TYPE),
    ('{"due":["2026-12-01"]}', Fault.FIELD_TYPE),
    ('{"due":"2026-12-01","ref":1001}', Fault.FIELD_TYPE),
    ('{"due":"2026-12-01","ref":false}', Fault.FIELD_TYPE),
    ('{"due":"2026-12-01","amount":120.5}', Fault.FIELD_TYPE),
    ('{"due":"2026-12-01","amount":0}', Fault.FIELD_TYPE),
    ('{"due":"2026-12-01","amount":1e999}', Fault.FIELD_TYPE),
    ('{"due":"2026-12-01","currency":978}', Fault.FIELD_TYPE),
    ('{"due":"2026-12-01","status":true}', Fault.FIELD_TYPE),
    ('{"due":"2026-12-01","pausedUntil":{}}', Fault.FIELD_TYPE),
    # fields written otherwise
    ('{"due":""}', Fault.DATE_FORM),
    ('{"due":"1 Dec 2026"}', Fault.DATE_FORM),
    ('{"due":"2026-02-29"}', Fault.NO_SUCH_DATE),
    ('{"due":"2026-12-01","pausedUntil":""}', Fault.DATE_FORM),
    ('{"due":"2026-12-01","pausedUntil":"2026-11-31"}', Fault.NO_SUCH_DATE),
    ('{"due":"2026-12-01","status":""}', Fault.STATUS),
    ('{"due":"2026-12-01","status":"Paid"}', Fault.STATUS),
    ('{"due":"2026-12-01","status":"overdue"}', Fault.STATUS),
    ('{"due":"2026-12-01","amount":""}', Fault.AMOUNT_FORM),
    ('{"due":"2026-12-01","amount":"120,50"}', Fault.AMOUNT_FORM),
    ('{"due":"2026-12-01","amount":"+5"}', Fault.AMOUNT_FORM),
    ('{"due":"2026-12-01","amount":"--5"}', Fault.AMOUNT_FORM),
    ('{"due":"2026-12-01","amount":"−5"}', Fault.AMOUNT_FORM),  # a minus sign that is no hyphen
    ('{"due":"2026-12-01","amount":"٥"}', Fault.AMOUNT_FORM),
    ('{"due":"2026-12-01","amount":"1e3"}', Fault.AMOUNT_FORM),
    ('{"due":"2026-12-01","amount":".50"}', Fault.AMOUNT_FORM),
    ('{"due":"2026-12-01","amount":"1."}', Fault.AMOUNT_FORM),
    ('{"due":"2026-12-01","amount":"1.23456"}', Fault.AMOUNT_DECIMALS),
    ('{"due":"2026-12-01","amount":"1.234"}', Fault.AMOUNT_DECIMALS),
    ('{"due":"2026-12-01","amount":"1.230","currency":"EUR"}', Fault.AMOUNT_DECIMALS),
    ('{"due":"2026-12-01","amount":"-1.000","currency":"EUR"}', Fault.AMOUNT_DECIMALS),
    ('{"due":"2026-12-01","amount":"12000.50","currency":"JPY"}', Fault.AMOUNT_DECIMALS),
    ('{"due":"2026-12-01","amount":"12.000","currency":"JPY"}', Fault.AMOUNT_DECIMALS),
    ('{"due":"2026-12-01","amount":"1234567890123456"}', Fault.AMOUNT_FORM),
    ('{"due":"2026-12-01","amount":"5 EUR"}', Fault.AMOUNT_FORM),
    ('{"due":"2026-12-01","amount":"5\\n"}', Fault.AMOUNT_FORM),
    ('{"due":"2026-12-01","currency":""}', Fault.CURRENCY),
    ('{"due":"2026-12-01","currency":"eur"}', Fault.CURRENCY),
    ('{"due":"2026-12-01","currency":"EURO"}', Fault.CURRENCY),
    ('{"due":"2026-12-01","currency":"€"}', Fault.CURRENCY),
    ('{"due":"2026-12-01","ref":"a\\u001fb"}', Fault.REFERENCE),
    ('{"due":"2026-12-01","ref":"a\\nb"}', Fault.REFERENCE),
    ('{"due":"2026-12-01","ref":"a\\u0085b"}', Fault.REFERENCE),
    ('{"due":"2026-12-01","ref":"\\ud800"}', Fault.REFERENCE),
    ('{"due":"2026-12-01","ref":"\ud800"}', Fault.REFERENCE),
    # the directory's limit
    ("2" * 257, Fault.TOO_LONG),
    (obligation_json(ref="x" * 256), Fault.TOO_LONG),
]


@pytest.mark.parametrize(("value", "why"), MALFORMED, ids=range(len(MALFORMED)))
def test_it_refuses_with_a_sentence_that_does_not_quote_the_value(value: object, why: Fault) -> None:
    with pytest.raises(Malformed) as refused:
        parse(value)

    assert refused.value.fault == why
    assert len(str(refused.value)) > len("malformed")
    if isinstance(value, str) and len(value) > 8:
        assert value not in str(refused.value)


@pytest.mark.parametrize(
    ("due", "guess"),
    [
        ("2569-12-02", "the Buddhist era"),
        ("2570-01-15", "the Buddhist era"),
        ("2083-08-30", "Bikram Sambat"),
        ("5787-12-01", "the Hebrew calendar"),
        ("1948-12-01", "the Indian national calendar"),
        ("1448-05-01", "the Islamic calendar"),
        ("1405-09-10", "the Persian calendar"),
        ("0115-12-01", "the Republic of China"),
        ("0008-12-01", "the Reiwa era"),
        ("2206-12-02", "changed places"),
        ("2602-12-02", "changed places"),
        ("2926-12-01", "a slip"),
        ("2126-12-01", "a slip"),
        ("1926-12-01", None),
        ("2188-12-01", None),
    ],
)
def test_a_year_that_cannot_be_meant_is_guessed(due: str, guess: str | None) -> None:
    with pytest.raises(Malformed) as refused:
        parse(due)

    assert refused.value.fault == Fault.YEAR
    assert (guess or "years ahead") in str(refused.value)
    assert ("?" in str(refused.value)) is (guess is not None)


@pytest.mark.parametrize(
    ("today", "due", "taken"),
    [
        ("2026-11-30", "2076-11-30", True),
        ("2026-11-30", "2076-12-01", False),
        ("2028-02-29", "2078-02-28", True),
        ("2028-02-29", "2078-03-01", False),
        ("1970-01-01", "1970-01-01", True),
    ],
)
def test_a_due_date_is_at_most_fifty_years_after_the_business_date(*, today: str, due: str, taken: bool) -> None:
    assert isinstance(obligation_or_fault(due, UTC, on(today)), Obligation) is taken


@pytest.mark.parametrize(
    ("pause", "last"),
    [
        ("9999-12-31", NO_END),
        ("9999-01-01", NO_END),
        ("2076-12-01", NO_END),
        ("2569-12-02", NO_END),
        ("2076-11-30", on("2076-11-30")),
        ("2020-01-01", on("2020-01-01")),
    ],
)
def test_a_pause_that_ends_more_than_fifty_years_ahead_has_no_end(pause: str, last: date) -> None:
    assert parse(obligation_json(pausedUntil=pause)).paused_until == last


@pytest.mark.parametrize("status", ["paid", "void", "disputed"])
@pytest.mark.parametrize(
    "bad",
    [
        {"amount": "1.234", "currency": "EUR"},
        {"amount": 120.5, "currency": "EUR"},
        {"amount": "120,50", "currency": "EUR"},
        {"Amount": "120.50", "currency": "EUR"},
        {"amount": "7", "currency": "euro"},
        {"pausedUntil": "soon"},
        {"pausedUntil": 7},
        {"paused_until": "2026-12-10"},
    ],
    ids=str,
)
def test_what_is_bad_in_a_closed_value_counts_as_absent_and_what_is_good_counts(
    status: Status, bad: Mapping[str, Any]
) -> None:
    found = parse(obligation_json(status=status, ref="INV-1001", **bad))

    assert found == Obligation(
        on("2026-12-01"),
        "INV-1001",
        amount="7" if bad.get("amount") == "7" else None,
        currency="EUR" if bad.get("currency") == "EUR" else None,
        status=status,
    )
    with pytest.raises(Malformed):
        parse(obligation_json(ref="INV-1001", **bad))


@pytest.mark.parametrize("status", ["paid", "void", "disputed"])
@pytest.mark.parametrize("bad", ['"due":"soon"', '"due":"2026-12-01","ref":7', '"due":"2026-12-01","Ref":"7"'])
def test_a_closed_value_needs_a_due_date_and_a_reference_that_can_be_read(status: str, bad: str) -> None:
    with pytest.raises(Malformed):
        parse(f'{{{bad},"status":"{status}"}}')


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("120.50", "EUR", "120.50"),
        ("120.5", "EUR", "120.5"),
        ("120.5000", "EUR", "120.50"),
        ("12000.00", "JPY", "12000"),
        ("12000.00000000", "JPY", "12000"),
        ("12.345", "KWD", "12.345"),
        ("12.3450", "KWD", "12.345"),
        ("12.345", "CLF", "12.345"),
        ("12.3456", "CLF", "12.3456"),
        ("0.000", "EUR", "0.00"),
        ("0.000", "JPY", "0"),
        ("-0.00", "EUR", "0.00"),
        ("-12.50", "EUR", "-12.50"),
        ("007.50", None, "7.50"),
        ("1.5", "XYZ", "1.5"),
        ("5", None, "5"),
    ],
)
def test_an_amount_keeps_the_decimals_of_its_currency(amount: str, currency: str | None, written: str) -> None:
    assert parse(obligation_json(amount=amount, currency=currency)).amount == written


# One that is right and one that is not, for every currency that has not two decimals, and for ten that have.
BY_DECIMALS = {0: ("1200", "1200.5"), 2: ("12.34", "12.3456"), 3: ("12.345", "12.3456"), 4: ("12.3456", "12.34567")}


@pytest.mark.parametrize("currency", [*DECIMALS, "EUR", "USD", "GBP", "CHF", "HUF", "IDR", "RSD", "COP", "PKR", "SEK"])
def test_decimals_beyond_a_currencys_own_are_malformed(currency: str) -> None:
    right, wrong = BY_DECIMALS[DECIMALS.get(currency, 2)]

    assert parse(obligation_json(amount=right, currency=currency)).amount == right
    assert obligation_or_fault(obligation_json(amount=wrong, currency=currency), UTC) is Fault.AMOUNT_DECIMALS


def test_256_characters_are_the_most() -> None:
    frame = len(obligation_json(ref=""))

    longest = obligation_json(ref="ü" * (MAX_CHARACTERS - frame))

    assert len(longest) == MAX_CHARACTERS
    assert parse(longest, UTC).reference == "ü" * (MAX_CHARACTERS - frame)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize(
    "value",
    [
        *("2026-12-01T00:00:00Z", "2026-12-01T00:00:00-00:00", "2026-12-01T23:59:59Z", "2026-12-01T23:59:00.5+00:00"),
        *("2026-12-01", "2026-12-01T17:00:00"),
    ],
)
def test_a_day_of_utc_or_without_an_offset_is_that_date_in_every_zone(value: str, zone: ZoneInfo) -> None:
    assert parse(value, zone).due == on("2026-12-01")


@pytest.mark.parametrize(
    ("value", "zone", "due"),
    [
        # two minutes before midnight UTC
        ("2026-11-30T23:58:59Z", NEW_YORK, "2026-11-30"),
        ("2026-11-30T23:58:59Z", LONDON, "2026-11-30"),
        ("2026-11-30T23:58:59Z", AUCKLAND, "2026-12-01"),
        # midnight and the last minute of UTC, written with another offset, are instants
        ("2026-12-01T05:45:00+05:45", NEW_YORK, "2026-11-30"),
        ("2026-12-01T01:59:59+02:00", AUCKLAND, "2026-12-01"),
        ("2017-07-28T17:00:00-07:00", ZoneInfo("America/Los_Angeles"), "2017-07-28"),
        # a microsecond after midnight UTC is no midnight any more
        ("2026-12-01T00:00:00.000001Z", NEW_YORK, "2026-11-30"),
        ("2026-12-01T00:00:00.000001Z", AUCKLAND, "2026-12-01"),
        # local midnight, as a system in that zone writes it
        ("2026-12-01T00:00:00-05:00", NEW_YORK, "2026-12-01"),
        ("2026-12-01T00:00:00+13:00", AUCKLAND, "2026-12-01"),
        ("2026-12-01T00:00:00+13:00", LONDON, "2026-11-30"),
        # daylight saving: London's midnight in June is 23:00 UTC of the day before
        ("2026-05-31T23:00:00Z", LONDON, "2026-06-01"),
        ("2026-11-30T23:00:00Z", LONDON, "2026-11-30"),
        # New Year in three places
        ("2026-12-31T12:00:00Z", AUCKLAND, "2027-01-01"),
        ("2026-12-31T12:00:00Z", LONDON, "2026-12-31"),
        ("2027-01-01T04:00:00Z", NEW_YORK, "2026-12-31"),
        # far out, where the year itself is the question
        ("1969-12-31T20:00:00Z", AUCKLAND, "1970-01-01"),
        ("2076-12-01T02:00:00Z", NEW_YORK, "2076-11-30"),
    ],
)
def test_another_instant_means_its_date_in_the_business_time_zone(value: str, zone: ZoneInfo, due: str) -> None:
    assert parse(value, zone).due == on(due)


@pytest.mark.parametrize(
    ("value", "zone"), [("1970-01-01T00:30:00Z", NEW_YORK), ("2076-11-30T12:00:00Z", AUCKLAND)], ids=str
)
def test_an_instant_outside_the_years_in_its_zone_is_malformed(value: str, zone: ZoneInfo) -> None:
    assert obligation_or_fault(value, zone) is Fault.YEAR


def test_pause_and_due_date_are_days_of_the_business_time_zone_alike() -> None:
    value = obligation_json("2026-12-01T00:00:00-05:00", pausedUntil="2026-11-28")

    obligation = parse(value, NEW_YORK)

    assert (obligation.due, obligation.paused_until) == (on("2026-12-01"), on("2026-11-28"))


@given(st.datetimes(datetime(1970, 1, 3), datetime(2076, 11, 28)), st.sampled_from(ZONES))  # noqa: DTZ001
def test_an_instant_falls_on_one_day_however_its_offset_is_written(naive: datetime, zone: ZoneInfo) -> None:
    instant = naive.replace(tzinfo=UTC)
    expected = instant.astimezone(zone).date()

    for hours in (-12, -3, 5, 14):
        shifted = (naive + timedelta(hours=hours)).isoformat() + f"{hours:+03d}:00"

        assert parse(shifted, zone).due == expected


any_text = st.text(st.characters(), max_size=300)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
near_json = st.dictionaries(
    st.sampled_from(["due", "ref", "amount", "currency", "status", "pausedUntil", "paused_until", "x"]),
    st.sampled_from(["2026-12-01", "2026-02-30T00:00:00Z", "5", "EUR", "paid", "", None, 5]) | json_values,
    max_size=6,
)


@given(
    json_values
    | near_json.map(json.dumps)
    | any_text.map(lambda text: "{" + text)
    | st.from_regex(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2}))?"
    ),
    st.sampled_from(ZONES),
)
@example('{"due":"2026-12-01T00:00:00+23:59"}', NEW_YORK)
def test_whatever_the_value_it_is_an_obligation_or_malformed_for_a_fault(value: object, zone: ZoneInfo) -> None:
    outcome = obligation_or_fault(value, zone)

    if isinstance(outcome, Obligation):
        assert 1970 <= outcome.due.year <= 2076 or outcome.due.year == 9999
        assert not {unicodedata.category(character) for character in outcome.reference} & {"Cc", "Cs"}


def obligation_or_fault(value: object, zone: tzinfo, today: date = TODAY) -> Obligation | Fault:
    try:
        return parse(value, zone, today)
    except Malformed as refused:
        return refused.fault


statuses: st.SearchStrategy[Status] = st.sampled_from(["open", "paid", "void", "disputed"])
days = st.dates(date(1970, 1, 1), date(2076, 11, 30))
obligations = st.builds(
    Obligation,
    due=days,
    reference=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60).map(
        lambda text: text if text.strip() else ""
    ),
    amount=st.none() | st.from_regex(r"(0|[1-9][0-9]{0,14})", fullmatch=True, alphabet="0123456789"),
    currency=st.none() | st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=3, max_size=3),
    status=statuses,
    paused_until=st.none() | days,
)


@given(obligation=obligations, ascii_only=st.booleans(), random=st.randoms())
def test_an_obligation_written_as_json_is_read_back_the_same(
    *, obligation: Obligation, ascii_only: bool, random: Random
) -> None:
    fields = {
        "due": obligation.due.isoformat(),
        "ref": obligation.reference,
        "amount": obligation.amount,
        "currency": obligation.currency,
        "status": obligation.status,
        "pausedUntil": obligation.paused_until and obligation.paused_until.isoformat(),
    }
    items = [item for item in fields.items() if item[1] is not None or random.random() < 0.5]
    random.shuffle(items)
    text = json.dumps(dict(items), ensure_ascii=ascii_only)
    assume(len(text) <= MAX_CHARACTERS)

    assert parse(text, UTC) == obligation


@given(days, st.sampled_from(ZONES))
def test_a_date_and_its_midnight_utc_are_the_same_due_date(due: date, zone: ZoneInfo) -> None:
    midnight = at(f"{due}T00:00:00").isoformat()

    assert parse(due.isoformat(), zone) == parse(midnight, zone) == Obligation(due)
