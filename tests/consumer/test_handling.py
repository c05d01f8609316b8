"""What a consumer makes of one message, with both stores of seen ids."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from due_notices.message import to_message
from tests.consumer.conftest import EXAMPLE, NOW, Seen
from tests.factories import notice, notice_schema, on

from notices import Busy, Claim, Event, Unreadable, handle, read  # isort: skip (from the example's folder)
from seen_sqlite import LAPSE, SeenSqlite  # isort: skip

SOURCE = "/tenants/t/due-notices"


def message(**fields: Any) -> str:
    return to_message(notice(**fields), source=SOURCE, time=NOW, time_zone="UTC").text


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(message()) | fields)


class Mailbox:
    """Delivers to a list, and fails as often as a test wants it."""

    def __init__(self, failures: int = 0) -> None:
        self.delivered: list[Event] = []
        self.failures = failures

    def __call__(self, event: Event) -> None:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the mail server is away")
        self.delivered.append(event)


def test_the_example_has_the_schema_of_the_package() -> None:
    assert (EXAMPLE / "notice.schema.json").read_text("utf-8") == notice_schema()


def test_a_notice_is_delivered_once_however_often_it_comes(seen: Seen) -> None:
    mailbox = Mailbox()

    outcomes = [handle(message(), seen=seen, deliver=mailbox, now=NOW + timedelta(hours=hour)) for hour in range(3)]

    assert outcomes == ["delivered", "repeated", "repeated"]
    assert [event["data"]["customer"]["email"] for event in mailbox.delivered] == ["alice@example.com"]


def test_two_notices_are_two(seen: Seen) -> None:
    mailbox = Mailbox()

    for text in (message(), message(stage=-3), message(reference="INV-2")):
        handle(text, seen=seen, deliver=mailbox, now=NOW)

    assert len(mailbox.delivered) == 3


@pytest.mark.parametrize(
    ("moment", "outcome"), [("2026-11-27T23:59:59", "delivered"), ("2026-11-28T00:00:00", "expired")]
)
def test_from_its_expiry_on_a_notice_is_dropped(seen: Seen, moment: str, outcome: str) -> None:
    mailbox = Mailbox()

    assert (
        handle(message(), seen=seen, deliver=mailbox, now=datetime.fromisoformat(moment).replace(tzinfo=UTC)) == outcome
    )
    assert len(mailbox.delivered) == (outcome == "delivered")


def test_what_was_not_delivered_may_be_tried_again_at_once(seen: Seen) -> None:
    mailbox = Mailbox(failures=1)

    with pytest.raises(ConnectionError):
        handle(message(), seen=seen, deliver=mailbox, now=NOW)

    assert handle(message(), seen=seen, deliver=mailbox, now=NOW) == "delivered"


def test_while_one_worker_delivers_another_waits_until_the_claim_lapses(seen: Seen) -> None:
    identifier = json.loads(message())["id"]
    expires = datetime(2026, 11, 28, tzinfo=UTC)
    assert seen.begin(identifier, expires, NOW) is Claim.MINE  # and that worker dies

    with pytest.raises(Busy):
        handle(message(), seen=seen, deliver=Mailbox(), now=NOW + LAPSE - timedelta(seconds=1))

    assert handle(message(), seen=seen, deliver=Mailbox(), now=NOW + LAPSE) == "delivered"


def test_of_many_workers_at_the_same_notice_one_delivers(tmp_path: Path) -> None:
    mailbox, outcomes, start = Mailbox(), [], threading.Barrier(8)

    def work() -> None:
        store = SeenSqlite(tmp_path / "seen.sqlite")
        start.wait()
        try:
            outcomes.append(handle(message(), seen=store, deliver=mailbox, now=NOW))
        except Busy:
            outcomes.append("busy")
        store.close()

    SeenSqlite(tmp_path / "seen.sqlite").close()
    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(mailbox.delivered) == 1
    assert outcomes.count("delivered") == 1
    assert len(outcomes) == 8


def test_ids_are_forgotten_when_their_notice_would_be_too_late_anyway(seen: Seen) -> None:
    handle(message(), seen=seen, deliver=Mailbox(), now=NOW)

    assert seen.forget_expired(NOW) == 0
    assert seen.forget_expired(datetime(2026, 11, 28, 0, 0, 2, tzinfo=UTC)) == 1
    assert handle(message(), seen=seen, deliver=Mailbox(), now=datetime(2026, 11, 28, tzinfo=UTC)) == "expired"


def test_a_store_outlives_its_process(tmp_path: Path) -> None:
    for expected in ("delivered", "repeated"):
        store = SeenSqlite(tmp_path / "seen.sqlite")
        assert handle(message(), seen=store, deliver=Mailbox(), now=NOW) == expected
        store.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "3",
        "{",
        b"\xff\xfe",
        changed(type="duenotices.payment.due.v2"),
        changed(id="short"),
        changed(expirytime="soon"),
        changed(data={}),
        changed(data=None),
        '"' + "x" * 100_000 + '"',
        "[" * 100_000,
    ],
    ids=lambda text: repr(text[:30]),
)
def test_what_is_no_notice_is_unreadable_and_touches_nothing(tmp_path: Path, text: str | bytes) -> None:
    mailbox = Mailbox()

    with closing(SeenSqlite(tmp_path / "seen.sqlite")) as store, pytest.raises(Unreadable):
        handle(text, seen=store, deliver=mailbox, now=NOW)

    assert mailbox.delivered == []


def test_an_unreadable_message_is_told_without_its_values() -> None:
    event = json.loads(message())
    event["data"]["customer"]["email"] = 5
    event["data"]["customer"]["displayName"] = "Alice Abel"

    with pytest.raises(Unreadable) as caught:
        read(json.dumps(event))

    assert "$.data.customer.email" in str(caught.value)
    assert "Alice" not in str(caught.value)


def test_new_optional_fields_are_ignored() -> None:
    event = json.loads(message())
    event["newattribute"] = "x"
    event["data"]["newField"] = {"a": 1}
    event["data"]["customer"]["nickname"] = "Al"

    assert read(json.dumps(event))["newattribute"] == "x"


def test_an_expired_event_of_another_type_is_dropped_and_no_poison(tmp_path: Path) -> None:
    probe = {"specversion": "1.0", "id": "x", "type": "duenotices.doctor.v1", "expirytime": "2000-01-01T00:00:00Z"}

    with closing(SeenSqlite(tmp_path / "seen.sqlite")) as store:
        assert handle(json.dumps(probe), seen=store, deliver=Mailbox(), now=NOW) == "expired"


def test_every_message_that_the_program_makes_can_be_read() -> None:
    odd = message(
        display_name="عمر \x07 “x”",
        email=None,
        mobile_phone="+1 555 0100",
        due=on("2027-02-28"),
        amount=None,
        currency=None,
    )

    assert read(odd)["data"]["customer"]["displayName"] == "عمر “x”"
