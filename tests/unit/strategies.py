"""Random customers, rules and days for the property tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from due_notices.calendars import BusinessCalendar, EveryDay, HolidayCalendar
from due_notices.ladder import CompletedRun, Day, day_of
from due_notices.planning import Rules
from tests.factories import ALICE, BOB, CARLA, DMITRI, ERIN, graph_user, obligation_json, on, rules

calendars: st.SearchStrategy[BusinessCalendar] = st.sampled_from(
    [EveryDay(), HolidayCalendar("DE"), HolidayCalendar("US-NY"), HolidayCalendar("SA")]
)
stage_sets = st.lists(st.integers(-10, 10), min_size=1, max_size=5, unique=True).map(sorted).map(tuple)
some_rules = st.builds(
    lambda days, catch_up, calendar, zone: rules(*days, catch_up_days=catch_up, calendar=calendar, time_zone=zone),
    stage_sets,
    st.integers(0, 6),
    calendars,
    st.sampled_from([ZoneInfo("UTC"), ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Auckland")]),
)
TODAY = on("2026-04-08")  # just after Easter; Orthodox and Islamic feasts are near too
When = Callable[[Rules], Day]


def _when(ahead: int, back: int | None) -> When:
    today = TODAY + timedelta(days=ahead)
    runs = [CompletedRun(today - timedelta(days=back))] if back else []
    return lambda by: day_of(today, by.stages, runs)


some_days = st.builds(_when, st.integers(-9, 9), st.none() | st.integers(1, 40))
dues = st.integers(-35, 25).map(lambda offset: TODAY + timedelta(days=offset))


@st.composite
def values(draw: st.DrawFn) -> object:
    due = draw(dues).isoformat()
    return draw(
        st.sampled_from([due, due, f"{due}T00:00:00Z", f"{due}T22:30:00Z", "soon", 7])
        | st.builds(
            lambda fields: obligation_json(due, **{name: value for name, value in fields.items() if value}),
            st.fixed_dictionaries(
                {
                    "ref": st.sampled_from(["", "INV-1", "INV-2"]),
                    "amount": st.sampled_from(["", "5", "7.50"]),
                    "status": st.sampled_from(["", "", "", "open", "paid", "void", "disputed"]),
                    "pausedUntil": st.none() | dues.map(str),
                }
            ),
        )
    )


@st.composite
def populations(draw: st.DrawFn) -> list[dict[str, object]]:
    cast = [ALICE, BOB, CARLA, DMITRI, ERIN, "f00", "f01"]
    return [
        graph_user(
            *draw(st.lists(values(), max_size=4)),
            who=one,
            **draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "accountEnabled": st.booleans(),
                        "mail": st.sampled_from(["shared@example.com", "Shared@example.com", "x", None]),
                        "id": st.sampled_from([None, one]),
                    },
                )
            ),
        )
        for one in draw(st.lists(st.sampled_from(cast), min_size=1, max_size=7, unique=True))
    ]
