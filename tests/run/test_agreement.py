"""`explain`, `preview` and `run` decide alike, whatever the customers, the calendar and what went before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from due_notices.commands.explain.gather import Explanation, explain_user
from due_notices.commands.preview.gather import preview_day
from due_notices.policy import Policy
from due_notices.report import Outcome
from due_notices.run import send_due_notices
from due_notices.services import Services
from due_notices.stages import EveryDay, HolidayCalendar
from tests import factories
from tests.fakes import START, FakeDirectory, FakeStorage, MovableClock

CALENDARS = (EveryDay(), HolidayCalendar("DE"), HolidayCalendar("SA"))
TODAY = START.date()
# Few addresses, references and dates, so that two accounts often tell one person the same thing.
ADDRESSES = ("ada@example.com", "Ada@Example.com", "ada@example.com", "not an address", None)


@st.composite
def attribute_values(draw: st.DrawFn) -> str:
    due = TODAY + timedelta(days=draw(st.sampled_from([-5, -2, 0, 0, 1, 1, 2, 6])))
    kind = draw(st.sampled_from(["date", "json", "json", "json", "malformed"]))
    if kind == "date":
        return due.isoformat()
    if kind == "malformed":
        return draw(st.sampled_from(["tomorrow", "2026-13-01", '{"ref":"A"}']))
    fields: dict[str, Any] = {"ref": draw(st.sampled_from(["A", "A", "A", ""]))}
    if draw(st.booleans()):
        fields["status"] = draw(st.sampled_from(["open", "paid", "void", "disputed"]))
    if draw(st.integers(0, 4)) == 0:
        fields["pausedUntil"] = (TODAY + timedelta(days=draw(st.integers(-2, 4)))).isoformat()
    return json.dumps({"due": due.isoformat(), **fields})


@st.composite
def customers(draw: st.DrawFn) -> list[dict[str, Any]]:
    users = []
    for number in range(draw(st.integers(1, 5))):
        values = draw(st.lists(attribute_values(), max_size=3))
        users.append(
            {
                "id": f"00000000-0000-4000-8000-{number:012d}",
                "accountEnabled": draw(st.integers(0, 6)) > 0,
                "mail": draw(st.sampled_from(ADDRESSES)),
                factories.ATTRIBUTE: values,
            }
        )
    return users


def explained(
    policy: Policy, services: Services, users: Sequence[dict[str, Any]], day: date | None = None
) -> list[Explanation]:
    found = [explain_user(policy, services, str(user["id"]), business_date=day) for user in users]
    assert None not in found
    return [explanation for explanation in found if explanation is not None]


def notices(explanations: Sequence[Explanation], *verdicts: str) -> list[str]:
    return sorted(
        view.current.notice_id
        for explanation in explanations
        for view in explanation.view.obligations
        if explanation.verdict(view) in verdicts and view.current is not None
    )


def skips(explanations: Sequence[Explanation]) -> list[str]:
    return sorted(
        str(view.reason)
        for explanation in explanations
        for view in explanation.view.obligations
        if explanation.verdict(view) == "skipped"
    )


@given(
    users=customers(),
    calendar=st.sampled_from(CALENDARS),
    days=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    allow_list=st.sampled_from([frozenset[str](), frozenset({"ada@example.com"})]),
)
def test_explain_preview_and_run_never_disagree(
    users: list[dict[str, Any]], calendar: Any, days: list[int], allow_list: frozenset[str]
) -> None:
    storage, clock = FakeStorage(), MovableClock(START)
    policy = factories.policy(-7, -3, -1, 0, 2, calendar=calendar, allow_list=allow_list)
    services = Services(lambda: FakeDirectory(users), storage, clock)

    for step in days:
        clock.move(days=step)
        seen = preview_day(policy, services, list_skips=None)
        told = explained(policy, services, users)

        assert notices(told, "owed", "claimed") == sorted(item.id for item in seen.standing.owed)
        assert skips(told) == sorted(str(skip.reason) for skip in seen.plan.skips)
        before = set(storage.ledger.sent_ids)

        report = send_due_notices(policy, services)

        if report.outcome is Outcome.OUTSIDE_WINDOW:
            assert storage.ledger.sent_ids == before
            continue
        assert report.outcome is Outcome.COMPLETED
        assert storage.ledger.sent_ids - before == {item.id for item in seen.standing.owed}
        assert report.skipped == seen.plan.skipped
        assert not notices(explained(policy, services, users), "owed", "claimed")


@given(users=customers(), ahead=st.integers(0, 6))
def test_preview_and_explain_of_another_day_agree(users: list[dict[str, Any]], ahead: int) -> None:
    policy = factories.policy(-7, -3, -1, 0, 2)
    services = Services(lambda: FakeDirectory(users), FakeStorage(), MovableClock(START))
    day = TODAY + timedelta(days=ahead)

    seen = preview_day(policy, services, business_date=day)

    told = explained(policy, services, users, day)
    assert notices(told, "owed") == sorted(item.id for item in seen.standing.owed)
