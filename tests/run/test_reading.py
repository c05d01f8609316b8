"""Either the whole directory is read, or nothing is sent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from due_notices.credentials import CredentialEnd, CredentialKind
from due_notices.errors import CredentialError, DirectoryError, ListingExpired
from due_notices.model import UserPage
from due_notices.reading import LISTINGS
from due_notices.report import Outcome
from due_notices.stages import SendWindow
from tests.factories import page_of
from tests.run.world import POLICY, World, customer, customers

POLICY_ALL_DAY = replace(POLICY, window=SendWindow.parse("00:00-24:00"))


def nothing_happened(world: World) -> None:
    assert world.storage.queue.messages == []
    assert world.storage.ledger.writes == 0


@pytest.mark.parametrize("page", [1, 2, 3, 4])
@pytest.mark.parametrize("error", [DirectoryError("Graph is down"), CredentialError("no way in")])
def test_an_error_on_any_page_sends_and_claims_nothing(page: int, error: Exception) -> None:
    world = World(customers(35))
    world.directory.faults.on(page, error=error)

    report = world.run()

    nothing_happened(world)
    assert report.outcome is Outcome.FAILED
    assert report.error == str(error)
    assert (report.sent, report.owed) == (0, 0)
    assert world.record is not None
    assert world.record.outcome == "failed"


def test_the_next_tick_repairs_a_failed_reading() -> None:
    world = World(customers(35))
    world.directory.faults.on(3, error=DirectoryError("Graph is down"))
    world.run()
    world.next_tick()

    report = world.run()

    assert report.outcome is Outcome.COMPLETED
    assert len(world.ids) == len(set(world.ids)) == report.sent == 35


def test_empty_pages_end_nothing() -> None:
    world = World(customers(5), page_size=1)
    pages = world.directory.pages

    def with_empty_ones(*, prefix: str = "", deadline: float | None = None) -> Iterator[UserPage]:
        for page in pages(prefix=prefix, deadline=deadline):
            yield from (page_of([]), page, page_of([]))

    world.directory.pages = with_empty_ones  # type: ignore[method-assign]

    assert world.run().sent == 5


def test_an_expired_listing_is_begun_again_and_counted_once() -> None:
    world = World([*customers(30), customer(99, due="nonsense")])
    world.directory.faults.on(2, 5, error=ListingExpired("expired"))

    report = world.run()

    assert report.outcome is Outcome.COMPLETED
    assert world.directory.listings == 3
    assert (report.users_read, report.obligations, report.sent) == (31, 31, 30)
    assert report.skipped == {"malformed": 1}
    assert len(set(world.ids)) == 30
    assert sum("reading again" in text for text in world.watcher.said) == 2


def test_a_listing_that_expires_every_time_fails_the_run() -> None:
    world = World(customers(30))
    world.directory.faults.always = ListingExpired("Graph answered 400 Directory_ExpiredPageToken")

    report = world.run()

    nothing_happened(world)
    assert report.outcome is Outcome.FAILED
    assert world.directory.listings == LISTINGS
    assert "expired 3 times" in str(report.error)
    assert "Directory_ExpiredPageToken" in str(report.error)


def test_a_reading_that_takes_too_long_sends_nothing() -> None:
    world = World(customers(35))
    world.directory.before_page = lambda: world.clock.move(minutes=10)

    report = world.run(longest=timedelta(minutes=25))

    nothing_happened(world)
    assert "longer than a run may take" in str(report.error)
    assert "functionTimeout" in str(report.error)


def test_figures_of_the_directory_are_reported_even_when_it_fails() -> None:
    world = World(customers(35))
    world.directory.faults.on(3, error=DirectoryError("Graph is down"))
    world.directory.throttled = 2
    world.directory.credential_end = CredentialEnd(CredentialKind.SECRET, -3)

    report = world.run()

    assert (report.graph_requests, report.throttled, report.credential) == (
        3,
        2,
        CredentialEnd(CredentialKind.SECRET, -3),
    )


def test_a_run_over_midnight_keeps_its_business_date() -> None:
    world = World(customers(3), policy=POLICY_ALL_DAY)
    world.clock.move_to(datetime(2026, 11, 24, 23, 59, tzinfo=UTC))
    world.directory.before_page = lambda: world.clock.move(minutes=1)
    world.storage.queue.before_send = lambda _: world.clock.move(minutes=1)

    report = world.run()

    assert report.business_date.isoformat() == "2026-11-24"
    assert [event["data"]["daysUntilDue"] for event in world.events] == [7, 7, 7]
    assert [event["data"]["late"] for event in world.events] == [False] * 3
    assert [day.isoformat() for day, _ in world.storage.ledger.records] == ["2026-11-24"]
