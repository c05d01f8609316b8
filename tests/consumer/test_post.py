"""From notices to letters, with both stores."""

from __future__ import annotations

import json
import logging
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.consumer.conftest import NOW, AnyStore, Mailbox, event, message
from tests.factories import ALICE, BOB

from letters import Letter, Refused, key_of  # isort: skip (from the example's folder)
from notices import Event, Unreadable  # isort: skip
from post import AT_MOST, FAILURES_IN_A_ROW, LAPSE, PAUSES, REMEMBERED, WAIT, post, receive  # isort: skip
from store_sqlite import SqliteStore  # isort: skip
from store_table import TableStore  # isort: skip

ROOT = Path(__file__).resolve().parents[2]
FAR = datetime(2999, 1, 1, tzinfo=UTC)
WAITED = NOW + WAIT


class Poison:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)


def put(store: AnyStore, *texts: str, now: datetime = NOW) -> list[str]:
    return [receive(text.encode(), store, now) for text in texts]


def round_of(
    store: AnyStore, deliver: Callable[[Letter], None], *, now: datetime = NOW, poison: Poison | None = None
) -> dict[str, int]:
    return dict(post(store, deliver, poison or Poison(), now=lambda: now))


def ids(*texts: str) -> list[Event]:
    return [json.loads(text) for text in texts]


def test_a_notice_makes_one_letter_however_often_it_comes(store: AnyStore) -> None:
    mailbox = Mailbox()

    assert put(store, message(), message()) == ["kept", "kept"]
    assert round_of(store, mailbox) == {"handed over": 1}
    assert put(store, message()) == ["repeated"]
    assert round_of(store, mailbox) == {}

    assert [letter.addresses for letter in mailbox.letters] == [(("email", "alice@example.com"),)]


def test_a_repeat_is_recognised_by_its_id_alone(store: AnyStore) -> None:
    changed = event() | {"time": "2026-11-24T10:00:00Z", "expirytime": "2026-11-29T00:00:00Z"}
    changed["data"] |= {
        "late": True,
        "daysUntilDue": 6,
        "obligation": {"amount": "1"},
        "batch": {"id": "c" * 32, "size": 1},
    }
    mailbox = Mailbox()
    put(store, message())
    round_of(store, mailbox)

    assert put(store, json.dumps(changed)) == ["repeated"]


def test_a_batch_is_one_letter_once_it_is_complete(store: AnyStore) -> None:
    mailbox = Mailbox()
    texts = [message(reference=f"INV-{number}", size=3) for number in range(3)]

    put(store, *texts[:2])
    assert round_of(store, mailbox) == {}
    put(store, texts[2])
    assert round_of(store, mailbox) == {"handed over": 1}

    assert [letter.key for letter in mailbox.letters] == [key_of(ids(*texts))]
    assert all(f"INV-{number}" in mailbox.letters[0].text for number in range(3))


def test_a_batch_is_not_waited_for_longer_than_some_minutes_and_its_rest_is_a_letter_of_its_own(
    store: AnyStore,
) -> None:
    mailbox = Mailbox()
    texts = [message(reference=f"INV-{number}", size=3) for number in range(3)]

    put(store, *texts[:2])
    assert round_of(store, mailbox, now=WAITED - timedelta(seconds=1)) == {}
    assert round_of(store, mailbox, now=WAITED) == {"handed over": 1}
    put(store, *texts, now=WAITED)
    assert round_of(store, mailbox, now=WAITED + WAIT) == {"handed over": 1}

    assert [letter.key for letter in mailbox.letters] == [key_of(ids(*texts[:2])), key_of(ids(texts[2]))]
    assert timedelta(minutes=1) <= WAIT <= timedelta(minutes=30)


def test_a_batch_that_grew_waits_for_what_it_is_now(store: AnyStore) -> None:
    put(store, message(reference="INV-1", size=1), message(reference="INV-2", size=3))

    assert round_of(store, Mailbox()) == {}


def test_customers_and_days_are_not_mixed(store: AnyStore) -> None:
    mailbox = Mailbox()
    of_bob = event(reference="B") | {"subject": BOB}
    of_bob["data"] |= {"batch": {"id": "c" * 32, "size": 1}, "customer": {"id": BOB, "mobilePhone": "+1 555 0101"}}
    put(store, message(reference="A", size=1), json.dumps(of_bob), message(reference="no batch"))

    assert round_of(store, mailbox) == {"handed over": 3}
    assert sorted(letter.user_id for letter in mailbox.letters) == sorted((ALICE, ALICE, BOB))


@pytest.mark.parametrize(("moment", "outcome"), [("2026-11-27T23:59:59", "kept"), ("2026-11-28T00:00:00", "expired")])
def test_from_its_expiry_on_a_notice_is_not_kept(store: AnyStore, moment: str, outcome: str) -> None:
    assert put(store, message(), now=datetime.fromisoformat(moment).replace(tzinfo=UTC)) == [outcome]


def test_who_is_not_reached_because_a_notice_came_too_late_has_a_name_in_the_log(
    store: AnyStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    late = datetime(2026, 11, 28, tzinfo=UTC)
    (one,) = ids(message())

    put(store, message(), '{"expirytime":"2026-01-01T00:00:00Z","type":"another"}', now=late)

    assert [record.getMessage() for record in caplog.records] == [
        f"notice {one['id']} of user {ALICE}: expired",
        "a message that is no notice: expired",
    ]


def test_what_expires_while_it_waits_is_in_no_letter(store: AnyStore, caplog: pytest.LogCaptureFixture) -> None:
    mailbox = Mailbox()
    put(store, message(reference="old", size=3), message(reference="new", size=3, expires=FAR))

    assert round_of(store, mailbox, now=datetime(2026, 11, 28, tzinfo=UTC)) == {"handed over": 1}
    assert "new" in mailbox.letters[0].text
    assert "old" not in mailbox.letters[0].text
    assert list(store.kept()) == []
    (old,) = ids(message(reference="old", size=3))
    assert f"notice {old['id']} of user {ALICE}: expired" in caplog.text


def test_a_letter_that_failed_for_now_is_tried_again_with_growing_pauses_and_is_poison_in_the_end(
    store: AnyStore,
) -> None:
    mailbox, poison, now = Mailbox(failures=99), Poison(), NOW
    put(store, message(reference="1", size=2, expires=FAR), message(reference="2", size=2, expires=FAR))
    tries = []

    for pause in PAUSES:
        tries.append(round_of(store, mailbox, now=now, poison=poison))
        assert round_of(store, mailbox, now=now + pause - timedelta(seconds=1), poison=poison) == {}
        now += pause
    tries.append(round_of(store, mailbox, now=now, poison=poison))

    assert tries == [{"failed": 1}] * len(PAUSES) + [{"poison": 1}]
    assert list(PAUSES) == sorted(PAUSES)
    assert sorted(each["data"]["obligation"]["reference"] for each in poison.events) == ["1", "2"]
    assert list(store.kept()) == []


def test_what_was_poison_may_be_put_back(store: AnyStore) -> None:
    put(store, message(expires=FAR))
    now = NOW
    for pause in (*PAUSES, timedelta(0)):
        round_of(store, Mailbox(failures=1), now=now)
        now += pause

    assert put(store, message(expires=FAR)) == ["kept"]
    assert round_of(store, Mailbox()) == {"handed over": 1}


def test_a_customer_who_cannot_be_reached_is_reported_and_no_poison(
    store: AnyStore, caplog: pytest.LogCaptureFixture
) -> None:
    poison = Poison()
    put(store, message())

    assert round_of(store, Mailbox(1, Refused("email 550 5.1.1")), poison=poison) == {"refused": 1}

    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"user {ALICE} cannot be reached: email 550 5.1.1" in record.getMessage()
    assert poison.events == []
    assert put(store, message()) == ["repeated"]


def test_one_customers_failure_is_not_the_next_ones(store: AnyStore) -> None:
    put(store, message(reference="1"), message(reference="2"), message(reference="3"))

    assert round_of(store, Mailbox(failures=2)) == {"failed": 2, "handed over": 1}


def test_a_mail_server_that_is_away_ends_the_round(store: AnyStore) -> None:
    put(store, *(message(reference=str(number)) for number in range(9)))

    assert round_of(store, Mailbox(failures=99)) == {"failed": FAILURES_IN_A_ROW}
    assert sum(each.tries for each in store.kept()) == FAILURES_IN_A_ROW


def test_a_round_ends_in_time_for_the_next_one(store: AnyStore) -> None:
    put(store, *(message(reference=str(number)) for number in range(9)))
    moments = [NOW]

    def deliver(_: Letter) -> None:
        moments.append(moments[-1] + AT_MOST)

    assert post(store, deliver, Poison(), now=lambda: moments[-1]) == Counter({"handed over": 2})


def test_ctrl_c_gives_the_letter_back_at_once(store: AnyStore) -> None:
    put(store, message())

    with pytest.raises(KeyboardInterrupt):
        round_of(store, Mailbox(1, KeyboardInterrupt()))

    assert round_of(store, Mailbox()) == {"handed over": 1}


def test_while_one_worker_sends_another_leaves_the_whole_letter_until_the_claim_lapses(store: AnyStore) -> None:
    texts = [message(reference=str(number), size=3) for number in range(3)]
    put(store, *texts)
    first = min(each["id"] for each in ids(*texts))
    assert store.claim(first, NOW)  # and that worker dies

    assert round_of(store, Mailbox(), now=NOW + LAPSE - timedelta(seconds=1)) == {}
    assert round_of(store, Mailbox(), now=NOW + LAPSE) == {"handed over": 1}


def test_a_claim_that_another_worker_took_over_is_not_given_back(store: AnyStore) -> None:
    put(store, message())
    identifier = event()["id"]
    assert store.claim(identifier, NOW)
    assert store.claim(identifier, NOW + LAPSE)

    store.give_back(identifier, NOW, NOW)

    assert not store.claim(identifier, NOW + LAPSE + timedelta(seconds=1))
    store.give_back(identifier, NOW + LAPSE, NOW)
    assert store.claim(identifier, NOW + LAPSE + timedelta(seconds=1))


def test_a_claim_is_given_back_once(store: AnyStore) -> None:
    put(store, message())
    identifier = event()["id"]
    assert store.claim(identifier, NOW)

    for _ in range(2):
        store.give_back(identifier, NOW, NOW)

    assert [each.tries for each in store.kept()] == [1]


def test_what_another_worker_finished_meanwhile_is_not_sent_again(store: AnyStore) -> None:
    put(store, message())
    stale = list(store.kept())
    round_of(store, Mailbox())

    assert not store.claim(stale[0].id, NOW + LAPSE)
    store.give_back(stale[0].id, NOW, NOW)
    assert put(store, message()) == ["repeated"]


@pytest.mark.parametrize("store", ["table"], indirect=True)
def test_what_was_finished_while_a_repeat_came_in_is_not_sent_again(
    store: TableStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, message())
    round_of(store, Mailbox())
    with monkeypatch.context() as before:
        before.setattr(store, "_is_done", lambda _: False)  # this worker looked before the other one was done
        assert put(store, message()) == ["kept"]

    assert not store.claim(event()["id"], NOW)
    assert list(store.kept()) == []


def test_a_worker_that_was_too_slow_still_leaves_the_notice_done(store: AnyStore) -> None:
    put(store, message())
    identifier = event()["id"]
    assert store.claim(identifier, NOW)
    assert store.claim(identifier, NOW + LAPSE)  # another one
    store.done(identifier, "handed over", NOW + LAPSE)  # the first one has sent it after all

    store.give_back(identifier, NOW + LAPSE, NOW)

    assert list(store.kept()) == []
    assert put(store, message()) == ["repeated"]


def test_ids_are_kept_for_90_days_and_nothing_else_is(store: AnyStore) -> None:
    put(store, message())
    round_of(store, Mailbox())

    assert timedelta(days=90) <= REMEMBERED
    assert store.forget(NOW) == 0
    assert put(store, message()) == ["repeated"]
    assert store.forget(NOW + timedelta(seconds=1)) == 1
    assert put(store, message()) == ["kept"]
    assert store.forget(FAR) == 0  # what waits stays


def test_of_many_workers_at_the_same_letter_one_sends_it(tmp_path: Path) -> None:
    file = tmp_path / "notices.sqlite"
    mailbox, start = Mailbox(), threading.Barrier(8)
    first = SqliteStore(file)
    put(first, *(message(reference=str(number), size=3) for number in range(3)))
    first.close()

    def work() -> None:
        mine = SqliteStore(file)
        start.wait()
        round_of(mine, mailbox)
        mine.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(mailbox.letters) == 1


def test_a_store_outlives_its_process(tmp_path: Path) -> None:
    file = tmp_path / "notices.sqlite"
    outcomes: list[Any] = []
    for _ in range(2):
        store = SqliteStore(file)
        outcomes += [*put(store, message()), round_of(store, Mailbox())]
        store.close()

    assert outcomes == ["kept", {"handed over": 1}, "repeated", {}]


def test_the_largest_message_can_be_kept(store: AnyStore) -> None:
    large = message(display_name="x" * 48_000)

    assert put(store, large) == ["kept"]
    assert [each.event for each in store.kept()] == [json.loads(large)]


@pytest.mark.parametrize("raw", [b"{}", b"", b"\xff", message().encode("utf-16"), message().encode("utf-32-le")])
def test_what_is_no_notice_is_unreadable_and_not_kept(store: AnyStore, raw: bytes) -> None:
    with pytest.raises(Unreadable):
        receive(raw, store, NOW)

    assert list(store.kept()) == []


def test_a_mark_before_the_text_does_no_harm(store: AnyStore) -> None:
    assert receive(message().encode("utf-8-sig"), store, NOW) == "kept"
    assert [each.event for each in store.kept()] == [event()]


def test_a_name_that_no_mail_can_carry_is_poison_in_the_end_and_stops_no_other(store: AnyStore) -> None:
    odd = json.dumps(event(reference="odd")).replace("Alice Abel", "\\ud800")
    put(store, odd, message())

    def deliver(letter: Letter) -> None:
        letter.name.encode()

    assert round_of(store, deliver) == {"failed": 1, "handed over": 1}


def test_the_recipe_in_sql_finds_the_batches_that_are_ready() -> None:
    text = (ROOT / "docs" / "consume.md").read_text("utf-8")
    (query,) = re.findall(r"`(select batch from kept [^`]*)`", text)
    now = NOW.timestamp()
    rows = [("complete", 2, now), ("complete", 2, now), ("young", 2, now - 599), ("waited", 2, now - 600)]
    rows += [("grew", 1, now), ("grew", 3, now)]
    with closing(sqlite3.connect(":memory:")) as base:
        base.execute("create table kept (batch, size, since)")
        base.executemany("insert into kept values (?, ?, ?)", rows)

        assert {batch for (batch,) in base.execute(query, {"now": now})} == {"complete", "waited"}

    assert timedelta(seconds=600) == WAIT
