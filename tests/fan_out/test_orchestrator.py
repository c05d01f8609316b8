"""The orchestrator of a day in shards, played by the real SDK's engine with made-up activities."""

from __future__ import annotations

import ast
import itertools
import json
import random
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import pytest

from due_notices import fan_out
from due_notices.fan_out import COUNT, DIED, JUDGE, PREPARE, RECORD, SEND, whole_day
from tests.fan_out.engine import Engine, NotTheSame, ProcessEnded, handle_of

DAY = {"day": "2026-11-24", "run": "0123456789abcdef", "shards": 4}
SHARDS: list[dict[str, Any]] = [{"shard": number, "prefixes": [f"{number}a", f"{number}b"]} for number in range(4)]
ENDED = {"outcome": "completed", "run": DAY["run"]}
Answers = Mapping[str, Callable[[Any], Any]]


def part(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"shard": given["shard"], "prefixes": given["prefixes"]}


def count(given: Mapping[str, Any]) -> dict[str, Any]:
    return {**part(given), "owed": 10 + given["shard"]}


ANSWERS: Answers = {
    PREPARE: lambda _: {"began": "2026-11-24T09:00:00+00:00", "shards": SHARDS},
    COUNT: count,
    JUDGE: lambda given: {"send": not any(answer.get("error") for answer in given["counts"])},
    SEND: lambda given: {**part(given), "sent": given["owed"]},
    RECORD: lambda _: ENDED,
}


def engine(answers: Answers | None = None, seed: int = 1, **options: Any) -> Engine:
    found = {**ANSWERS, **(answers or {})}
    return Engine(handle_of(whole_day), DAY, lambda name, given, _: found[name](given), random.Random(seed), **options)


def names(played: Engine) -> list[str]:
    return [name for _, name, _ in played.asked]


def inputs(played: Engine, wanted: str) -> list[Any]:
    return [json.loads(given) for _, name, given in played.asked if name == wanted]


@pytest.mark.parametrize("seed", range(20))
def test_a_day_prepares_counts_judges_sends_and_records_whatever_the_order_in_which_shards_end(seed: int) -> None:
    played = engine(seed=seed, times=2)

    assert played.run() == ENDED

    assert names(played) == [PREPARE, *[COUNT] * 4, JUDGE, *[SEND] * 4, RECORD]
    assert played.replayed() == ENDED
    (record,) = inputs(played, RECORD)
    assert record["counts"] == [count(shard) for shard in SHARDS]
    assert record["sends"] == [{**shard, "sent": 10 + shard["shard"]} for shard in SHARDS]
    assert record["verdict"] == {"send": True}


def test_all_shards_are_under_way_at_once_and_each_send_gets_what_was_counted() -> None:
    played = engine()

    played.run()

    assert played.most_at_a_time == 4
    assert inputs(played, SEND) == [{**DAY, **shard, "owed": 10 + shard["shard"]} for shard in SHARDS]


def test_its_status_shows_the_phase() -> None:
    played = engine()

    played.run()

    assert [status["phase"] for status in played.statuses] == [
        "preparing",
        "counting",
        "judging",
        "sending",
        "recording",
    ]


def test_a_day_that_is_done_is_left() -> None:
    done = {"outcome": "already-completed", "run": "another"}

    played = engine({PREPARE: lambda _: done})

    assert played.run() == done
    assert names(played) == [PREPARE]


def test_nothing_is_sent_against_the_verdict() -> None:
    played = engine({JUDGE: lambda _: {"send": False, "report": {}}})

    played.run()

    assert names(played) == [PREPARE, *[COUNT] * 4, JUDGE, RECORD]


def test_without_shards_the_day_is_recorded_at_once() -> None:
    # For no tasks `task_all` of 1.7.0 answers None instead of a list.
    played = engine({PREPARE: lambda _: {"error": "the ledger is away"}})

    assert played.run() == ENDED

    assert names(played) == [PREPARE, RECORD]
    (record,) = inputs(played, RECORD)
    assert record["verdict"] == {"error": "the ledger is away"}
    assert (record["counts"], record["sends"]) == ([], [])


def test_parts_that_prove_nothing_are_counted_once_more_as_one_shard_of_all_users() -> None:
    whole = {"shard": 0, "prefixes": []}

    def judge(given: Mapping[str, Any]) -> dict[str, Any]:
        return {"send": True} if given["shards"] == [whole] else {"shards": [whole]}

    played = engine({JUDGE: judge})

    played.run()

    assert names(played) == [PREPARE, *[COUNT] * 4, JUDGE, COUNT, JUDGE, SEND, RECORD]
    assert inputs(played, SEND) == [{**DAY, **whole, "owed": 10}]


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("phase", [COUNT, SEND])
def test_one_shard_whose_process_ends_leaves_the_others_their_work(phase: str, seed: int) -> None:
    def die(given: Mapping[str, Any]) -> dict[str, Any]:
        if given["shard"] == 2:
            raise ProcessEnded
        return dict(ANSWERS[phase](given))

    played = engine({phase: die}, seed)

    played.run()

    (record,) = inputs(played, RECORD)
    found = record["counts" if phase == COUNT else "sends"]
    assert [answer["shard"] for answer in found] == [0, 1, 2, 3]
    assert [answer.get("error") for answer in found] == [None, None, DIED, None]
    assert [each["shard"] for each in inputs(played, phase)].count(2) == 3


@pytest.mark.parametrize("name", [PREPARE, COUNT, JUDGE, SEND, RECORD])
@pytest.mark.parametrize("seed", range(5))
def test_what_dies_once_is_done_again(name: str, seed: int) -> None:
    deaths = itertools.count()

    def die_first(given: Mapping[str, Any]) -> Any:
        if not next(deaths):
            raise ProcessEnded
        return ANSWERS[name](given)

    played = engine({name: die_first}, seed)

    assert played.run() == ENDED
    assert names(played).count(name) == (5 if name in {COUNT, SEND} else 2)
    assert played.replayed() == ENDED


def test_a_day_that_cannot_be_recorded_says_so() -> None:
    def die(_: object) -> Any:
        raise ProcessEnded

    assert engine({RECORD: die}).run() == {"outcome": "failed", "error": DIED}


def test_a_shard_that_is_asked_to_wait_slows_the_others() -> None:
    shards = [{"shard": number, "prefixes": [str(number)]} for number in range(20)]

    def throttled(given: Mapping[str, Any]) -> dict[str, Any]:
        return {**count(given), "throttled": int(given["shard"] == 3)}

    played = engine({PREPARE: lambda _: {"began": None, "shards": shards}, COUNT: throttled})
    sizes: list[int] = []
    played.activity = counting(sizes, played, played.activity)

    played.run()

    # 16 at first, of which one was asked to wait: then 8 at the most, in sending, too.
    assert max(sizes[:17]) == 16
    assert max(sizes[17:]) <= 8
    assert sorted(each["shard"] for each in inputs(played, SEND)) == list(range(20))


def counting(sizes: list[int], played: Engine, work: Callable[[str, Any, int], Any]) -> Callable[[str, Any, int], Any]:
    def count_and_work(name: str, given: Any, attempt: int) -> Any:
        sizes.append(len(played.asked) - sum(event["EventType"] in {5, 6} for event in played.history))
        return work(name, given, attempt)

    return count_and_work


def test_a_shard_that_failed_because_it_had_to_wait_is_asked_again_with_fewer_beside_it() -> None:
    tries: list[int] = []

    def refused(given: Mapping[str, Any]) -> dict[str, Any]:
        tries.append(given["shard"])
        if given["shard"] == 1 and tries.count(1) == 1:
            return {**part(given), "error": "429", "throttled": 5, "again": True}
        return count(given)

    played = engine({COUNT: refused})

    played.run()

    assert sorted(tries) == [0, 1, 1, 2, 3]
    (judged,) = inputs(played, JUDGE)
    assert judged["counts"] == [count(shard) for shard in SHARDS]


@pytest.mark.parametrize("change", ["order", "fewer", "more", "another name"])
def test_this_engine_finds_an_orchestrator_that_asks_for_something_else_at_replay(change: str) -> None:
    """Guards these tests: the SDK alone lets all but the last pass, each shard's result given to another."""
    turns = itertools.count()

    def odd(context: Any) -> Generator[Any, Any, Any]:
        changed = next(turns) > 0
        parts = ["a", "b", "c"]
        if changed and change == "order":
            parts.reverse()
        elif changed and change == "fewer":
            parts.pop()
        elif changed and change == "more":
            parts.insert(0, "d")
        name = "count again" if changed and change == "another name" else "count"
        yield context.task_all([context.call_activity(name, each, expected_type=int) for each in parts])

    with pytest.raises((NotTheSame, UserWarning)):  # the SDK warns of an answer to what is not asked
        Engine(handle_of(odd), DAY, lambda *_: 1).run()


def test_the_orchestrator_is_short_and_looks_at_nothing_but_its_input_and_the_answers() -> None:
    tree = ast.parse(Path(fan_out.__file__).read_text("utf-8"))
    functions = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name in {"whole_day", "_in_shards", "_surely"}
    ]
    asked = {node.id for function in functions for node in ast.walk(function) if isinstance(node, ast.Name)} - {
        argument.arg for function in functions for argument in function.args.args
    }

    assert sum((each.end_lineno or 0) - each.lineno + 1 for each in functions) < 70
    assert asked.isdisjoint({"uuid", "random", "os", "datetime", "time", "set", "frozenset", "Shards", "hash"})
