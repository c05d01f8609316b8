"""What the list changes on a user: values of before and what the list says, to the values of after."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from due_notices.commands.import_.changes import Rules, UserChange, changed
from due_notices.commands.import_.entries import Owed
from due_notices.model import Obligation
from due_notices.obligations import parse_obligation
from tests.commands.import_.given_lists import BERLIN, TODAY

DUE = date(2026, 12, 15)


def parse(value: str) -> Obligation:
    return parse_obligation(value, BERLIN, TODAY)


def owed(ref: str = "R1", amount: str | None = "120.50", state: str = "open", due: date = DUE, line: int = 2) -> Owed:
    return Owed((line,), due, ref, amount, "EUR" if amount else None, state)  # type: ignore[arg-type]


def value(ref: str = "R1", amount: str | None = "120.50", due: date = DUE, **more: Any) -> str:
    fields = {"due": due.isoformat(), "ref": ref, "amount": amount, "currency": "EUR" if amount else None, **more}
    return json.dumps({name: text for name, text in fields.items() if text}, separators=(",", ":"))


def change(
    values: Sequence[object], *listed: Owed, complete: bool = True, several: bool = True, keep: bool = False
) -> UserChange:
    return changed(values, listed, Rules(complete, several, TODAY, parse), lambda _: keep)


def whats(found: UserChange) -> list[str]:
    return [step.what for step in found.steps]


def test_what_is_not_in_the_directory_is_new() -> None:
    found = change([], owed())

    assert (whats(found), found.after) == (["new"], (value(),))


def test_a_bare_due_date_is_written_as_a_date() -> None:
    assert change([], owed("", None)).after == ("2026-12-15",)


@pytest.mark.parametrize("before", [value(), value(amount="120.5"), value().replace(":", ": ")])
def test_what_says_the_same_stays_as_it_is_written(before: str) -> None:
    found = change([before], owed())

    assert (whats(found), found.after) == (["unchanged"], (before,))


def test_a_part_payment_changes_the_amount() -> None:
    found = change([value(amount="300.00")], owed())

    assert (whats(found), found.after) == (["changed"], (value(),))


@pytest.mark.parametrize(
    ("more", "state"), [({"status": "disputed"}, "disputed"), ({"pausedUntil": "2026-12-20"}, "open")]
)
def test_what_the_list_does_not_know_stays(more: dict[str, Any], state: str) -> None:
    (after,) = change([value(amount="300.00", **more)], owed()).after

    assert parse(after).status == state
    assert json.loads(after).get("pausedUntil") == more.get("pausedUntil")


@pytest.mark.parametrize("state", ["paid", "void"])
def test_what_the_list_says_is_closed_is_closed(state: str) -> None:
    found = change([value(pausedUntil="2026-12-20")], owed(state=state), complete=False)

    assert whats(found) == ["cleared"]
    assert json.loads(found.after[0])["status"] == state


@pytest.mark.parametrize("state", ["paid", "void"])
def test_what_is_closed_and_not_in_the_directory_is_not_written(state: str) -> None:
    found = change([], owed(state=state))

    assert (whats(found), found.after) == ([], ())


def test_a_complete_list_closes_what_it_does_not_have() -> None:
    found = change([value("R9"), value()], owed())

    assert sorted(whats(found)) == ["cleared", "unchanged"]
    assert json.loads(found.after[0])["status"] == "paid"
    assert found.after[1] == value()


def test_a_partial_list_leaves_it_alone() -> None:
    found = change([value("R9"), value()], owed(), complete=False)

    assert (whats(found), found.still_open) == (["unchanged"], 1)
    assert found.after == (value("R9"), value())


def test_what_is_in_doubt_is_left_alone() -> None:
    assert change([value("R9")], keep=True).still_open == 1


@pytest.mark.parametrize("before", ["2026-12-15", "2026-12-15T00:00:00Z", '{"due":"2026-12-15","amount":"120.50"}'])
def test_the_list_adds_the_reference_to_the_only_value_of_that_day(before: str) -> None:
    found = change([before], owed(), complete=False)

    assert (whats(found), found.after) == (["changed"], (value(),))


def test_no_reference_is_added_where_two_may_be_meant() -> None:
    assert whats(change(["2026-12-15"], owed("R1"), owed("R2"), complete=False)) == ["new", "new"]
    assert whats(change(["2026-12-15", value("R9")], owed("R1"), complete=False)) == ["new"]
    assert whats(change(['{"due":"2026-12-15","amount":"1"}'], owed("R1"), complete=False)) == ["new"]


@pytest.mark.parametrize("broken", ["tomorrow", 5, '{"due":"2026-12-15"'])
def test_what_is_malformed_stays_beside_the_others(broken: object) -> None:
    assert change([broken], owed()).after == (str(broken), value())


def test_values_that_mean_one_obligation_become_one() -> None:
    found = change([value(amount="1.00"), value(amount="2.00")], owed())

    assert found.after == (value(),)


def test_closed_values_of_long_ago_go_when_the_user_is_written_anyway() -> None:
    old = value("R0", due=date(2026, 1, 15), status="paid")

    assert change([old], owed()).after == (value(),)
    assert change([old, value()], owed()).after == (old, value())


class TestOneValue:
    """An attribute that holds one value."""

    def test_two_open_obligations_are_refused_with_their_lines(self) -> None:
        found = change([], owed("R1", line=2), owed("R2", line=7), several=False)

        assert found.refused is not None
        assert (found.refused.code, found.refused.line) == ("single", 2)
        assert "lines 2, 7" in found.refused.why
        assert "multi-valued" in found.refused.remedy

    def test_what_is_open_in_the_directory_counts_too(self) -> None:
        found = change([value("R9")], owed(), several=False, complete=False)

        assert found.refused is not None

    def test_a_complete_list_puts_the_new_one_in_the_place_of_the_old(self) -> None:
        assert change([value("R9")], owed(), several=False).after == (value(),)

    def test_an_instalment_follows_the_one_that_is_paid(self) -> None:
        later = date(2027, 1, 15)

        found = change([value()], owed(state="paid"), owed(due=later, line=3), several=False, complete=False)

        assert found.after == (value(due=later),)

    def test_what_is_paid_stays_until_something_is_open(self) -> None:
        (after,) = change([value()], several=False).after

        assert json.loads(after)["status"] == "paid"

    def test_a_malformed_value_makes_room(self) -> None:
        assert change(["tomorrow"], owed(), several=False).after == (value(),)


OWED = st.builds(
    owed,
    ref=st.sampled_from(["", "R1", "R2", "R3"]),
    amount=st.sampled_from(["1.00", "2.00", "120.50"]),
    state=st.sampled_from(["open", "paid", "void"]),
    due=st.sampled_from([DUE, date(2027, 1, 15)]),
)
VALUES = st.lists(
    st.one_of(
        st.sampled_from(["2026-12-15", "tomorrow", "2027-01-15T00:00:00Z"]),
        st.builds(
            value,
            ref=st.sampled_from(["", "R1", "R2"]),
            amount=st.sampled_from(["1.00", None]),
            status=st.sampled_from(["open", "paid", "disputed"]),
        ),
    ),
    max_size=4,
    unique=True,
)


@given(
    values=VALUES,
    listed=st.lists(OWED, max_size=4, unique_by=lambda each: each.key),
    mode=st.sampled_from(["complete", "partial"]),
)
def test_a_second_import_of_the_same_list_changes_nothing(values: list[str], listed: list[Owed], mode: str) -> None:
    first = change(values, *listed, complete=mode == "complete")

    second = change(first.after, *listed, complete=mode == "complete")

    assert set(whats(second)) <= {"unchanged"}
    assert second.after == first.after


@given(values=VALUES, listed=st.lists(OWED, max_size=4, unique_by=lambda each: each.key))
def test_after_a_complete_list_exactly_what_it_says_is_open(values: list[str], listed: list[Owed]) -> None:
    after = [parse(text) for text in change(values, *listed).after if text != "tomorrow"]

    alive = {(each.due, each.reference, each.amount) for each in after if each.status in ("open", "disputed")}
    disputed = {
        (each.due, each.reference, each.amount)
        for each in map(parse, set(values) - {"tomorrow"})
        if each.status == "disputed"
    }
    wanted = {(each.due, each.ref, each.amount) for each in listed if each.state == "open"}
    assert wanted <= alive
    assert alive - wanted <= disputed
