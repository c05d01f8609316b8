"""What the second calculation reads in a user's values and contacts."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from local.expected_values import NO_END, Malformed, read_value, reason_to_skip
from tests.local.calculation import day

BERLIN = ZoneInfo("Europe/Berlin")


def read(**fields: Any) -> Any:
    return read_value(json.dumps({"due": "2026-12-01", **fields}), day("11-24"), BERLIN)


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("2026-12-01", "12-01"),
        ("2026-12-01T00:00:00Z", "12-01"),
        ("2026-11-30T23:59:59Z", "11-30"),
        ("2026-11-30T23:30:00Z", "12-01"),
        ("2026-12-01T00:30:00+02:00", "11-30"),
        ("2026-12-01T10:00:00", "12-01"),
        ("9999-12-31T23:00:00-05:00", "9999-12-31"),
    ],
)
def test_a_date_time_means_its_date(text: str, due: str) -> None:
    assert read_value(text, day("11-24"), BERLIN).due == day(due)


def test_midnight_with_an_offset_other_than_zero_is_an_instant() -> None:
    value = read_value("2017-07-28T17:00:00-07:00", day("2017-07-01"), ZoneInfo("America/Los_Angeles"))

    assert value.due == day("2017-07-28")


@pytest.mark.parametrize(
    "value",
    [
        "20261201",
        "2026-12-1",
        "2569-12-02",
        "1969-12-31",
        "2076-11-25",
        "2026-12-01 ",
        '{"due":"2026-12-01","amount":120.5}',
        '{"due":"2026-12-01","amount":"1,5"}',
        '{"due":"2026-12-01","amount":"1.234","currency":"EUR"}',
        '{"due":"2026-12-01","amount":"12000.50","currency":"JPY"}',
        '{"due":"2026-12-01","currency":"Euro"}',
        '{"due":"2026-12-01","paused_until":"2026-12-02"}',
        '{"due":"2026-12-01","Due":null}',
        '{"due":"2026-12-01","status":"late"}',
        '{"due":"2026-12-01","ref":7}',
        '{"ref":"INV-1"}',
        '{"due":"2026-12-01","status":"paid","ref":7}',
        17,
    ],
)
def test_anything_else_is_malformed(value: object) -> None:
    with pytest.raises(Malformed):
        read_value(value, day("11-24"), BERLIN)


@pytest.mark.parametrize(
    ("amount", "currency", "wanted"),
    [
        ("12000.00", "JPY", "12000"),
        ("120.5000", "EUR", "120.5"),
        ("12.345", "KWD", "12.345"),
        ("010.00", None, "10"),
        ("-5.00", "EUR", "-5"),
        ("0.000", "EUR", "0"),
    ],
)
def test_amounts_are_numbers(amount: str, currency: str | None, wanted: str) -> None:
    assert read(amount=amount, currency=currency).amount == wanted


@pytest.mark.parametrize("amount", ["0.00", "-12.50"])
def test_an_amount_of_zero_or_less_is_settled(amount: str) -> None:
    assert read(amount=amount).standing == "settled"


@pytest.mark.parametrize("status", ["paid", "void", "disputed"])
def test_a_closed_value_is_read_whatever_its_amount_currency_and_pause(status: str) -> None:
    value = read(status=status, amount="1,5", currency="Euro", pausedUntil="soon")

    assert (value.standing, value.amount, value.currency) == (status, "", "")
    assert read(status=status, amount="5.00", currency="EUR").amount == "5"


def test_a_pause_far_ahead_has_no_end() -> None:
    assert read(pausedUntil="9999-12-31").paused_until == NO_END
    assert read(pausedUntil="2077-01-01").paused_until == NO_END
    assert read(pausedUntil="2076-11-24").paused_until == day("2076-11-24")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"mail": "ada@example.com"}, None),
        ({"mail": "\u200bada@example.com\u00a0"}, None),
        ({"mail": "a@example.com; b@example.com"}, "unreachable"),
        ({"mail": "a@example.com; b@example.com", "mobilePhone": "+1 555 0100"}, None),
        ({"userPrincipalName": "ada@contoso.onmicrosoft.us"}, "unreachable"),
        ({"otherMails": [7, "ada@example.com"]}, None),
        ({"mail": "ada@example.com", "accountEnabled": False, "EXTENSION_optOut": True}, "disabled"),
        ({"mail": "ada@example.com", "EXTENSION_optOut": True}, "opted-out"),
        ({"mail": "ada@example.org"}, "not-allowed"),
    ],
)
def test_a_user_is_skipped_for_one_reason(fields: dict[str, Any], reason: str | None) -> None:
    assert reason_to_skip(fields, "extension_optout", ["@example.com"] if reason == "not-allowed" else []) == reason
