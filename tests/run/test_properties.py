"""Small random worlds: what a preview shows is what a run does, and faults only ever delay."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from due_notices.errors import DirectoryError, ListingExpired, SendError, StorageError
from due_notices.report import Outcome
from tests.run.world import World, customer, in_days

DUE = st.one_of(
    st.integers(-12, 20).map(in_days),
    st.integers(-4, 8).map(lambda days: f'{{"due":"{in_days(days)}","ref":"A"}}'),
    st.integers(-4, 8).map(lambda days: f'{{"due":"{in_days(days)}","status":"paid"}}'),
    st.lists(st.integers(-4, 8).map(in_days), max_size=3),
    st.sampled_from(["", "nonsense", None, 17]),
)
CONTACT: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{}, {}, {}, {"mail": None}, {"accountEnabled": False}, {"mail": "shared@example.com"}, {"displayName": 5}]
)
USERS = st.lists(st.tuples(DUE, CONTACT), max_size=12).map(
    lambda pairs: [customer(number, due) | contact for number, (due, contact) in enumerate(pairs)]
)
SEND_FAULT = st.sampled_from(
    [
        SendError("certainly not", accepted_perhaps=False),
        SendError("perhaps", accepted_perhaps=True),
        StorageError("the queue is gone"),
    ]
)
LEDGER_METHODS = st.sampled_from(["runs", "sent", "claim", "mark_sent", "release", "record_run"])
Faults = dict[int, Exception]


@given(users=USERS)
def test_a_run_does_what_the_preview_showed(users: list[dict[str, Any]]) -> None:
    world = World(users, page_size=3)
    shown = world.preview()

    report = world.run()

    assert world.ids == sorted(owed.id for owed in shown.plan.notices)
    assert report.outcome is Outcome.COMPLETED
    assert (report.owed, report.skipped) == (len(shown.plan.notices), shown.plan.skipped)
    assert (report.superseded, report.expired) == (shown.plan.superseded, shown.plan.expired)
    assert world.preview().plan.notices == ()


@given(
    users=USERS,
    sends=st.dictionaries(st.integers(1, 12), SEND_FAULT, max_size=5),
    pages=st.dictionaries(
        st.integers(1, 6), st.sampled_from([DirectoryError("down"), ListingExpired("expired")]), max_size=3
    ),
    ledger=st.lists(st.tuples(LEDGER_METHODS, st.integers(1, 3), st.booleans()), max_size=4),
    minutes=st.lists(st.integers(0, 61), min_size=3, max_size=3),
)
def test_whatever_fails_the_next_ticks_repair_it(
    users: list[dict[str, Any]],
    sends: Faults,
    pages: Faults,
    ledger: list[tuple[str, int, bool]],
    minutes: list[int],
) -> None:
    world = World(users, page_size=3)
    wanted = {owed.id for owed in world.preview().plan.notices}
    world.storage.queue.failures.planned.update(sends)
    world.directory.faults.planned.update({world.directory.faults.calls + page: error for page, error in pages.items()})
    for method, number, takes_effect in ledger:
        where = world.storage.ledger.lost_answers if takes_effect else world.storage.ledger.failures
        where[method].on(number, error=StorageError(f"{method} failed"))

    for pause in minutes:
        world.run()
        assert set(world.ids) <= wanted
        world.clock.move(minutes=pause)
    world.storage.queue.failures.planned.clear()
    world.directory.faults.planned.clear()
    for where in (world.storage.ledger.lost_answers, world.storage.ledger.failures):
        where.clear()
    last = world.run()

    assert last.outcome in {Outcome.COMPLETED, Outcome.ALREADY_COMPLETED}
    assert set(world.ids) == wanted
    assert world.storage.ledger.sent_ids == wanted
    assert world.storage.ledger.claimed == set()


@given(users=USERS, sends=st.dictionaries(st.integers(1, 12), st.just(SendError("no", accepted_perhaps=False))))
def test_without_doubt_about_a_send_nothing_is_ever_repeated(users: list[dict[str, Any]], sends: Faults) -> None:
    world = World(users)
    world.storage.queue.failures.planned.update(sends)

    for _ in range(4):
        world.run()
        world.next_tick()

    assert all(times == 1 for times in Counter(world.ids).values())
