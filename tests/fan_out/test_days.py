"""Days in shards, over the real activities on the fakes: as a run in one instance would have it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from due_notices.errors import DirectoryError, StorageError
from due_notices.fan_out import COUNT, JUDGE, PREPARE, RECORD, SEND
from due_notices.report import Outcome
from tests.fan_out.days import Day, crowd, named, same_figures, world_of
from tests.fan_out.engine import ProcessEnded
from tests.run.world import TODAY, in_days

USERS = 132


def alone() -> tuple[Any, list[str]]:
    """Return the report and the ids of the same day in one instance."""
    world = world_of(crowd(USERS))
    return world.run(), world.ids


@pytest.mark.parametrize("shards", [1, 2, 8, 64])
def test_shards_send_what_one_instance_sends_and_report_the_same(shards: int) -> None:
    report, ids = alone()
    day = Day(world_of(crowd(USERS)), shards)

    found = day.run()

    assert day.world.ids == ids
    assert found.outcome is Outcome.COMPLETED
    assert same_figures(found) == same_figures(report)
    assert 1 <= found.shards <= shards
    assert found.users_counted == USERS
    assert day.output == {
        "outcome": "completed",
        "run": found.run_id,
        "at": day.output["at"],
        "filterDigest": "",
        "error": None,
    }


def test_what_the_next_run_in_shards_finds_is_what_one_instance_finds() -> None:
    one, many = world_of(crowd(USERS)), world_of(crowd(USERS))
    one.run()
    day = Day(many)
    day.run()
    for world in (one, many):
        world.clock.move(days=1)

    assert same_figures(day.run()) == same_figures(one.run())
    assert many.ids == one.ids


def test_the_parts_of_the_second_day_are_those_that_the_first_found() -> None:
    day = Day(world_of(crowd(USERS)), 3)
    day.run()
    day.world.clock.move(days=1)

    day.run()

    prepared = next(json.loads(event["Result"]) for event in day.engine.history if event["EventType"] == 5)
    sizes = [
        sum(str(user["userPrincipalName"]).startswith(tuple(shard["prefixes"])) for user in day.world.users)
        for shard in prepared["shards"]
    ]
    assert sum(sizes) == USERS
    assert max(sizes) - min(sizes) < USERS / 20


@pytest.mark.parametrize("seed", range(3))
def test_activities_that_run_twice_in_any_order_send_nothing_twice(seed: int) -> None:
    report, ids = alone()
    day = Day(world_of(crowd(USERS)), 8, seed, times=2)

    found = day.run()

    assert day.world.ids == ids
    assert same_figures(found) == same_figures(report)


def test_a_day_that_is_completed_is_left() -> None:
    day = Day(world_of(crowd(50)))
    first = day.run()

    again = day.run()

    assert again.outcome is Outcome.ALREADY_COMPLETED
    assert [name for _, name, _ in day.engine.asked] == [PREPARE]
    assert day.world.record == replace(first, name_counts={})


def test_more_than_the_limit_in_all_shards_together_sends_nothing() -> None:
    world = world_of(crowd(USERS))
    owed = world.preview().plan.notices
    world.policy = replace(world.policy, limit=len(owed) - 1)
    day = Day(world)

    report = day.run()

    assert report.outcome is Outcome.LIMIT
    assert "NOTICE_LIMIT" in str(report.error)
    assert world.ids == []
    assert SEND not in {name for _, name, _ in day.engine.asked}
    assert day.output["outcome"] == "limit"


def test_one_shard_that_cannot_be_read_sends_nothing_of_any() -> None:
    day = Day(world_of(crowd(USERS)))
    day.world.directory.faults_of["b"].on(1, error=DirectoryError("Graph is down"))

    report = day.run()

    assert report.outcome is Outcome.FAILED
    assert "Graph is down" in str(report.error)
    assert day.world.ids == []

    day.world.next_tick()
    assert day.run().outcome is Outcome.COMPLETED
    assert day.world.ids == alone()[1]


def test_one_shard_that_cannot_send_leaves_the_others_sent_and_the_day_open() -> None:
    day = Day(world_of(crowd(USERS)))

    def fail(name: str, given: Any) -> None:
        if name == SEND and given["shard"] == 1:
            raise ProcessEnded

    day.before = fail
    report = day.run()

    assert report.outcome is Outcome.FAILED
    assert 0 < report.sent == len(day.world.ids) < len(alone()[1])
    assert report.sent + report.failed == report.owed == len(alone()[1])

    day.before = lambda *_: None
    day.world.next_tick()
    again = day.run()
    assert again.outcome is Outcome.COMPLETED
    assert again.sent == report.failed
    assert day.world.ids == alone()[1]
    assert day.world.record is not None
    assert day.world.record.sent == len(alone()[1])


def test_what_was_sent_is_what_the_ledger_says_and_not_what_shards_say() -> None:
    day = Day(world_of(crowd(USERS)))
    died: list[int] = []

    def die(name: str, given: Any, answer: Any) -> Any:
        if name == SEND and given["shard"] == 2 and not died:
            died.append(answer["report"]["sent"])
            raise ProcessEnded  # it has sent all, and its answer is lost
        return answer

    day.after = die
    report = day.run()

    assert died[0] > 0
    assert report.outcome is Outcome.COMPLETED
    assert same_figures(report) == same_figures(alone()[0])
    assert day.world.ids == alone()[1]


def test_a_shard_that_finds_much_more_than_was_counted_sends_nothing_of_it() -> None:
    world = world_of([named(number) for number in range(100)])
    day = Day(world)

    def grow(name: str, given: Any) -> None:
        del given
        if name == SEND and len(world.directory.users) == 100:
            world.directory.users = [named(number) for number in range(400)]

    day.before = grow
    report = day.run()

    assert report.outcome is Outcome.FAILED
    assert "were counted" in str(report.error)
    assert world.ids == []


def test_a_shard_that_finds_a_little_more_than_was_counted_sends_it() -> None:
    world = world_of([named(number) for number in range(100)])
    day = Day(world)

    def grow(name: str, given: Any) -> None:
        del given
        if name == SEND:
            world.directory.users = [named(number) for number in range(105)]

    day.before = grow
    report = day.run()

    assert report.outcome is Outcome.COMPLETED
    assert report.sent == len(world.ids) == 105


def test_a_fall_sends_and_leaves_the_day_open() -> None:
    day = Day(world_of(crowd(USERS)))
    day.run()
    day.world.clock.move(days=1)
    day.world.directory.users = crowd(USERS)[: USERS // 2]

    report = day.run()

    assert report.outcome is Outcome.FALLEN
    assert "users were read" in str(report.error)


def test_a_user_in_no_part_is_found_by_the_proof_and_all_are_read_in_one_shard() -> None:
    odd = [{**user, "userPrincipalName": f"é{number}@example.com"} for number, user in enumerate(crowd(30))]
    users = [*crowd(USERS), *({**user, "id": f"odd-{user['id']}"} for user in odd)]
    one = world_of(users)
    one.run()
    day = Day(world_of(users))

    report = day.run()

    assert [name for _, name, _ in day.engine.asked].count(JUDGE) == 2
    assert day.world.ids == one.ids
    assert report.shards == 1
    assert report.users_read == len(users)


def test_a_tenant_that_does_not_count_is_read_in_one_shard_until_a_number_is_proved() -> None:
    day = Day(world_of(crowd(USERS)))
    day.world.directory.counts = lambda: None

    assert day.run().shards == 1
    day.world.clock.move(days=1)
    assert day.run().shards == 4


def test_answers_of_other_shards_than_were_asked_for_send_nothing() -> None:
    day = Day(world_of(crowd(USERS)))

    def swap(name: str, given: Any, answer: Any) -> Any:
        del given
        return {**answer, "prefixes": ["z"]} if name == COUNT and answer["shard"] == 1 else answer

    day.after = swap
    report = day.run()

    assert report.outcome is Outcome.FAILED
    assert "not those that were asked for" in str(report.error)
    assert day.world.ids == []


def test_a_day_that_ends_on_its_way_sends_nothing_more() -> None:
    day = Day(world_of(crowd(USERS)))

    def late(name: str, given: Any) -> None:
        del given
        if name == SEND and day.world.clock.now().date() == TODAY:
            day.world.clock.move(days=1)

    day.before = late
    report = day.run()

    assert report.business_date == TODAY
    assert f"{TODAY} is over" in str(report.error)
    assert day.world.ids == []


def test_a_window_that_closes_on_its_way_sends_nothing_more() -> None:
    day = Day(world_of(crowd(USERS)))

    def late(name: str, given: Any) -> None:
        del given
        if name == COUNT and day.world.clock.now().hour < 18:
            day.world.clock.move(hours=10)

    day.before = late
    report = day.run()

    assert report.outcome is Outcome.FAILED
    assert "outside the send window" in str(report.error)
    assert day.world.ids == []


@pytest.mark.parametrize("name", [PREPARE, COUNT, JUDGE, SEND, RECORD])
def test_a_ledger_that_fails_ends_in_one_report_that_is_logged(name: str) -> None:
    day = Day(world_of(crowd(50)))

    def away(now: str, given: Any) -> None:
        del given
        day.world.storage.unopenable = StorageError("the ledger is away") if now == name else None

    day.before = away
    report = day.run()

    assert len(day.reports) == 1
    assert report.outcome is Outcome.FAILED
    assert "the ledger is away" in str(report.error)
    assert day.output["outcome"] == "failed"
    assert bool(day.world.ids) == (name == RECORD)

    day.before = lambda *_: None
    day.world.storage.unopenable = None
    day.world.next_tick()
    assert day.run().outcome is Outcome.COMPLETED


def test_nothing_personal_goes_through_the_history() -> None:
    day = Day(world_of(crowd(USERS)))
    day.run()
    text = json.dumps(day.engine.history) + json.dumps(day.engine.statuses)

    assert len(text) > 1000
    for user in day.world.users:
        for name in ("id", "mail", "displayName", "userPrincipalName"):
            assert str(user.get(name) or "no such text") not in text


def test_the_ids_of_a_shards_claims_begin_with_its_mark() -> None:
    day = Day(world_of(crowd(USERS)))
    report = day.run()

    marks = {past.claim_id[:12] for rows in day.world.storage.ledger.rows.values() for past in rows.values()}
    assert marks == {report.run_id[:12]}
    shards = {
        int(past.claim_id[12:14], 16) for rows in day.world.storage.ledger.rows.values() for past in rows.values()
    }
    assert shards == {0, 1, 2, 3}


def test_a_day_without_users_is_completed() -> None:
    day = Day(world_of([]))

    assert day.run().outcome is Outcome.COMPLETED


def test_a_ladder_in_shards_goes_on_as_in_one_instance() -> None:
    one, many = world_of(crowd(USERS)), world_of(crowd(USERS))
    day = Day(many, 8)
    for _ in range(6):
        assert same_figures(day.run()) == same_figures(one.run())
        for world in (one, many):
            world.clock.move(days=1)
    assert many.ids == one.ids
    assert in_days(0) == TODAY.isoformat()
    assert many.clock.now() - one.clock.now() == timedelta()


def test_users_who_are_missing_when_it_is_sent_leave_the_day_open() -> None:
    users = [named(number) for number in range(100)]
    lost = [{**named(number, in_days(7)), "id": f"lost-{number}"} for number in range(30)]
    world = world_of([*users, *lost])
    day = Day(world)

    def lose(name: str, given: Any) -> None:
        del given
        world.directory.users = users if name == SEND else [*users, *lost]

    day.before = lose
    report = day.run()

    assert report.outcome is Outcome.FAILED
    assert "100 users were read to send, and 130 to count" in str(report.error)

    day.before = lambda *_: None
    world.directory.users = [*users, *lost]
    world.next_tick()
    assert day.run().outcome is Outcome.COMPLETED
    assert len(world.ids) == 130


def test_values_that_are_missing_when_it_is_sent_leave_the_day_open() -> None:
    users = [named(number) for number in range(100)]
    world = world_of(users)
    day = Day(world)

    def lose(name: str, given: Any) -> None:
        del given
        world.directory.users = [{**user, "due": None} for user in users] if name == SEND else users

    day.before = lose
    report = day.run()

    assert (report.outcome, report.sent) == (Outcome.FAILED, 0)
    assert report.error == "0 obligations were read to send, and 100 to count: the next tick looks for the rest"


@pytest.mark.parametrize("step", [COUNT, SEND])
def test_settings_that_change_on_the_way_leave_the_day_open(step: str) -> None:
    day = Day(world_of(crowd(USERS)))

    def change(name: str, given: Any) -> None:
        if name == step and given["shard"] == 2:
            rules = replace(day.world.policy.rules, filter_digest="another filter")
            day.world.policy = replace(day.world.policy, rules=rules)

    day.before = change
    report = day.run()

    assert report.outcome is Outcome.FAILED
    assert "the settings are not those with which the day's orchestration began" in str(report.error)
    assert len(day.world.ids) < len(alone()[1])

    day.world.next_tick()
    assert day.run().outcome is Outcome.COMPLETED
    assert day.world.ids == alone()[1]


def test_a_day_that_another_run_has_completed_is_done_for_those_with_its_filter() -> None:
    day = Day(world_of(crowd(50)))
    day.world.policy = replace(day.world.policy, rules=replace(day.world.policy.rules, filter_digest="a filter"))
    day.world.run()

    day.run()

    assert day.output["outcome"] == "already-completed"
    assert day.output["filterDigest"] == "a filter"


def test_who_was_missed_is_named_in_the_log_as_by_one_instance() -> None:
    found = []
    for in_shards in (True, False):
        world = world_of([named(number, in_days(60)) for number in range(40)])
        run = Day(world).run if in_shards else world.run
        run()
        late = [{**named(number, in_days(2)), "id": f"late-{number}"} for number in range(40)]
        world.directory.users = [*world.directory.users, *late]
        world.clock.move(days=14)
        missed = run().missed
        names = [line.partition("by user: ")[2].split(", ") for line in world.watcher.details if "missed obl" in line]
        found.append((missed, sorted(name for some in names for name in some)))

    assert found[0] == found[1] == (40, sorted(f"late-{number}" for number in range(40)))
