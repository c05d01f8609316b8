"""What a letter says."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.consumer.conftest import event, letter
from tests.factories import ALICE, on

import languages  # isort: skip (from the example's folder)
from languages import ENGLISH, GERMAN, LANGUAGES, choose  # isort: skip
from letters import Refused, key_of, to_first_address  # isort: skip


def test_a_letter_of_one_notice_in_english() -> None:
    assert letter().subject == "Reminder: INV-1001, due on 1 December 2026"
    assert letter().text == (
        "Hello Alice,\n\nthis is a reminder of what is to be paid:\n\n"
        "- INV-1001: 120.50\u00a0EUR, due on 1 December 2026 (in 7 days)\n\n"
        "If you have paid in the meantime, nothing is left for you to do.\n"
    )


def test_a_letter_of_three_notices_in_german_has_them_by_due_date() -> None:
    in_german: dict[str, Any] = {"preferred_language": "de-AT"}
    written = letter(
        event(due=on("2026-12-24"), reference="", amount="12345.5", currency=None, **in_german),
        event(due=on("2026-11-25"), reference="R 2", amount=None, **in_german),
        event(**in_german),
    )

    assert written.language == "de"
    assert written.subject == "Erinnerung: 3 Zahlungen"
    assert written.text.splitlines()[4:7] == [
        "- R 2, fällig am 25. November 2026 (morgen)",
        "- INV-1001: 120,50\u00a0EUR, fällig am 1. Dezember 2026 (in 7 Tagen)",
        "- Ihre Zahlung: 12.345,5, fällig am 24. Dezember 2026 (in 30 Tagen)",
    ]


@pytest.mark.parametrize(
    ("zone", "moment", "days"),
    [
        ("America/Los_Angeles", "2026-12-02T01:30", "today"),  # 17:30 there; the second of December in UTC
        ("America/Los_Angeles", "2026-12-02T08:00", "overdue by 1 day"),
        ("Pacific/Auckland", "2026-11-30T12:00", "today"),  # past midnight there; the thirtieth in UTC
        ("Pacific/Auckland", "2026-11-30T10:00", "tomorrow"),
        ("UTC", "2026-11-29T10:00", "in 2 days"),
        ("UTC", "2026-12-04T10:00", "overdue by 3 days"),
    ],
)
def test_days_are_counted_anew_in_the_zone_of_the_notice(zone: str, moment: str, days: str) -> None:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)

    assert f"({days})" in letter(event(zone), at=at).text


@pytest.mark.parametrize(
    ("amount", "currency", "english", "german"),
    [
        ("120.50", "EUR", "120.50\u00a0EUR", "120,50\u00a0EUR"),
        ("12.345", "EUR", "12.345\u00a0EUR", "12,345\u00a0EUR"),
        ("1234.50", "HUF", "1,234.50\u00a0HUF", "1.234,50\u00a0HUF"),
        ("100.50", "JPY", "100.50\u00a0JPY", "100,50\u00a0JPY"),
        ("5", "KWD", "5\u00a0KWD", "5\u00a0KWD"),
        ("1000000", "MGA", "1,000,000\u00a0MGA", "1.000.000\u00a0MGA"),
        ("100.00", None, "100.00", "100,00"),
    ],
)
def test_an_amount_has_the_decimals_that_it_has(amount: str, currency: str | None, english: str, german: str) -> None:
    assert ENGLISH.amount_of(amount, currency) == english
    assert GERMAN.amount_of(amount, currency) == german


@given(st.from_regex(r"[0-9]{1,15}(\.[0-9]{1,4})?", fullmatch=True, alphabet="0123456789."))
def test_no_amount_is_rounded(amount: str) -> None:
    written = ENGLISH.amount_of(amount, None).replace(",", "")

    assert Decimal(written) == Decimal(amount)
    assert written.partition(".")[2] == amount.partition(".")[2]


@pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES)
def test_every_count_of_days_is_a_phrase_of_its_own(language: languages.Language) -> None:
    phrases = [language.days(days) for days in range(-400, 400)]

    assert len(set(phrases)) == 800


def test_a_language_that_is_not_there_is_answered_in_the_default_and_never_in_a_similar_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = {"en": ENGLISH, "de": GERMAN, "ru": "ru", "nb": "nb", "he": "he", "sr": "sr", "sr-Latn": "sr-Latn"}
    there |= {"zh": "zh", "zh-Hant": "zh-Hant", "cs": "cs"}
    monkeypatch.setattr(languages, "LANGUAGES", there)
    wanted = {
        "de": GERMAN,
        "de-AT": GERMAN,
        "DE-at": GERMAN,
        "de-Latn-DE": GERMAN,
        "de-CH-1996": GERMAN,
        "en-DE": ENGLISH,
        "uk": ENGLISH,
        "kk": ENGLISH,
        "be": ENGLISH,
        "sk": ENGLISH,
        "fr-DE": ENGLISH,
        "no": "nb",
        "no-NO": "nb",
        "nn": ENGLISH,
        "iw": "he",
        "sr-RS": "sr",
        "sr-Latn-RS": "sr-Latn",
        "sr-Cyrl": "sr",
        "SR-LATN": "sr-Latn",
        "zh-TW": "zh-Hant",
        "zh-HK": "zh-Hant",
        "zh-CN": "zh",
        "zh-Hant-CN": "zh-Hant",
        "zh-Hans-TW": "zh",
        "de-Cyrl": ENGLISH,
        "": ENGLISH,
        "German": ENGLISH,
        "deutsch": ENGLISH,
        "x-de": ENGLISH,
    }

    assert {tag: choose(tag, "en") for tag in wanted} == wanted
    assert choose(None, "de") is GERMAN


def test_the_key_depends_on_the_ids_alone_and_not_on_the_batch() -> None:
    first, second = event(size=3), event(reference="INV-2", size=3)
    again = event(size=4, display_name="Alice Baum", amount="1")

    assert key_of([first, second]) == key_of([second, again])
    assert len({key_of(events) for events in ([first], [second], [first, second])}) == 3
    assert letter(first, second).key == key_of([first, second])


def test_no_name_or_reference_breaks_a_line() -> None:
    hostile = event()
    hostile["data"]["customer"]["displayName"] = hostile["data"]["customer"]["givenName"] = "Ada\r\nBcc: x@y.example"
    hostile["data"]["obligation"]["reference"] = "INV-1\n- INV-2: 999\u2028{name}"

    written = letter(hostile)

    assert written.name == "Ada Bcc: x@y.example"
    assert written.subject == "Reminder: INV-1 - INV-2: 999 {name}, due on 1 December 2026"
    assert len(written.text.splitlines()) == len(letter().text.splitlines())


def test_without_a_name_the_greeting_is_without_one() -> None:
    assert letter(display_name=None, given_name=None).text.startswith("Hello,\n")


OTHERS = ("alice@example.org", "a@example.net")


def test_the_addresses_are_named_by_their_fields() -> None:
    assert letter(other_emails=OTHERS).addresses == (
        ("email", "alice@example.com"),
        ("otherEmails[0]", "alice@example.org"),
        ("otherEmails[1]", "a@example.net"),
    )


def test_an_address_that_is_refused_is_named_and_the_next_one_tried(caplog: pytest.LogCaptureFixture) -> None:
    tried = []

    def send(address: str) -> None:
        tried.append(address)
        if len(tried) == 1:
            raise Refused("550 5.1.1")

    to_first_address(letter(other_emails=OTHERS), send)

    assert tried == ["alice@example.com", "alice@example.org"]
    assert f"email of user {ALICE} is refused (550 5.1.1)" in caplog.text
    assert "example.com" not in caplog.text


def test_only_if_every_address_is_refused_the_customer_cannot_be_reached() -> None:
    def send(_: str) -> None:
        raise Refused("550 5.1.1")

    with pytest.raises(Refused, match=r"^email 550 5\.1\.1; otherEmails\[0\] 550 5\.1\.1;"):
        to_first_address(letter(other_emails=OTHERS), send)
    with pytest.raises(Refused, match="no e-mail address"):
        to_first_address(letter(email=None), send)
