"""The queries of the alarms and the workbook: they parse, they bind, and they mean what they say."""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from due_notices.calendars import HolidayCalendar
from due_notices.planning import Rules
from due_notices.policy import Policy
from due_notices.stages import SendWindow, Stages
from tests.fan_out.test_starter import DONE, found, tick
from tests.infra import infra_rules, kql_service, query_cases
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


@cache
def empty_answers() -> dict[str, kql_service.Answer]:
    """Run each query in a workspace that has no table yet."""
    return dict(zip(QUERIES, kql_service.ask([kql_service.Job(query(name), {}) for name in QUERIES]), strict=True))


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
        if case.query.startswith("workbook/") and len(case.expected) > 1 and "Stage" not in case.expected[0]:
            order = ("Day", "TimeGenerated", "Skipped")
            rows = [tuple(row.get(name) for name in order) for row in case_answers()[number].rows or ()]
            assert rows == [tuple(row.get(name) for name in order) for row in case.expected]


@pytest.mark.parametrize("name", [name for name in QUERIES if name.startswith("queries/")])
def test_an_alarm_is_answered_in_an_empty_workspace(name: str) -> None:
    answer = empty_answers()[name]

    assert answer.refused is None
    assert answer.rows in [(), ({"Value": 0},)]


@pytest.mark.parametrize("name", [name for name in QUERIES if name.startswith("workbook/")])
def test_a_chart_is_empty_in_an_empty_workspace(name: str) -> None:
    assert (empty_answers()[name].refused, empty_answers()[name].rows) == (None, ())


def test_a_query_on_a_table_that_is_not_there_is_refused_and_a_misspelling_found_all_the_same() -> None:
    plain, fuzzy, misspelt = (
        answer
        for answer in kql_service.ask(
            [
                kql_service.Job("AppTraces | count", {}),
                kql_service.Job("union isfuzzy=true AppTraces, (datatable(Message: string)[]) | count", {}),
                kql_service.Job(
                    "union isfuzzy=true AppTraces, (datatable(Message: string)[]) | where Mesage == ''", {}
                ),
            ]
        )
    )

    assert plain.refused == "Failed to resolve table AppTraces"
    assert fuzzy.rows == ({"Count": 0},)
    assert "Mesage" in " ".join(misspelt.diagnostics)


OPERATORS = {"GreaterThan": operator.gt, "LessThan": operator.lt, "LessThanOrEqual": operator.le}
THRESHOLDS = {"orchestrationMinutes": 150, "backlogLimit": 1000, "secretWarningDays": 30}


def rings(alarm: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an alarm rings at an answer, by its operator and threshold."""
    _, compare, threshold, *_ = infra_rules.ALARMS[alarm]
    limit = THRESHOLDS.get(threshold) or int(threshold)
    return any(row["Value"] is not None and OPERATORS[compare](row["Value"], limit) for row in rows)


def test_in_a_workspace_without_tables_the_alarm_on_silence_rings_and_no_other() -> None:
    empty = {alarm: empty_answers()[f"queries/{values[0]}"].rows or () for alarm, values in infra_rules.ALARMS.items()}

    assert [alarm for alarm, rows in empty.items() if rings(alarm, rows)] == ["no-completed-run"]


@pytest.mark.parametrize("alarm", infra_rules.ALARMS)
def test_an_alarm_rings_in_some_case_and_is_silent_in_another(alarm: str) -> None:
    query_name = f"queries/{infra_rules.ALARMS[alarm][0]}"
    rung = {
        rings(alarm, answer.rows or ())
        for case, answer in zip(CASES, case_answers(), strict=True)
        if case.query == query_name
    }

    assert rung == {True, False}


# What Kusto says of missing values: only equality and inequality with one of them have an answer.
MISSING_VALUES = {
    "int(null) == 1": 0,
    "int(null) != 1": 1,
    "int(null) > 0": 0,
    "not(int(null) > 0)": 0,
    "int(null) == int(null)": 0,
    "int(null) != int(null)": 0,
    "int(null) > 0 or true": 1,
    "int(null) > 0 and true": 0,
    "toint(dynamic(null)) != 1": 1,
    "isnotnull(toint(dynamic(null)))": 0,
}


def test_missing_values_are_compared_as_kusto_compares_them() -> None:
    jobs = [
        kql_service.Job(f"AppTraces | where {text} | summarize Value = count()", {"AppTraces": ({"Message": ""},)})
        for text in MISSING_VALUES
    ]

    answers_by_text = dict(zip(MISSING_VALUES, kql_service.ask(jobs), strict=True))

    assert {text: answer.refused for text, answer in answers_by_text.items() if answer.refused} == {}
    assert {text: (answer.rows or ({},))[0]["Value"] for text, answer in answers_by_text.items()} == MISSING_VALUES


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
    rows = [[query_cases.tick(1, "outside-window", note=note)] for note in closed]
    jobs = [kql_service.Job(query("queries/no-completed-run"), {"AppTraces": row}) for row in rows]
    answered = kql_service.ask(jobs, query_cases.NOW)

    assert [answer.rows for answer in answered] == [({"Value": 1},), ({"Value": 0},)]


def said_by_ticks(*orchestrations: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the log rows of ticks, each of which finds one of some orchestrations."""
    watchers = [tick(orchestration)[1] for orchestration in orchestrations]
    return [
        {"TimeGenerated": query_cases.NOW, "Message": text, "OperationId": str(number)}
        for number, watcher in enumerate(watchers)
        for text in (*watcher.said, *watcher.details)
    ]


@pytest.mark.parametrize(
    ("name", "orchestrations", "value"),
    [
        ("orchestration-stuck", [found("Running", createdTime="2026-03-05T09:30:00Z")], 150),
        ("run-failed", [found(status, output="an error") for status in ("Failed", "Terminated", "Canceled")], 3),
        ("run-failed", [found("Running"), found("Completed", output={**DONE, "filterDigest": "another"})], 0),
    ],
)
def test_what_a_tick_says_of_an_orchestration_is_what_the_alarms_read(
    name: str, orchestrations: list[dict[str, Any]], value: int
) -> None:
    rows = said_by_ticks(*orchestrations)
    (answer,) = kql_service.ask([kql_service.Job(query(f"queries/{name}"), {"AppTraces": rows})], query_cases.NOW)

    assert len(rows) >= len(orchestrations)
    assert answer.rows == ({"Value": value},)


def test_an_unfinished_run_is_one_that_has_outlived_the_hosts_time_limit() -> None:
    limit = json.loads((INFRA.parent / "host.json").read_text("utf-8"))["functionTimeout"]
    hours, minutes, _ = map(int, limit.split(":"))
    waited = int(re.findall(r"ago\((\d+)m\)", query("queries/run-unfinished"))[0])

    assert 60 * hours + minutes < waited <= 60 * hours + minutes + 5
