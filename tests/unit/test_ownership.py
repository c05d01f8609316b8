from __future__ import annotations

import pytest

from due_notices.ownership import FORMAT, Deployment, Owner, why_refused

MINE = Deployment("a-tenant", "extension_0_dueDate", "due-notices")


def why(found: Owner | None, mine: Deployment = MINE, *, has_rows: bool = True, accept: bool = False) -> str | None:
    return why_refused(found, mine, table="the-table", has_rows=has_rows, accept=accept)


def test_an_empty_ledger_is_accepted() -> None:
    assert why(None, has_rows=False) is None


@pytest.mark.parametrize("accept", [True, False])
def test_rows_without_an_owner_are_refused(*, accept: bool) -> None:
    told = why(None, accept=accept)

    assert told is not None
    for hint in ("the-table", "older version", "LEDGER_TABLE"):
        assert hint in told


@pytest.mark.parametrize("accept", [True, False])
@pytest.mark.parametrize("version", [FORMAT + 1, FORMAT - 1, None])
def test_another_format_is_refused_with_both_numbers(version: int | None, *, accept: bool) -> None:
    told = why(Owner(version, MINE), accept=accept)

    assert told is not None
    assert f"knows format {FORMAT}" in told
    assert "unreadable" in told if version is None else f"format {version} " in told


def test_the_case_of_letters_makes_no_other_deployment() -> None:
    assert why(Owner(FORMAT, Deployment(*(part.upper() for part in MINE)))) is None


@pytest.mark.parametrize("name", Deployment._fields)
def test_what_differs_is_named_and_nothing_else(name: str) -> None:
    told = why(Owner(FORMAT, MINE._replace(**{name: "theirs"})))

    assert told is not None
    assert f"{name} theirs, not {getattr(MINE, name)}" in told
    assert [other for other in Deployment._fields if f"{other} " in told] == [name]


@pytest.mark.parametrize(
    ("changed", "refused"),
    [
        ({"attribute": "x"}, False),
        ({"queue": "x"}, False),
        ({"attribute": "x", "queue": "y"}, False),
        ({"tenant": "x"}, True),
        ({"tenant": "x", "queue": "y"}, True),
    ],
)
def test_a_changed_attribute_or_queue_may_be_accepted_and_no_tenant(changed: dict[str, str], *, refused: bool) -> None:
    assert (why(Owner(FORMAT, MINE._replace(**changed)), accept=True) is not None) is refused
