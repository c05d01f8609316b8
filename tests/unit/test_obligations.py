from __future__ import annotations

import json
import unicodedata
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from due_notices.model import Obligation, Status
from due_notices.obligations import MAX_CHARACTERS, YEARS, Malformed, parse_obligation
from tests.factories import at, obligation_json, on

LONDON = ZoneInfo("Europe/London")
NEW_YORK = ZoneInfo("America/New_York")
AUCKLAND = ZoneInfo("Pacific/Auckland")
ZONES = [UTC, LONDON, NEW_YORK, AUCKLAND, ZoneInfo("Asia/Kathmandu"), ZoneInfo("Pacific/Kiritimati")]

NOT_TEXT = "the value is not text"
TOO_LONG = "the value is longer than 256 characters"
NO_JSON = "the value begins like JSON and is none"
NO_SUCH_NUMBER = "the JSON holds a number that JSON does not know"
TWICE = "the JSON has a field twice"
STRANGE_FIELD = "the JSON has a field that is none of amount, currency, due, pausedUntil, ref, status"
NO_DUE = "the JSON has no due date"
NOT_WRITTEN = "a date is not written YYYY-MM-DD"
NO_SUCH_DATE = "a date does not exist"
NO_SUCH_MOMENT = "a date-time does not exist"
YEAR = "a year is outside 1970 to 2999"
CONTROL = "ref holds a control character"
STATUS = "status is none of open, paid, void, disputed"
AMOUNT = "amount is not written as it should be"
CURRENCY = "currency is not written as it should be"
EVERY_REASON = {
    *(NOT_TEXT, TOO_LONG, NO_JSON, NO_SUCH_NUMBER, TWICE, STRANGE_FIELD, NO_DUE, NOT_WRITTEN, NO_SUCH_DATE),
    *(NO_SUCH_MOMENT, YEAR, CONTROL, STATUS, AMOUNT, CURRENCY),
    *(f"{name} is not a string" for name in ("due", "ref", "amount", "currency", "status", "pausedUntil")),
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-12-01", Obligation(on("2026-12-01"))),
        ("2028-02-29", Obligation(on("2028-02-29"))),
        ("1970-01-01", Obligation(on("1970-01-01"))),
        ("2999-12-31", Obligation(on("2999-12-31"))),
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
        (
            '{"due":"2026-12-01","ref":"Rechnung Nr. 7 – Süd 🏠"}',
            Obligation(on("2026-12-01"), "Rechnung Nr. 7 – Süd 🏠"),
        ),
        ('{"due":"2026-12-01","ref":"\\u00fc\\ud83c\\udfe0"}', Obligation(on("2026-12-01"), "ü🏠")),
        ('{"due":"2026-12-01","amount":"120.50"}', Obligation(on("2026-12-01"), amount="120.50")),
        ('{"due":"2026-12-01","amount":"0"}', Obligation(on("2026-12-01"), amount="0")),
        (
            '{"due":"2026-12-01","amount":"123456789012345.6789"}',
            Obligation(on("2026-12-01"), amount="123456789012345.6789"),
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
            '{"due":"2026-12-01","ref":null,"amount":null,"currency":null,"status":null,"pausedUntil":null}',
            Obligation(on("2026-12-01")),
        ),
        (
            obligation_json(ref="INV-1001", amount="120.50", currency="EUR", status="open", pausedUntil="2026-12-10"),
            Obligation(on("2026-12-01"), "INV-1001", "120.50", "EUR", "open", on("2026-12-10")),
        ),
    ],
)
def test_it_accepts(value: str, expected: Obligation) -> None:
    assert parse_obligation(value, UTC) == expected


MALFORMED: list[tuple[object, str]] = [
    # wrong types
    (None, NOT_TEXT),
    (20261201, NOT_TEXT),
    (1764547200.0, NOT_TEXT),
    (False, NOT_TEXT),
    ([], NOT_TEXT),
    (["2026-12-01"], NOT_TEXT),
    ({"due": "2026-12-01"}, NOT_TEXT),
    (date(2026, 12, 1), NOT_TEXT),
    (b"2026-12-01", NOT_TEXT),
    # dates written otherwise
    ("", NOT_WRITTEN),
    (" ", NOT_WRITTEN),
    ("tomorrow", NOT_WRITTEN),
    ("20261201", NOT_WRITTEN),
    ("2026-12", NOT_WRITTEN),
    ("2026-12-1", NOT_WRITTEN),
    ("2026-W49-2", NOT_WRITTEN),
    ("2026-335", NOT_WRITTEN),
    ("01.12.2026", NOT_WRITTEN),
    ("12/01/2026", NOT_WRITTEN),
    ("2026/12/01", NOT_WRITTEN),
    ("-2026-12-01", NOT_WRITTEN),
    ("+2026-12-01", NOT_WRITTEN),
    ("02026-12-01", NOT_WRITTEN),
    (" 2026-12-01", NOT_WRITTEN),
    ("2026-12-01 ", NOT_WRITTEN),
    ("2026-12-01\n", NOT_WRITTEN),
    ("2026-12-01\x00", NOT_WRITTEN),
    ("２０２６-１２-０１", NOT_WRITTEN),  # full-width digits
    ("٢٠٢٦-١٢-٠١", NOT_WRITTEN),
    ("2026‑12‑01", NOT_WRITTEN),  # non-breaking hyphens
    ("\ud800", NOT_WRITTEN),
    # date-times written otherwise: without an offset nobody knows the day
    ("2026-12-01T00:00:00", NOT_WRITTEN),
    ("2026-12-01 00:00:00Z", NOT_WRITTEN),
    ("2026-12-01t00:00:00z", NOT_WRITTEN),
    ("2026-12-01T24:00:00Z", NOT_WRITTEN),
    ("2026-12-01T00Z", NOT_WRITTEN),
    ("2026-12-01T00:00:00.Z", NOT_WRITTEN),
    ("2026-12-01T00:00:00,5Z", NOT_WRITTEN),
    ("2026-12-01T00:00:00+0100", NOT_WRITTEN),
    ("2026-12-01T00:00:00+01", NOT_WRITTEN),
    ("2026-12-01T00:00:00+01:60", NOT_WRITTEN),
    ("2026-12-01T00:00:00+24:00", NOT_WRITTEN),
    ("2026-12-01T00:00:00Z[UTC]", NOT_WRITTEN),
    # what does not exist
    ("2026-02-29", NO_SUCH_DATE),
    ("2026-13-01", NO_SUCH_DATE),
    ("2026-00-10", NO_SUCH_DATE),
    ("2026-11-31", NO_SUCH_DATE),
    ("0000-01-01", NO_SUCH_DATE),
    ("2026-02-29T00:00:00Z", NO_SUCH_MOMENT),
    ("2026-12-01T10:60:00Z", NO_SUCH_MOMENT),
    ("2026-12-01T23:59:60Z", NO_SUCH_MOMENT),
    ("0001-01-01T00:00:00+23:00", NO_SUCH_MOMENT),
    ("9999-12-31T23:59:59-23:00", NO_SUCH_MOMENT),
    # years that must be typing errors
    ("1969-12-31", YEAR),
    ("3000-01-01", YEAR),
    ("0026-12-01", YEAR),
    ("9999-12-31", YEAR),
    ("1969-12-31T23:00:00Z", YEAR),
    ("3000-01-01T00:00:00Z", YEAR),
    # JSON that is none
    ("{", NO_JSON),
    ("{}x", NO_JSON),
    ("{'due':'2026-12-01'}", NO_JSON),
    ('{"due":"2026-12-01"', NO_JSON),
    ('{"due":"2026-12-01",}', NO_JSON),
    ('{"due":"2026-12-01"}{"due":"2026-12-02"}', NO_JSON),
    ('{"due":"2026-12-01","ref":"a\nb"}', NO_JSON),
    ('{"due":' + "[" * 240, NO_JSON),
    ('[{"due":"2026-12-01"}]', NOT_WRITTEN),
    ('"2026-12-01"', NOT_WRITTEN),
    (' {"due":"2026-12-01"}', NOT_WRITTEN),
    ('\ufeff{"due":"2026-12-01"}', NOT_WRITTEN),
    ('{"due":NaN}', NO_SUCH_NUMBER),
    ('{"due":"2026-12-01","amount":-Infinity}', NO_SUCH_NUMBER),
    # JSON with other fields
    ("{}", NO_DUE),
    ('{"due":null}', NO_DUE),
    ('{"ref":"INV-1001"}', NO_DUE),
    ('{"due":"2026-12-01","due":"2026-12-01"}', TWICE),
    ('{"due":"2026-12-01","status":"paid","status":"open"}', TWICE),
    ('{"due":"2026-12-01","ref":{"a":1,"a":2}}', TWICE),
    ('{"due":"2026-12-01","Ref":"INV-1001"}', STRANGE_FIELD),
    ('{"due":"2026-12-01","paid":true}', STRANGE_FIELD),
    ('{"due":"2026-12-01","":""}', STRANGE_FIELD),
    # fields of other types
    ('{"due":20261201}', "due is not a string"),
    ('{"due":["2026-12-01"]}', "due is not a string"),
    ('{"due":"2026-12-01","ref":1001}', "ref is not a string"),
    ('{"due":"2026-12-01","ref":false}', "ref is not a string"),
    ('{"due":"2026-12-01","amount":120.5}', "amount is not a string"),
    ('{"due":"2026-12-01","amount":0}', "amount is not a string"),
    ('{"due":"2026-12-01","amount":1e999}', "amount is not a string"),
    ('{"due":"2026-12-01","currency":978}', "currency is not a string"),
    ('{"due":"2026-12-01","status":true}', "status is not a string"),
    ('{"due":"2026-12-01","pausedUntil":{}}', "pausedUntil is not a string"),
    # fields written otherwise
    ('{"due":""}', NOT_WRITTEN),
    ('{"due":"1 Dec 2026"}', NOT_WRITTEN),
    ('{"due":"2026-02-29"}', NO_SUCH_DATE),
    ('{"due":"2026-12-01","pausedUntil":""}', NOT_WRITTEN),
    ('{"due":"2026-12-01","pausedUntil":"2026-12-10T00:00:00Z"}', NOT_WRITTEN),
    ('{"due":"2026-12-01","pausedUntil":"2026-11-31"}', NO_SUCH_DATE),
    ('{"due":"2026-12-01","pausedUntil":"9999-12-31"}', YEAR),
    ('{"due":"2026-12-01","status":""}', STATUS),
    ('{"due":"2026-12-01","status":"Paid"}', STATUS),
    ('{"due":"2026-12-01","status":"overdue"}', STATUS),
    ('{"due":"2026-12-01","amount":""}', AMOUNT),
    ('{"due":"2026-12-01","amount":"120,50"}', AMOUNT),
    ('{"due":"2026-12-01","amount":"-5"}', AMOUNT),
    ('{"due":"2026-12-01","amount":"1e3"}', AMOUNT),
    ('{"due":"2026-12-01","amount":".50"}', AMOUNT),
    ('{"due":"2026-12-01","amount":"1."}', AMOUNT),
    ('{"due":"2026-12-01","amount":"1.23456"}', AMOUNT),
    ('{"due":"2026-12-01","amount":"1234567890123456"}', AMOUNT),
    ('{"due":"2026-12-01","amount":"5 EUR"}', AMOUNT),
    ('{"due":"2026-12-01","amount":"5\\n"}', AMOUNT),
    ('{"due":"2026-12-01","currency":""}', CURRENCY),
    ('{"due":"2026-12-01","currency":"eur"}', CURRENCY),
    ('{"due":"2026-12-01","currency":"EURO"}', CURRENCY),
    ('{"due":"2026-12-01","currency":"€"}', CURRENCY),
    ('{"due":"2026-12-01","ref":"a\\u001fb"}', CONTROL),
    ('{"due":"2026-12-01","ref":"a\\nb"}', CONTROL),
    ('{"due":"2026-12-01","ref":"a\\u0085b"}', CONTROL),
    ('{"due":"2026-12-01","ref":"\\ud800"}', CONTROL),
    ('{"due":"2026-12-01","ref":"\ud800"}', CONTROL),
    # the directory's limit
    ("2" * 257, TOO_LONG),
    (obligation_json(ref="x" * 256), TOO_LONG),
]


@pytest.mark.parametrize(("value", "why"), MALFORMED, ids=range(len(MALFORMED)))
def test_it_refuses_with_a_reason_that_does_not_quote_the_value(value: object, why: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse_obligation(value, UTC)

    assert str(refused.value) == why
    assert why in EVERY_REASON


def test_256_characters_are_the_most() -> None:
    frame = len(obligation_json(ref=""))

    longest = obligation_json(ref="ü" * (MAX_CHARACTERS - frame))

    assert len(longest) == MAX_CHARACTERS
    assert parse_obligation(longest, UTC).reference == "ü" * (MAX_CHARACTERS - frame)


@pytest.mark.parametrize("zone", ZONES, ids=str)
@pytest.mark.parametrize(
    "value", ["2026-12-01T00:00:00Z", "2026-12-01T05:45:00+05:45", "2026-11-30T19:00:00-05:00", "2026-12-01"]
)
def test_midnight_utc_means_that_date_in_every_zone(value: str, zone: ZoneInfo) -> None:
    assert parse_obligation(value, zone).due == on("2026-12-01")


@pytest.mark.parametrize(
    ("value", "zone", "due"),
    [
        # one minute before midnight UTC
        ("2026-11-30T23:59:00Z", NEW_YORK, "2026-11-30"),
        ("2026-11-30T23:59:00Z", LONDON, "2026-11-30"),
        ("2026-11-30T23:59:00Z", AUCKLAND, "2026-12-01"),
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
        ("3000-01-01T02:00:00Z", NEW_YORK, "2999-12-31"),
    ],
)
def test_another_instant_means_its_date_in_the_business_time_zone(value: str, zone: ZoneInfo, due: str) -> None:
    assert parse_obligation(value, zone).due == on(due)


@pytest.mark.parametrize(
    ("value", "zone"), [("3000-01-01T00:00:00Z", NEW_YORK), ("2999-12-31T12:00:00Z", AUCKLAND)], ids=str
)
def test_an_instant_outside_the_years_in_its_zone_is_malformed(value: str, zone: ZoneInfo) -> None:
    with pytest.raises(Malformed, match=YEAR):
        parse_obligation(value, zone)


def test_pause_and_due_date_are_days_of_the_business_time_zone_alike() -> None:
    value = obligation_json("2026-12-01T00:00:00-05:00", pausedUntil="2026-11-28")

    obligation = parse_obligation(value, NEW_YORK)

    assert (obligation.due, obligation.paused_until) == (on("2026-12-01"), on("2026-11-28"))


@given(st.datetimes(datetime(1970, 1, 3), datetime(2999, 12, 29)), st.sampled_from(ZONES))  # noqa: DTZ001
def test_an_instant_falls_on_one_day_however_its_offset_is_written(naive: datetime, zone: ZoneInfo) -> None:
    instant = naive.replace(tzinfo=UTC)
    expected = naive.date() if naive.time() == datetime.min.time() else instant.astimezone(zone).date()

    for hours in (-12, -3, 0, 5, 14):
        shifted = (naive + timedelta(hours=hours)).isoformat() + f"{hours:+03d}:00"

        assert parse_obligation(shifted, zone).due == expected


any_text = st.text(st.characters(), max_size=300)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)
near_json = st.dictionaries(
    st.sampled_from(["due", "ref", "amount", "currency", "status", "pausedUntil", "x"]),
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
def test_whatever_the_value_it_is_an_obligation_or_malformed_for_a_known_reason(value: object, zone: ZoneInfo) -> None:
    outcome = obligation_or_reason(value, zone)

    if isinstance(outcome, str):
        assert outcome in EVERY_REASON
    else:
        assert outcome.due.year in YEARS
        assert not {unicodedata.category(character) for character in outcome.reference} & {"Cc", "Cs"}


def obligation_or_reason(value: object, zone: ZoneInfo) -> Obligation | str:
    try:
        return parse_obligation(value, zone)
    except Malformed as refused:
        return str(refused)


statuses: st.SearchStrategy[Status] = st.sampled_from(["open", "paid", "void", "disputed"])
days = st.dates(date(YEARS.start, 1, 1), date(YEARS.stop - 1, 12, 31))
obligations = st.builds(
    Obligation,
    due=days,
    reference=st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60),
    amount=st.none() | st.from_regex(r"[0-9]{1,15}(\.[0-9]{1,4})?", fullmatch=True, alphabet="0123456789."),
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

    assert parse_obligation(text, UTC) == obligation


@given(days, st.sampled_from(ZONES))
def test_a_date_and_its_midnight_utc_are_the_same_due_date(due: date, zone: ZoneInfo) -> None:
    midnight = at(f"{due}T00:00:00").isoformat()

    assert parse_obligation(due.isoformat(), zone) == parse_obligation(midnight, zone) == Obligation(due)
