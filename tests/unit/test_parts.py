"""By which beginnings of names the directory is read, and what proves that nobody was left out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.adapters.table_rows import name_counts_of, run_entity
from due_notices.parts import (
    CHAINS,
    FIRST_CHARACTERS,
    LEAST_SPLIT,
    MOST_COUNTS,
    NEXT_CHARACTERS,
    Parts,
    chains_wanted,
    last_in_parts,
    last_proved,
    prefixes_of,
    rolled_up,
    shards_of,
)
from due_notices.report import RunReport
from tests.factories import on, run_report

TODAY = on("2026-11-24")
MILLION = 1_000_000

prefixes = st.builds("{}{}".format, st.sampled_from(FIRST_CHARACTERS), st.text(NEXT_CHARACTERS, max_size=5))
histograms = st.dictionaries(prefixes, st.integers(1, 3 * MILLION), max_size=12)
names = st.builds(
    "{}{}@contoso.example".format, st.sampled_from(FIRST_CHARACTERS), st.text(FIRST_CHARACTERS, max_size=14)
) | st.builds("{}@contoso.example".format, prefixes)


def begins(name: str, counts: Mapping[str, int], chains: int = CHAINS) -> list[str]:
    return [prefix for prefix in prefixes_of(counts, chains) if name.startswith(prefix)]


@given(names, histograms, st.sampled_from([1, 3, 16, 32, 800]))
def test_each_legal_name_is_in_exactly_one_part(name: str, counts: dict[str, int], chains: int) -> None:
    assert len(begins(name, counts, chains)) == 1


def test_every_legal_character_has_a_part_where_nothing_is_known() -> None:
    assert prefixes_of({}, CHAINS) == tuple(sorted("abcdefghijklmnopqrstuvwxyz0123456789'.-_!#^~"))


def test_what_is_too_heavy_is_split_by_one_character_and_the_heaviest_comes_first() -> None:
    counts = {"a": 300_000, "b": 50_000, "c": 90_000, "d": 560_000}

    found = prefixes_of(counts, CHAINS)

    split = {prefix[0] for prefix in found if len(prefix) > 1}
    assert split == {"a", "c", "d"}
    assert found[0] == "b"  # each of the new parts is taken for a share of the one that was split
    assert found[1] == "d!"
    assert len(found) == len(FIRST_CHARACTERS) - 3 + 3 * len(NEXT_CHARACTERS)


def test_parts_become_even_however_long_the_beginning_that_all_names_share() -> None:
    users = [f"customer.{number}@contoso.example" for number in range(10_000)]
    counts: Mapping[str, int] = {}
    for _ in range(11):
        found = prefixes_of(counts, CHAINS)
        counts = rolled_up(Counter(prefix for user in users for prefix in found if user.startswith(prefix)))
        counts = {prefix: 100 * count for prefix, count in counts.items()}

    assert sum(counts.values()) == MILLION
    assert max(counts.values()) <= MILLION / CHAINS * 1.25 + 100 * 1_111


def test_what_has_become_light_is_one_part_again() -> None:
    counts = {"ab": 4_000, "ac": 5_000, "b": MILLION}

    found = prefixes_of(counts, CHAINS)

    assert "a" in found
    assert "ab" not in found


def test_few_users_are_split_by_nothing_but_the_first_character() -> None:
    assert set(map(len, prefixes_of({"a": LEAST_SPLIT}, 32))) == {1}
    assert set(map(len, prefixes_of({"a": LEAST_SPLIT + 1}, 32))) == {1, 2}


def test_no_part_goes_on_beyond_the_name_itself() -> None:
    assert max(map(len, prefixes_of({"a@": MILLION, "a@c": MILLION}, CHAINS))) == 2
    assert max(map(len, prefixes_of({"a" * 12: MILLION}, CHAINS))) == 12


def test_guids_stay_sixteen_even_parts() -> None:
    counts = dict.fromkeys("0123456789abcdef", MILLION // 16)

    assert prefixes_of(counts, CHAINS)[:16] == tuple("0123456789abcdef")


@given(histograms)
def test_counts_come_back_from_the_row(counts: dict[str, int]) -> None:
    report = run_report(TODAY, name_counts=rolled_up(counts))

    assert name_counts_of(run_entity(report)) == report.name_counts == counts
    assert "nameCounts" not in report.to_json()
    assert RunReport.from_dict(report.to_dict()).name_counts == {}


@pytest.mark.parametrize("kept", [None, "", "[]", '{"a": "many"}', "{", "null", 5])
def test_counts_that_cannot_be_read_are_none(kept: object) -> None:
    assert name_counts_of({"nameCounts": kept}) == {}


@pytest.mark.parametrize("counts", [{"": 5}, {"$": 5}, {"A": 5}, {"a": -1}, {"a" * 13: 5}])
def test_counts_that_no_run_leaves_change_nothing(counts: dict[str, int]) -> None:
    assert prefixes_of(counts, CHAINS) == prefixes_of({}, CHAINS)


def test_a_row_has_room_for_the_counts_of_the_largest_directory() -> None:
    longest = 4_000_000_000
    counts = {f"{'c' * 10}{first}{second}": longest for first in FIRST_CHARACTERS for second in NEXT_CHARACTERS}
    counts["a"] = 1

    found = rolled_up(counts)

    assert len(found) == MOST_COUNTS
    assert sum(found.values()) == sum(counts.values())
    assert len(json.dumps(found, separators=(",", ":"))) < 28_000
    assert all(len(begins(f"{'c' * 10}{sign}@x", found)) == 1 for sign in FIRST_CHARACTERS)


@pytest.mark.parametrize(
    ("setting", "users", "outcome", "chains"),
    [
        (None, 50_000, "completed", CHAINS),
        (None, 49_999, "completed", 0),
        (None, 50_000, "failed", 0),
        (0, 50_000, "completed", 0),
        (5, 10, "completed", 5),
        (5, 10, "failed", 5),
    ],
)
def test_how_many_chains(setting: int | None, users: int, outcome: str, chains: int) -> None:
    assert chains_wanted(setting, [run_report("2026-11-23", outcome, users_read=users)]) == chains
    assert chains_wanted(setting, []) == (setting or 0)


def days_ago(days: int, outcome: str = "completed", **figures: Any) -> RunReport:
    return run_report(TODAY - timedelta(days=days), outcome, **figures)


def test_a_run_that_read_serially_or_was_counted_is_proved() -> None:
    serial, counted, alone = days_ago(9), days_ago(5, parts=44, users_counted=10), days_ago(2, parts=44)

    assert last_proved([]) is None
    assert last_proved([serial, alone]) is serial
    assert last_proved([serial, counted, alone]) is counted
    assert last_proved([days_ago(1, "fallen"), days_ago(1, "failed", parts=44)]) is None


def test_counts_are_those_of_the_last_completed_run_in_parts() -> None:
    older, newer = days_ago(5, parts=44), days_ago(3, parts=88)

    assert last_in_parts([older, newer, days_ago(2), days_ago(1, "failed", parts=44)]) is newer
    assert last_in_parts([days_ago(2)]) is None


def parts(proved: RunReport | None = None) -> Parts:
    return Parts(CHAINS, TODAY, 20, proved)


def test_a_tenant_that_counts_proves_the_parts_on_any_day() -> None:
    assert parts().why_serial(0) is None


def test_another_tenant_is_read_serially_at_first_and_each_seventh_day() -> None:
    assert "does not count" in str(parts().why_serial(None))
    assert parts(days_ago(6)).why_serial(None) is None
    assert "2026-11-17" in str(parts(days_ago(7)).why_serial(None))


@pytest.mark.parametrize(
    ("read", "proved"), [(990, True), (989, False), (1_010, True), (1_011, False), (0, False), (1_000, True)]
)
def test_the_sum_is_within_one_percent_of_what_the_tenant_counts(read: int, proved: bool) -> None:  # noqa: FBT001
    why = parts(days_ago(1, users_read=5)).why_unproved(read, 1_000)

    assert (why is None) is proved
    assert why is None or why == f"in parts {read:,} users were read, and Graph counts 1,000"


def test_no_users_are_proved_where_none_are_counted() -> None:
    assert parts().why_unproved(0, 0) is None
    assert parts().why_unproved(1, 0) is not None


@pytest.mark.parametrize(("read", "proved"), [(800, True), (799, False), (1_200, True), (1_201, False)])
def test_where_nothing_is_counted_the_sum_is_near_the_last_proved(read: int, proved: bool) -> None:  # noqa: FBT001
    why = parts(days_ago(3, users_read=1_000)).why_unproved(read, None)

    assert (why is None) is proved
    assert why is None or why == f"in parts {read:,} users were read, and 1,000 in the run of 2026-11-21"


def test_without_any_number_nothing_is_proved() -> None:
    assert parts().why_unproved(1_000, None) is not None


@given(st.integers(1, 64), st.dictionaries(st.sampled_from(FIRST_CHARACTERS), st.integers(1, 10**6)))
def test_shards_have_each_prefix_once_in_order_and_none_is_empty(number: int, counts: dict[str, int]) -> None:
    prefixes = prefixes_of(counts, 4 * number)

    shards = shards_of(prefixes, counts, number)

    assert sorted(prefix for shard in shards for prefix in shard) == sorted(prefixes)
    assert len(shards) == min(number, len(prefixes))
    assert all(shard and list(shard) == sorted(shard) for shard in shards)


def test_shards_are_about_as_heavy_as_each_other() -> None:
    counts = {sign: 1_000 * place for place, sign in enumerate(FIRST_CHARACTERS, 1)}

    sizes = [sum(counts[prefix] for prefix in shard) for shard in shards_of(tuple(counts), counts, 8)]

    assert max(sizes) < 1.05 * min(sizes)


def test_a_prefix_that_was_never_counted_weighs_its_share_of_the_one_it_comes_from() -> None:
    counts = {"a": 300, "b": 100}

    assert shards_of(("aa", "ab", "ac", "b"), counts, 4) == [("aa",), ("ab",), ("ac",), ("b",)]
    assert shards_of(("aa", "ab", "ac", "b"), counts, 2) == [("aa", "ac"), ("ab", "b")]
