"""What a consumer makes of a message before it does anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.consumer.conftest import EXAMPLE, NOW, event, message
from tests.factories import notice_schema, on

from notices import Unreadable, has_expired, is_expired, moment, read  # isort: skip (from the example's folder)


def changed(**fields: Any) -> str:
    return json.dumps(event() | fields)


def test_the_example_has_the_schema_of_the_package() -> None:
    assert (EXAMPLE / "notice.schema.json").read_text("utf-8") == notice_schema()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "3",
        "{",
        "{}",
        changed(type="duenotices.payment.due.v2"),
        changed(id="short"),
        changed(id="a" * 32 + "\n"),
        changed(expirytime="soon"),
        changed(expirytime=None),
        changed(expirytime=5),
        changed(expirytime="2000-01-01T00:00:00"),
        changed(data={}),
        changed(data=None),
        '"' + "x" * 100_000 + '"',
        "[" * 100_000,
    ],
    ids=lambda text: repr(text[:30]),
)
def test_what_is_no_notice_is_unreadable_and_not_expired(text: str) -> None:
    assert not has_expired(text, NOW)
    with pytest.raises(Unreadable):
        read(text)


def test_an_unreadable_message_is_reported_without_its_values() -> None:
    wrong = event()
    wrong["data"]["customer"]["email"] = 5
    wrong["data"]["customer"]["displayName"] = "Alice Abel"

    with pytest.raises(Unreadable) as caught:
        read(json.dumps(wrong))

    assert "$.data.customer.email" in str(caught.value)
    assert "Alice" not in str(caught.value)


def test_new_optional_fields_are_ignored() -> None:
    newer = event()
    newer["newattribute"] = "x"
    newer["data"]["newField"] = {"a": 1}
    newer["data"]["customer"]["nickname"] = "Al"

    assert read(json.dumps(newer))["newattribute"] == "x"


def test_an_expired_event_of_another_type_is_dropped_and_no_poison() -> None:
    probe = {"specversion": "1.0", "id": "x", "type": "duenotices.doctor.v1", "expirytime": "2000-01-01T00:00:00Z"}

    assert has_expired(json.dumps(probe), NOW)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-11-28T08:00:03Z", "2026-11-28T08:00:03.000Z", "2026-11-28t08:00:03z", "2026-11-28T08:00:03+00:00"),
        *("2026-11-28T09:00:03+01:00", "2026-11-28T03:30:03-04:30", "2026-11-28T08:00:03-00:00"),
        *("2026-11-28T08:00:03.0000000Z", "2026-11-28T08:00:03.000000000+00:00"),
    ],
)
def test_a_notice_that_a_relay_has_rewritten_is_read_with_the_same_moments(text: str) -> None:
    rewritten = read(changed(time=text, expirytime=text))

    assert moment(text) == datetime(2026, 11, 28, 8, 0, 3, tzinfo=UTC)
    assert not is_expired(rewritten, moment(text) - timedelta(microseconds=1))
    assert is_expired(rewritten, moment(text))


def test_every_message_that_the_program_makes_can_be_read() -> None:
    odd = message(
        display_name="عمر “x”",
        email=None,
        mobile_phone="+1 555 0100",
        due=on("2027-02-28"),
        amount=None,
        currency=None,
    )

    assert read(odd)["data"]["customer"]["displayName"] == "عمر “x”"
