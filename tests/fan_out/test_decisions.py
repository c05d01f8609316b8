"""What eight shards decide about 5,000 customers is what one reading decides; `make faults` asks 100,000."""

from __future__ import annotations

from tests.fan_out.decisions import a_later_day, differences


def test_eight_shards_decide_one_by_one_as_one_reading() -> None:
    assert [*differences(a_later_day(5_000))] == []


def test_a_user_whom_no_shard_reads_is_found() -> None:
    world = a_later_day(200)
    world.directory.left_out = lambda user: str(user["id"]).endswith("7")

    assert [*differences(world)] != []
