"""The ranges of partitions in which a user's rows are looked for."""

from __future__ import annotations

import itertools
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from due_notices.adapters.table_query import between, spans

DAYS = st.lists(st.dates(date(2026, 1, 1), date(2027, 12, 31)), max_size=40)


@given(days=DAYS, most=st.integers(1, 8))
def test_spans_hold_every_day_are_few_and_leave_the_widest_gaps_out(days: list[date], most: int) -> None:
    found = spans(days, most)

    assert len(found) == min(most, len(set(days)))
    held = [[day for day in sorted(set(days)) if first <= day <= last] for first, last in found]
    assert [day for some in held for day in some] == sorted(set(days))
    within = [later - day for some in held for day, later in itertools.pairwise(some)]
    between_them = [later[0] - some[-1] for some, later in itertools.pairwise(held)]
    assert max(within, default=timedelta()) <= min(between_them, default=timedelta.max)


def test_a_span_of_one_day_is_one_partition() -> None:
    assert between("2026-12-01", "2026-12-01") == "PartitionKey eq '2026-12-01'"
    assert between("2026-12-01", "2026-12-08") == "PartitionKey ge '2026-12-01' and PartitionKey le '2026-12-08'"
