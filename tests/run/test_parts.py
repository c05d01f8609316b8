"""Runs that read the directory in parts: the same plan as one page after another, all or nothing, and proved."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from due_notices.commands.status.gather import look_ahead
from due_notices.errors import DirectoryError, ListingExpired, PartRefused
from due_notices.model import UserPage
from due_notices.parts import FIRST_CHARACTERS, NEXT_CHARACTERS
from due_notices.reading import CHAIN, pages_in_parts
from due_notices.report import Outcome, RunReport
from due_notices.run import Wish
from tests.factories import GraphUser, run_report
from tests.fakes import FakeDirectory
from tests.run.world import POLICY, TODAY, World, customer, in_days

CHAINS = 16


def names(count: int) -> Iterator[str]:
    """Yield names that begin with every legal character in turn, letters in either case."""
    for number in range(count):
        first, second = (
            FIRST_CHARACTERS[number % len(FIRST_CHARACTERS)],
            FIRST_CHARACTERS[number * 7 // 44 % len(FIRST_CHARACTERS)],
        )
        name = f"{first}{second}{number}@contoso.example"
        yield name.upper() if number % 3 == 0 else name


def people(count: int, more: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return customers of whom a tenth is owed a notice, some are skipped, and two values are one obligation."""
    users = [
        customer(number, in_days(7 if number % 10 == 0 else 90), userPrincipalName=name)
        for number, name in enumerate((*names(count), *more))
    ]
    for number in range(0, count, 50):
        users[number]["due"] = [in_days(3), in_days(3), "no date"]
    for number in range(5, count, 100):
        users[number]["accountEnabled"] = False
        users[number]["due"] = in_days(1)
    return users


def in_parts(users: list[dict[str, Any]], chains: int = CHAINS, **changes: Any) -> World:
    return World(users, policy=replace(POLICY, read_parts=chains, **changes), page_size=20)


def test_many_chains_and_one_and_none_give_the_same_plan_one_by_one() -> None:
    users = people(3_000)
    previews = {chains: in_parts(users, chains).preview(list_skips=None) for chains in (0, 1, CHAINS, 32)}
    runs = {chains: in_parts(users, chains) for chains in (0, 1, CHAINS)}
    reports = {chains: world.run() for chains, world in runs.items()}

    assert previews[0].plan.notices
    assert previews[0].plan.skips
    assert previews[1] == previews[CHAINS] == previews[32] == previews[0]
    assert runs[1].ids == runs[CHAINS].ids == runs[0].ids
    assert {chains: report.parts for chains, report in reports.items()} == {0: 0, 1: 44, CHAINS: 44}
    for report in reports.values():
        assert (report.outcome, report.users_read, report.users_counted) == (Outcome.COMPLETED, 3_000, 3_000)
        assert report.note is None


def test_what_a_run_in_parts_found_splits_the_parts_of_the_next() -> None:
    world = in_parts(people(880))
    assert world.run().parts == 44
    (kept,) = world.storage.ledger.counts.values()
    assert set(kept) == set(FIRST_CHARACTERS)
    assert set(kept.values()) == {20}
    ((key, _),) = world.storage.ledger.counts.items()
    world.storage.ledger.counts[key] = {**kept, "m": 1_000_000}

    report = world.run(Wish.AGAIN)

    assert report.parts == 43 + len(NEXT_CHARACTERS)
    assert (report.outcome, report.users_read) == (Outcome.COMPLETED, 880)
    assert world.directory.prefixes[44] == "m!"


def test_auto_reads_in_parts_once_a_run_has_read_many() -> None:
    world = in_parts(people(100), chains=0)
    world.policy = replace(world.policy, read_parts=None)
    assert world.run().parts == 0

    world.storage.ledger.records.clear()
    world.storage.ledger.records[TODAY, "before"] = run_report(
        TODAY - timedelta(days=1), users_read=50_000, filter_digest=world.policy.rules.filter_digest
    )

    report = world.run(Wish.ACCEPT)

    assert report.parts == 44
    assert report.users_read == 100


def test_a_run_with_another_filter_does_not_say_how_to_read() -> None:
    world = in_parts(people(880))
    own = world.policy.rules.filter_digest
    world.run()
    ((key, counts),) = world.storage.ledger.counts.items()
    world.storage.ledger.records[key] = replace(world.storage.ledger.records[key], users_read=50_000)
    world.storage.ledger.counts[key] = {**counts, "m": 1_000_000}
    world.policy = replace(world.policy, rules=replace(world.policy.rules, filter_digest="a laptop's"))
    world.directory.users = world.directory.users[:3]
    world.run(Wish.ACCEPT)
    world.clock.move(days=1)
    world.directory.users = people(880)
    world.policy = replace(world.policy, read_parts=None, rules=replace(world.policy.rules, filter_digest=own))

    assert world.run().parts == 43 + len(NEXT_CHARACTERS)


def chains_left() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == CHAIN]


def failed(world: World) -> RunReport:
    report = world.run()
    assert report.outcome is Outcome.FAILED
    assert world.storage.queue.messages == []
    assert report.parts == 0
    return report


def test_a_part_that_fails_fails_the_run_and_the_others_stop() -> None:
    world = in_parts(people(2_000), chains=4)
    world.directory.faults_of["7"].on(1, error=DirectoryError("Graph answered 500"))

    report = failed(world)

    assert report.error == "Graph answered 500"
    assert len(world.directory.prefixes) < 44
    assert not chains_left()


def test_an_unexpected_error_ends_in_the_report_too() -> None:
    world = in_parts(people(200))
    world.directory.faults_of["m"].on(1, error=ZeroDivisionError())

    assert "ZeroDivisionError" in str(failed(world).error)


def test_an_expired_part_has_all_begin_anew_and_no_user_counts_twice() -> None:
    world = in_parts(people(3_000))
    world.directory.faults_of["m"].on(2, error=ListingExpired("expired"))

    report = world.run()

    assert (report.outcome, report.users_read, report.parts) == (Outcome.COMPLETED, 3_000, 44)
    assert world.watcher.said == ["Graph lost its place in the listing; reading again from the first page"]
    assert len(world.ids) == len(set(world.ids)) == report.sent


def test_a_part_that_expires_again_and_again_fails_the_run() -> None:
    world = in_parts(people(200))
    world.directory.faults_of["m"].always = ListingExpired("expired")

    assert "expired 3 times" in str(failed(world).error)


def test_the_deadline_binds_all_chains() -> None:
    world = in_parts(people(2_000))
    world.directory.before_page = lambda: world.clock.move(minutes=2)

    assert "longer than a run may take" in str(failed(world).error)


def read_serially(world: World, why: str, read: int) -> RunReport:
    report = world.run()
    assert (report.outcome, report.users_read, report.parts) == (Outcome.COMPLETED, read, 0)
    assert report.note == f"{why}: all users were read one page after another"
    assert world.watcher.said == [f"{why}: reading again, one page after another"]
    return report


def test_a_name_that_begins_with_an_unexpected_character_is_found_by_the_proof_alone() -> None:
    world = in_parts(people(88, more=("$odd@contoso.example",)))
    world.directory.users[88]["due"] = in_days(7)  # type: ignore[index]

    report = read_serially(world, "in parts 88 users were read, and Graph counts 89", 89)

    assert report.users_counted == 89
    assert "user-00088" in {event["subject"] for event in world.events}


def test_one_of_many_who_is_in_no_part_is_found_within_seven_days() -> None:
    world = in_parts(people(300, more=("$odd@contoso.example",)))
    found = []
    for _ in range(9):
        report = world.run()
        assert (report.outcome, report.users_counted) == (Outcome.COMPLETED, 301)
        found.append(report.users_read)
        world.clock.move(days=1)

    assert found == [301, *[300] * 6, 301, 300]


def test_a_few_who_are_counted_too_late_or_too_early_do_not_have_all_be_read_again() -> None:
    world = in_parts(people(300))
    counts = [300, *[301] * 6, 299, *[301] * 6]
    world.directory.counts = lambda: counts[0]
    while counts:
        assert world.run().parts == 44
        world.clock.move(days=1)
        counts.pop(0)


def test_a_few_are_left_out_where_all_could_not_be_read_again_in_time() -> None:
    world = in_parts(people(300, more=("$odd@contoso.example",)))
    world.directory.before_page = lambda: world.clock.move(seconds=3)

    report = world.run()

    assert (report.outcome, report.parts, report.users_read) == (Outcome.COMPLETED, 44, 300)
    (said,) = world.watcher.said
    assert said.startswith("in parts 300 users were read, Graph counts 301, and no run before has read as many")
    assert said.endswith("the run has no time to read all one page after another")


def test_a_part_that_comes_short_has_the_run_read_serially() -> None:
    world = in_parts(people(880))

    def left_out(user: GraphUser) -> bool:
        return str(user["userPrincipalName"]).lower().startswith("m")

    world.directory.left_out = left_out

    read_serially(world, "in parts 860 users were read, and Graph counts 880", 880)


def test_a_directory_that_ignores_the_prefix_doubles_nobody() -> None:
    world = in_parts(people(100))
    pages = world.directory.pages
    world.directory.pages = lambda **how: pages(deadline=how["deadline"])  # type: ignore[method-assign]

    report = read_serially(world, "in parts 4,400 users were read, and Graph counts 100", 100)

    assert len(world.ids) == len(set(world.ids)) == report.sent


def test_who_is_in_two_parts_by_a_change_of_names_gets_one_notice() -> None:
    users = people(880)
    twin = {**users[10], "userPrincipalName": "zoe@contoso.example"}
    world = in_parts([*users, twin])

    report = world.run()

    assert (report.outcome, report.parts) == (Outcome.COMPLETED, 44)
    assert len(world.ids) == len(set(world.ids)) == report.sent
    assert [event["subject"] for event in world.events].count("user-00010") == 1


def test_a_count_that_lags_is_asked_for_again() -> None:
    world = in_parts(people(880))
    counts = iter((700, 880))
    world.directory.counts = lambda: next(counts)

    report = world.run()

    assert (report.outcome, report.parts, report.users_counted, report.note) == (Outcome.COMPLETED, 44, 880, None)


def test_a_difference_holds_where_the_tenant_does_not_count_a_second_time() -> None:
    world = in_parts(people(880))
    world.run()
    world.clock.move(days=1)
    world.directory.left_out = lambda user: int(str(user["id"])[-3:]) < 100
    counts: Iterator[int | None] = iter((880, None, 880))
    world.directory.counts = lambda: next(counts)

    read_serially(world, "in parts 780 users were read, and Graph counts 880", 880)


def test_a_directory_that_cannot_be_asked_so_is_read_serially() -> None:
    world = in_parts(people(880))
    world.directory.faults_of["m"].always = PartRefused("Graph answered 400 to a part")

    report = world.run()

    assert (report.outcome, report.users_read, report.parts) == (Outcome.COMPLETED, 880, 0)
    assert report.note == "Graph answered 400 to a part: all users were read one page after another"
    assert world.watcher.said == ["Graph answered 400 to a part: reading one page after another"]


def uncounted(world: World) -> World:
    world.directory.counts = lambda: None
    return world


def test_a_tenant_that_does_not_count_is_read_serially_first_and_then_each_seventh_day() -> None:
    world = uncounted(in_parts(people(440)))
    first = world.run()
    parts = []
    for _ in range(15):
        world.clock.move(days=1)
        report = world.run()
        assert (report.outcome, report.users_read, report.users_counted) == (Outcome.COMPLETED, 440, None)
        parts.append(report.parts)

    assert (first.outcome, first.parts) == (Outcome.COMPLETED, 0)
    assert "no run before has read them" in str(first.note)
    assert parts == [44] * 6 + [0] + [44] * 6 + [0, 44]
    assert world.watcher.said == []
    assert world.storage.ledger.records.keys() == world.storage.ledger.counts.keys()


def test_where_nothing_is_counted_too_few_or_too_many_users_have_the_run_read_serially() -> None:
    world = uncounted(in_parts(people(440)))
    world.run()
    world.clock.move(days=1)
    world.directory.left_out = lambda user: int(str(user["id"])[-3:]) < 100

    read_serially(world, f"in parts 340 users were read, and 440 in the run of {TODAY}", 440)


def test_the_proof_of_another_filter_proves_nothing() -> None:
    world = uncounted(in_parts(people(440)))
    world.run()
    world.clock.move(days=1)
    world.policy = replace(world.policy, rules=replace(world.policy.rules, filter_digest="another"))

    assert world.run().parts == 0


def test_the_coming_days_are_read_in_parts_too() -> None:
    found = {
        chains: look_ahead(world.policy, world.services, 9, world.watcher).days
        for chains in (0, CHAINS)
        for world in [in_parts(people(880), chains)]
    }

    assert found[CHAINS] == found[0]


def test_pages_come_in_the_callers_thread_and_few_wait() -> None:
    directory = FakeDirectory(people(880), page_size=1)
    taken: list[UserPage] = []

    for _, page in pages_in_parts(directory, tuple(FIRST_CHARACTERS), CHAINS):
        taken.append(page)
        assert directory.requests <= len(taken) + 2 * CHAINS

    assert sum(map(len, taken)) == 880


def test_an_interruption_stops_all_chains() -> None:
    directory = FakeDirectory(people(880), page_size=1)
    pages = pages_in_parts(directory, tuple(FIRST_CHARACTERS), CHAINS)

    next(pages)
    with pytest.raises(KeyboardInterrupt):
        pages.throw(KeyboardInterrupt())

    assert directory.requests < 100
    assert not chains_left()
