"""The queries of the alarms and the workbook: they parse, they bind, and they mean what they say."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from due_notices.planning import Rules
from due_notices.policy import Policy
from due_notices.report import Outcome
from due_notices.stages import HolidayCalendar, SendWindow, Stages
from tests.infra import kql_service, query_cases
from tests.infra.query_cases import CASES, Case

INFRA = Path(__file__).resolve().parents[2] / "infra"
QUERIES = sorted(path.relative_to(INFRA).with_suffix("").as_posix() for path in INFRA.glob("*/*.kql"))


def query(name: str) -> str:
    return (INFRA / f"{name}.kql").read_text(encoding="utf-8")


WRONG = {
    "AppTraces | where Mesage == ''": "Mesage",
    "AppTrace | count": "AppTrace",
    "AppTraces | where tostrin(Message) == ''": "tostrin",
    "AppTraces | summarise count()": "Query operator expected",
    "AppTraces | where Message ==": "Missing expression",
}
UNKNOWN = "AppTraces | extend Longer = strcat(Message, '')"


@cache
def all_answers() -> list[kql_service.Answer]:
    """Ask everything at once: a start of the language service takes a second."""
    jobs = [kql_service.Job(query(name)) for name in QUERIES]
    jobs += [kql_service.Job(query(case.query), case.tables) for case in CASES]
    jobs += [kql_service.Job(text) for text in WRONG]
    jobs += [kql_service.Job(UNKNOWN, {"AppTraces": ({"Message": ""},)})]
    return kql_service.ask(jobs, query_cases.NOW)


def answers() -> dict[str, kql_service.Answer]:
    return dict(zip(QUERIES, all_answers(), strict=False))


def case_answers() -> list[kql_service.Answer]:
    return all_answers()[len(QUERIES) : len(QUERIES) + len(CASES)]


def test_there_are_queries() -> None:
    assert len(QUERIES) >= 15


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_parses_and_binds_against_the_tables_of_a_workspace(name: str) -> None:
    assert answers()[name].diagnostics == ()


@pytest.mark.parametrize("name", [name for name in QUERIES if name.startswith("queries/")])
def test_an_alarm_answers_with_one_number_called_value(name: str) -> None:
    ((column, kind),) = answers()[name].columns

    assert column == "Value"
    assert kind in {"int", "long"}


@pytest.mark.parametrize("name", QUERIES)
def test_a_query_reads_only_what_a_report_has(name: str) -> None:
    assert set(answers()[name].paths) <= query_cases.report_fields()


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_has_a_case(name: str) -> None:
    assert name in {case.query for case in CASES}


@pytest.mark.parametrize(
    ("number", "case"), list(enumerate(CASES)), ids=[f"{case.query} {case.shows}" for case in CASES]
)
def test_a_query_means_what_it_says(number: int, case: Case) -> None:
    rows = case_answers()[number].rows

    assert rows is not None
    assert sorted(map(str, rows)) == sorted(map(str, case.expected))


def test_rows_come_in_the_order_that_the_chart_wants() -> None:
    for number, case in enumerate(CASES):
        if case.query in {"workbook/waiting", "workbook/skipped-by-reason"}:
            assert list(case_answers()[number].rows or ()) == list(case.expected)


@pytest.mark.parametrize(("number", "text"), list(enumerate(WRONG)), ids=list(WRONG))
def test_the_language_service_finds_what_is_wrong(number: int, text: str) -> None:
    answer = all_answers()[len(QUERIES) + len(CASES) + number]

    assert WRONG[text] in " ".join(answer.diagnostics)


def test_the_evaluator_refuses_what_it_does_not_know() -> None:
    answer = all_answers()[-1]

    assert (answer.rows, answer.refused) == (None, "function strcat is not known here")


def test_the_reason_for_a_closed_day_is_the_one_that_the_alarm_knows() -> None:
    policy = Policy(
        rules=Rules(Stages((0,), 3, HolidayCalendar("DE")), UTC, ("attribute",)),
        window=SendWindow.parse("08:00-18:00"),
        limit=1,
        lapse=timedelta(minutes=10),
        source="",
    )
    saturday, wednesday = datetime(2026, 3, 7, 12, tzinfo=UTC), datetime(2026, 3, 4, 7, tzinfo=UTC)

    closed = [policy.why_closed(saturday), policy.why_closed(wednesday)]
    rows = [[query_cases.tick(1, Outcome.OUTSIDE_WINDOW, note=note)] for note in closed]
    jobs = [kql_service.Job(query("queries/no-completed-run"), {"AppTraces": row}) for row in rows]
    answered = kql_service.ask(jobs, query_cases.NOW)

    assert [answer.rows for answer in answered] == [({"Value": 1},), ({"Value": 0},)]
