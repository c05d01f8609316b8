"""What each query means: log lines as the program writes them, and the answer that an operator must get.

The lines have the fields of the program's own report, so that a renamed field breaks a query here and not on duty.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count
from typing import Any

from due_notices.report import LOG_PREFIX, RunReport

Row = Mapping[str, Any]

HOUR = 3_600_000
NOW = int(datetime(2026, 3, 5, 12, tzinfo=UTC).timestamp()) * 1000
TODAY, YESTERDAY = "2026-03-05", "2026-03-04"

CLOSED_DAY = "2026-03-05 is no business day: weekend"
CLOSED_HOUR = "07:00 is outside the send window 08:00-18:00 (UTC)"

NUMBERS = count(1)

# The fields of a report that have fields of their own, and what those are.
NESTED = {
    "waiting": ("queue", "poison"),
    "seconds": ("read", "send", "total"),
    "credential": ("kind", "daysLeft"),
}


def fields() -> dict[str, Any]:
    """Return a report of the program in which nothing happened."""
    return RunReport("run", date(2026, 3, 5)).to_dict()


def report_fields() -> set[str]:
    """Return every path that a query may read of a report."""
    return set(fields()) | {f"{name}.{inner}" for name, inners in NESTED.items() for inner in inners}


def tick(hours_ago: float, outcome: str = "completed", **changes: Any) -> Row:
    """Return the log row of one run; without a run id of its own it is another run than all others."""
    assert changes.keys() <= fields().keys()
    report = fields() | {"runId": f"run {next(NUMBERS)}", "outcome": outcome} | changes
    return {"TimeGenerated": NOW - int(hours_ago * HOUR), "Message": LOG_PREFIX + json.dumps(report)}


def chatter(hours_ago: float, word: str = "Executing") -> Row:
    """Return a line of the host, which is no report."""
    return {"TimeGenerated": NOW - int(hours_ago * HOUR), "Message": f"{word} 'Functions.due_notices' {{}}"}


def left_at_work(hours_ago: float, since: str, name: str = "func-2026-03-05") -> Row:
    """Return the line of a tick that leaves an orchestration at work."""
    message = f"the orchestration {name} has been at work since {since}: sending"
    return {"TimeGenerated": NOW - int(hours_ago * HOUR), "Message": message}


def started_anew(hours_ago: float, status: str = "Terminated") -> Row:
    """Return the warning of a tick that finds an orchestration ended, and the day not done."""
    message = f"the orchestration func-2026-03-05 ended as {status}; it is started anew"
    return {"TimeGenerated": NOW - int(hours_ago * HOUR), "Message": message}


def in_invocation(operation: str, row: Row) -> Row:
    """Return a row as the log has it of an invocation."""
    return {**row, "OperationId": operation}


def cut(row: Row) -> Row:
    """Return a report whose end is lost, as a log does that cuts long lines."""
    return {**row, "Message": row["Message"][:-20]}


def twice(*rows: Row) -> list[Row]:
    """Return rows that arrive by two ways, the second a moment later."""
    return [*rows, *({**row, "TimeGenerated": row["TimeGenerated"] + 5} for row in rows)]


def request(operation: str, name: str = "due_notices", *, success: bool) -> Row:
    """Return the host's record of an invocation."""
    return {"TimeGenerated": NOW, "Name": name, "Success": success, "OperationId": operation}


def waiting(queue: int | None, poison: int | None) -> dict[str, int | None]:
    return {"queue": queue, "poison": poison}


@dataclass(frozen=True, slots=True)
class Case:
    """A query, the rows it sees, the rows it must answer with, and what that shows.

    Tables without rows are not there at all, as in a workspace before their first row.
    """

    query: str
    shows: str
    rows: Sequence[Row]
    expected: Sequence[Row]
    others: Mapping[str, Sequence[Row]] = field(default_factory=dict)

    @property
    def tables(self) -> Mapping[str, Sequence[Row]]:
        return {**({"AppTraces": self.rows} if self.rows else {}), **self.others}


def value(number: int) -> list[Row]:
    return [{"Value": number}]


def secret(days: int | None) -> dict[str, Any]:
    return {"kind": "secret", "daysLeft": days}


ALARM_CASES = (
    Case(
        "queries/run-failed",
        "counts failed invocations of this function only",
        [],
        value(1),
        {"AppRequests": [request("a", success=False), request("b", success=True), request("c", "x", success=False)]},
    ),
    Case(
        "queries/run-failed",
        "counts an invocation once that its request and its report call failed",
        twice(in_invocation("a", tick(1, "failed"))),
        value(1),
        {"AppRequests": [request("a", success=False)]},
    ),
    Case(
        "queries/run-failed",
        "sees a failed run whose request succeeded",
        [in_invocation("a", tick(1, "failed")), in_invocation("b", tick(2))],
        value(1),
        {"AppRequests": [request("a", success=True), request("b", success=True)]},
    ),
    Case(
        "queries/run-failed",
        "sees the outcome of an orchestration, whose timer's requests succeed, and one that ended without any",
        [
            in_invocation("limit", tick(1, "limit")),
            in_invocation("fallen", tick(1, "fallen")),
            in_invocation("ended", started_anew(1)),
            in_invocation("died", started_anew(1, "Failed")),
            in_invocation("again", started_anew(1, "completed")),
            in_invocation("going", left_at_work(1, "2026-03-05T09:00:00Z")),
            in_invocation("done", tick(1, shards=8)),
        ],
        value(4),
        {"AppRequests": [request(name, success=True) for name in ("limit", "fallen", "ended", "going", "done")]},
    ),
    Case(
        "queries/run-failed",
        "does not count an activity that failed and was repeated",
        [],
        value(0),
        {"AppRequests": [request("a", "due_notices_send", success=False), request("b", success=True)]},
    ),
    Case("queries/run-failed", "is silent in an empty workspace", [], value(0)),
    Case(
        "queries/orchestration-stuck",
        "tells the minutes of the one that is at work longest",
        [
            *twice(left_at_work(0.5, "2026-03-05T08:45:00Z")),
            left_at_work(1, "2026-03-05T08:45:00Z"),
            left_at_work(0.5, "2026-03-05T11:00:00Z", "another-2026-03-05"),
        ],
        value(165),
    ),
    Case(
        "queries/orchestration-stuck",
        "judges by what the newest tick found",
        [left_at_work(1.5, "2026-03-05T06:00:00Z"), tick(0.5, "already-completed"), chatter(0.5)],
        [],
    ),
    Case(
        "queries/orchestration-stuck",
        "gives one its time",
        [left_at_work(0.5, "2026-03-05T09:01:00Z"), started_anew(0.5)],
        value(149),
    ),
    Case(
        "queries/run-unfinished",
        "sees an invocation that began and never ended, once",
        [
            *twice(in_invocation("killed", chatter(1))),
            in_invocation("reported", chatter(1)),
            in_invocation("reported", tick(0.9)),
            in_invocation("executed", chatter(1)),
            in_invocation("executed", chatter(0.9, "Executed")),
            in_invocation("failed", chatter(1)),
        ],
        value(1),
        {"AppRequests": [request("failed", success=False)]},
    ),
    Case(
        "queries/run-unfinished",
        "gives a run its time",
        [in_invocation("now", chatter(0.5)), in_invocation("now", tick(0.5, "began"))],
        value(0),
    ),
    Case(
        "queries/run-unfinished",
        "sees a run that reported its beginning alone",
        [in_invocation("killed", tick(1, "began"))],
        value(1),
    ),
    Case("queries/run-unfinished", "is silent in an empty workspace", [], value(0)),
    Case("queries/no-completed-run", "is 0, not empty, where the table is not even there", [], value(0)),
    Case("queries/no-completed-run", "sees a run of 25 hours ago", [tick(25)], value(1)),
    Case("queries/no-completed-run", "forgets a run of 27 hours ago", [tick(27)], value(0)),
    Case("queries/no-completed-run", "counts a day once", twice(tick(1), tick(2)), value(1)),
    Case(
        "queries/no-completed-run",
        "takes a day for completed whose own report was lost",
        [tick(3, "began"), tick(2, "already-completed")],
        value(1),
    ),
    Case(
        "queries/no-completed-run",
        "is not put off by the ticks after the day's run",
        [tick(27), *(tick(hours, "already-completed") for hours in range(18, 27))],
        value(0),
    ),
    Case(
        "queries/no-completed-run",
        "does not count failures, falls, ticks at night, or a report that was cut",
        [
            tick(1, "failed"),
            tick(2, "limit"),
            tick(3, "outside-window", note=CLOSED_HOUR),
            tick(4, "fallen"),
            tick(5, "began"),
            cut(tick(6)),
            chatter(1),
            left_at_work(1, "2026-03-05T09:00:00Z"),
        ],
        value(0),
    ),
    Case(
        "queries/no-completed-run",
        "takes a weekend for a settled day until its last tick is old",
        [tick(hours, "outside-window", note=CLOSED_DAY) for hours in (13, 20, 36)],
        value(1),
    ),
    Case(
        "queries/credential-days-left",
        "takes the newest report that knows",
        [
            tick(30, credential=secret(40)),
            tick(2, credential=secret(12)),
            tick(1, "outside-window"),
            tick(0.5, credential={"kind": "federated", "daysLeft": None}),
        ],
        value(12),
    ),
    Case(
        "queries/credential-days-left",
        "knows an expired certificate",
        [tick(1, "failed", credential={"kind": "certificate", "daysLeft": -1})],
        value(-1),
    ),
    Case("queries/credential-days-left", "has no row where there is none", [tick(1)], []),
    Case(
        "queries/notices-failed",
        "adds up what failed, and a run at its limit, each run once",
        twice(tick(1, "failed", failed=3), tick(2, "limit"), tick(3, "limit"), tick(4, sent=9)),
        value(5),
    ),
    Case("queries/notices-failed", "is 0 when all went well", [tick(1, sent=9), chatter(1)], value(0)),
    Case("queries/notices-missed", "takes the most of a run", twice(tick(1, missed=2), tick(2, missed=3)), value(3)),
    Case("queries/notices-missed", "is 0 where no customer was missed", [tick(1, expired=2)], value(0)),
    Case("queries/notices-missed", "has no row where no run reported", [], []),
    Case("queries/notices-expired", "takes the most of a run", [tick(1, expired=2), tick(2, missed=7)], value(2)),
    Case("queries/notices-expired", "is 0 where nothing expired", [tick(1, missed=2)], value(0)),
    Case("queries/unusual-number", "is silent where no run reported", [], value(0)),
    Case("queries/fallen", "counts runs that found too few", twice(tick(1, "fallen"), tick(2)), value(1)),
    Case("queries/fallen", "is silent in an empty workspace", [], value(0)),
    Case(
        "queries/unusual-number",
        "counts unusual runs",
        [*twice(tick(1, unusual=True)), tick(2, unusual=False), tick(3), chatter(1)],
        value(1),
    ),
    Case(
        "queries/unusual-number",
        "counts runs with a sign",
        [*twice(tick(1, signs={"payments-stand-still": "a sentence"})), tick(2, signs={})],
        value(1),
    ),
    Case(
        "queries/poison",
        "takes the newest report that could look",
        [tick(9, waiting=waiting(0, 5)), tick(2, waiting=waiting(3, 1)), tick(1, waiting=waiting(None, None))],
        value(1),
    ),
    Case("queries/poison", "has no row where none could look", [tick(1)], []),
    Case(
        "queries/backlog",
        "does not take the run's own notices for a backlog",
        [tick(1, sent=500, waiting=waiting(500, 0))],
        value(0),
    ),
    Case(
        "queries/backlog",
        "takes the lowest number in the window",
        [tick(5, sent=500, waiting=waiting(2500, 0)), tick(1, waiting=waiting(2400, 0))],
        value(2000),
    ),
    Case("queries/backlog", "has no row where none could look", [tick(1)], []),
    Case(
        "queries/daily-cap",
        "sees that the workspace took no more logs",
        [],
        value(1),
        {
            "Operation": [
                {"TimeGenerated": NOW, "Detail": "The data collection stopped. Ingestion status = OverQuota"},
                {"TimeGenerated": NOW, "Detail": "Data collection started"},
            ]
        },
    ),
    Case("queries/daily-cap", "is silent where nothing was ever recorded", [], value(0)),
)

WORKBOOK_CASES = (
    Case(
        "workbook/days-by-outcome",
        "counts by business day and outcome, each run once, without the idle ticks",
        [
            *twice(tick(1), tick(2, "failed"), tick(3, "failed")),
            tick(4, "outside-window"),
            tick(5, "began"),
            tick(6, "fallen"),
            # Given the end of a day far west of Greenwich, it is the next day there already.
            tick(25, "limit", businessDate=YESTERDAY),
            tick(11, "failed", businessDate=YESTERDAY),
        ],
        [
            {"Day": YESTERDAY, "Outcome": "failed", "Runs": 1},
            {"Day": YESTERDAY, "Outcome": "limit", "Runs": 1},
            {"Day": TODAY, "Outcome": "began", "Runs": 1},
            {"Day": TODAY, "Outcome": "completed", "Runs": 1},
            {"Day": TODAY, "Outcome": "failed", "Runs": 2},
            {"Day": TODAY, "Outcome": "fallen", "Runs": 1},
        ],
    ),
    Case(
        "workbook/last-run",
        "shows a run whole, and once",
        [
            *twice(
                tick(
                    1,
                    runId="run",
                    usersRead=2500,
                    obligations=90,
                    notYet=41,
                    over=42,
                    owed=7,
                    sent=5,
                    alreadySent=3,
                    late=1,
                    superseded=4,
                    expired=2,
                    missed=8,
                    failed=6,
                    shards=9,
                    seconds={"read": 1.0, "send": 2.0, "total": 3.5},
                    note="another sentence",
                    error="a sentence",
                )
            ),
            tick(2, "outside-window"),
        ],
        [
            {
                "TimeGenerated": NOW - HOUR + 5,
                "BusinessDate": TODAY,
                "Outcome": "completed",
                "UsersRead": 2500,
                "Obligations": 90,
                "NotYet": 41,
                "Over": 42,
                "Owed": 7,
                "Sent": 5,
                "AlreadySent": 3,
                "Late": 1,
                "Superseded": 4,
                "Expired": 2,
                "Missed": 8,
                "Failed": 6,
                "Shards": 9,
                "Seconds": 3.5,
                "Note": "another sentence",
                "Error": "a sentence",
                "RunId": "run",
            }
        ],
    ),
    Case(
        "workbook/notices-by-stage",
        "adds up a business day's stages over its runs, each once",
        twice(tick(1, stages={"-7": 4, "0": 1}), tick(20, "failed", stages={"-7": 2}), tick(3)),
        [{"Day": TODAY, "Stage": "0", "Sent": 1}, {"Day": TODAY, "Stage": "-7", "Sent": 6}],
    ),
    Case(
        "workbook/not-notified",
        "takes the last run of a business day that read users",
        [
            tick(1, "already-completed"),
            tick(2, usersRead=9, missed=2, expired=1),
            tick(3, "failed", usersRead=9, missed=5, failed=4),
            tick(20, usersRead=9, missed=1, businessDate=YESTERDAY),
        ],
        [
            {"Day": YESTERDAY, "Missed": 1, "Expired": 0, "Failed": 0},
            {"Day": TODAY, "Missed": 2, "Expired": 1, "Failed": 0},
        ],
    ),
    Case(
        "workbook/skipped-by-reason",
        "takes the newest completed run",
        [
            tick(1, "failed", skipped={"paid": 99}),
            *twice(tick(2, skipped={"paid": 3, "unreachable": 8})),
            tick(26, skipped={"paid": 1}),
        ],
        [{"Reason": "unreachable", "Skipped": 8}, {"Reason": "paid", "Skipped": 3}],
    ),
    Case(
        "workbook/run-seconds",
        "takes the longest run of a business day",
        [
            tick(1, seconds={"read": 1.5, "send": 0.5}),
            tick(20, "failed", seconds={"read": 9.0}),
            tick(21, seconds={"read": 2.5, "send": 2.5}, businessDate=YESTERDAY),
        ],
        [{"Day": YESTERDAY, "Reading": 2.5, "Sending": 2.5}, {"Day": TODAY, "Reading": 9, "Sending": 0.5}],
    ),
    Case(
        "workbook/users-read",
        "leaves out runs that broke off, and shows a fall",
        [
            tick(1, "failed", usersRead=99),
            tick(2, "fallen", usersRead=10, obligations=4),
            tick(20, usersRead=80, obligations=40, businessDate=YESTERDAY),
        ],
        [
            {"Day": YESTERDAY, "Users": 80, "Obligations": 40},
            {"Day": TODAY, "Users": 10, "Obligations": 4},
        ],
    ),
    Case(
        "workbook/throttling",
        "adds up a business day's requests, each run once",
        twice(tick(1, graphRequests=10, throttled=2), tick(20, "failed", graphRequests=5, throttled=5)),
        [{"Day": TODAY, "Requests": 15, "Throttled": 7}],
    ),
    Case(
        "workbook/credential-days-left",
        "shows the lowest of a business day",
        [tick(1, credential=secret(11)), tick(20, credential=secret(12)), tick(3, credential=secret(None))],
        [{"Day": TODAY, "DaysLeft": 11}],
    ),
    Case(
        "workbook/waiting",
        "goes from old to new",
        [tick(1, waiting=waiting(4, 0)), tick(2, waiting=waiting(7, 1)), tick(3)],
        [
            {"TimeGenerated": NOW - 2 * HOUR, "Queue": 7, "Poison": 1},
            {"TimeGenerated": NOW - HOUR, "Queue": 4, "Poison": 0},
        ],
    ),
)

CASES = (*ALARM_CASES, *WORKBOOK_CASES)
