"""What `preview` shows of a later day: the runs until then are those that can come."""

from __future__ import annotations

from datetime import timedelta

from due_notices.commands.status.gather import look_ahead
from due_notices.schedules import read_schedule
from tests.factories import policy
from tests.run.world import TODAY, World, customer, in_days

BY = policy(-7, -3, 0, attribute=("due",))


def stages(world: World, day: int) -> list[int]:
    return sorted(notice.stage for notice in world.preview(business_date=TODAY + timedelta(days=day)).plan.notices)


def test_after_the_last_tick_of_the_window_todays_notices_come_tomorrow() -> None:
    world = World([customer(1, in_days(7))], policy=BY)
    world.clock.move(hours=8, minutes=30)  # 17:30, and the window closes at 18:00

    assert stages(world, 1) == [-7]
    assert [day.stages for day in look_ahead(BY, world.services, 2).days] == [{}, {-7: 1}]


def test_days_without_a_tick_send_nothing() -> None:
    by = policy(-7, -3, 0, attribute=("due",), schedule=read_schedule("0 0 9 * * FRI"))
    world = World([customer(1, in_days(7))], policy=by)

    assert stages(world, 3) == [-7]  # a Friday, three days late
    assert [day.closed is None for day in look_ahead(by, world.services, 4).days] == [False, False, False, True]


def test_a_completed_day_is_looked_at_again_only_where_a_tick_comes_late_enough() -> None:
    again = policy(-7, 0, attribute=("due",), look_again=timedelta(hours=4))
    world = World([], policy=again)
    world.clock.move(hours=2)
    world.run()
    world.directory.users = [customer(1, in_days(7))]

    assert stages(world, 1) == []  # the tick of 15:00 sends it
    world.clock.move(hours=4)
    world.run()
    world.directory.users = [customer(1, in_days(7)), customer(2, in_days(7))]
    assert stages(world, 1) == [-7]  # no tick comes four hours after 15:00
