"""What each query means: log lines as the program writes them, and the answer that an operator must get.

The lines come from the program's own `RunReport`, so that a renamed field breaks a query here and not on duty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from due_notices.credentials import CredentialEnd, CredentialKind
from due_notices.report import Outcome, RunReport, Waiting

Row = Mapping[str, Any]

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = int(datetime(2026, 3, 5, 12, tzinfo=UTC).timestamp()) * 1000
MIDNIGHT = NOW - 12 * HOUR

NO_BUSINESS_DAY = "2026-03-05 is no business day: weekend"
CLOSED = "07:00 is outside the send window 08:00-18:00 (UTC)"


def tick(hours_ago: float, outcome: Outcome = Outcome.COMPLETED, **fields: Any) -> Row:
    """Return the log row of one run."""
    report = RunReport("run", date(2026, 3, 5), outcome, **fields)
    return {"TimeGenerated": NOW - int(hours_ago * HOUR), "Message": report.log_line()}


def secret(left: int) -> CredentialEnd:
    return CredentialEnd(CredentialKind.SECRET, left)


def chatter(hours_ago: float) -> Row:
    """Return a log row that is no report."""
    return {"TimeGenerated": NOW - int(hours_ago * HOUR), "Message": "Executing 'Functions.due_notices' {}"}


def request(name: str = "due_notices", *, success: bool) -> Row:
    return {"TimeGenerated": NOW, "Name": name, "Success": success}


@dataclass(frozen=True, slots=True)
class Case:
    """A query, the rows it sees, the rows it must answer with, and what that shows."""

    query: str
    shows: str
    rows: Sequence[Row]
    expected: Sequence[Row]
    table: str = "AppTraces"

    @property
    def tables(self) -> Mapping[str, Sequence[Row]]:
        return {"AppTraces": (), "AppRequests": (), self.table: self.rows}


def value(number: int) -> list[Row]:
    return [{"Value": number}]


CASES = (
    # ---- Alarms ----
    Case(
        "queries/run-failed",
        "counts failed runs of this function only",
        [request(success=False), request(success=True), request("other", success=False)],
        value(1),
        "AppRequests",
    ),
    Case("queries/run-failed", "is silent when all is well", [request(success=True)], value(0), "AppRequests"),
    Case("queries/no-completed-run", "is 0, not empty, in silence", [], value(0)),
    Case("queries/no-completed-run", "sees a run of 25 hours ago", [tick(25)], value(1)),
    Case("queries/no-completed-run", "forgets a run of 27 hours ago", [tick(27)], value(0)),
    Case(
        "queries/no-completed-run",
        "does not count failures, ticks at night, or ticks after the day's run",
        [
            tick(1, Outcome.FAILED),
            tick(2, Outcome.LIMIT),
            tick(3, Outcome.OUTSIDE_WINDOW, note=CLOSED),
            tick(4, Outcome.ALREADY_COMPLETED),
            chatter(1),
        ],
        value(0),
    ),
    Case(
        "queries/no-completed-run",
        "takes a weekend for a settled day",
        [tick(20, Outcome.OUTSIDE_WINDOW, note=NO_BUSINESS_DAY)],
        value(1),
    ),
    Case(
        "queries/secret-days-left",
        "takes the newest report that knows",
        [tick(30, credential=secret(40)), tick(2, credential=secret(12)), tick(1, Outcome.OUTSIDE_WINDOW)],
        value(12),
    ),
    Case(
        "queries/secret-days-left",
        "tells an expired secret",
        [tick(1, Outcome.FAILED, credential=secret(-1))],
        value(-1),
    ),
    Case("queries/secret-days-left", "has no row where there is no secret", [tick(1)], []),
    Case(
        "queries/notices-failed",
        "adds up what failed, and a run at its limit",
        [tick(1, Outcome.FAILED, failed=3), tick(2, Outcome.LIMIT), tick(3, Outcome.LIMIT), tick(4, sent=9)],
        value(5),
    ),
    Case("queries/notices-failed", "is 0 when all went well", [tick(1, sent=9), chatter(1)], value(0)),
    Case("queries/notices-expired", "adds up what expired", [tick(1, expired=2), tick(2)], value(2)),
    Case(
        "queries/unusual-number",
        "counts unusual runs",
        [tick(1, unusual=True), tick(2, unusual=False), tick(3), chatter(1)],
        value(1),
    ),
    Case(
        "queries/poison",
        "takes the newest report that could look",
        [tick(9, waiting=Waiting(0, 5)), tick(2, waiting=Waiting(3, 1)), tick(1)],
        value(1),
    ),
    Case("queries/poison", "has no row where none could look", [tick(1)], []),
    Case(
        "queries/backlog",
        "does not take the run's own notices for a backlog",
        [tick(1, sent=500, waiting=Waiting(500, 0))],
        value(0),
    ),
    Case(
        "queries/backlog",
        "takes the lowest number in the window",
        [tick(5, sent=500, waiting=Waiting(2500, 0)), tick(1, waiting=Waiting(2400, 0))],
        value(2000),
    ),
    Case("queries/backlog", "has no row where none could look", [tick(1)], []),
    # ---- Workbook ----
    Case(
        "workbook/days-by-outcome",
        "counts by day and outcome, without the idle ticks",
        [
            tick(1),
            tick(2, Outcome.FAILED),
            tick(3, Outcome.FAILED),
            tick(4, Outcome.OUTSIDE_WINDOW),
            tick(25, Outcome.LIMIT),
        ],
        [
            {"Day": MIDNIGHT - DAY, "Outcome": "limit", "Runs": 1},
            {"Day": MIDNIGHT, "Outcome": "completed", "Runs": 1},
            {"Day": MIDNIGHT, "Outcome": "failed", "Runs": 2},
        ],
    ),
    Case(
        "workbook/last-run",
        "shows a run whole",
        [
            tick(
                1,
                users_read=2500,
                obligations=90,
                owed=7,
                sent=5,
                already_sent=3,
                late=1,
                superseded=4,
                expired=2,
                failed=6,
                seconds={"read": 1.0, "send": 2.0, "total": 3.5},
                error="a sentence",
            ),
            tick(2, Outcome.OUTSIDE_WINDOW),
        ],
        [
            {
                "TimeGenerated": NOW - HOUR,
                "BusinessDate": "2026-03-05",
                "Outcome": "completed",
                "UsersRead": 2500,
                "Obligations": 90,
                "Owed": 7,
                "Sent": 5,
                "AlreadySent": 3,
                "Late": 1,
                "Superseded": 4,
                "Expired": 2,
                "Failed": 6,
                "Seconds": 3.5,
                "Error": "a sentence",
                "RunId": "run",
            }
        ],
    ),
    Case(
        "workbook/notices-by-stage",
        "adds up a day's stages over its runs",
        [tick(1, stages={"-7": 4, "0": 1}), tick(2, Outcome.FAILED, stages={"-7": 2}), tick(3)],
        [{"Day": MIDNIGHT, "Stage": "0", "Sent": 1}, {"Day": MIDNIGHT, "Stage": "-7", "Sent": 6}],
    ),
    Case(
        "workbook/skipped-by-reason",
        "takes the newest completed run",
        [
            tick(1, Outcome.FAILED, skipped={"paid": 99}),
            tick(2, skipped={"paid": 3, "unreachable": 8}),
            tick(26, skipped={"paid": 1}),
        ],
        [{"Reason": "unreachable", "Skipped": 8}, {"Reason": "paid", "Skipped": 3}],
    ),
    Case(
        "workbook/run-seconds",
        "takes the longest run of a day",
        [tick(1, seconds={"read": 1.5, "send": 0.5}), tick(2, Outcome.FAILED, seconds={"read": 9.0})],
        [{"Day": MIDNIGHT, "Reading": 9, "Sending": 0.5}],
    ),
    Case(
        "workbook/users-read",
        "leaves out runs that broke off",
        [tick(1, users_read=10, obligations=4), tick(2, Outcome.FAILED, users_read=99)],
        [{"Day": MIDNIGHT, "Users": 10, "Obligations": 4}],
    ),
    Case(
        "workbook/throttling",
        "adds up a day's requests",
        [tick(1, graph_requests=10, throttled=2), tick(2, Outcome.FAILED, graph_requests=5, throttled=5)],
        [{"Day": MIDNIGHT, "Requests": 15, "Throttled": 7}],
    ),
    Case(
        "workbook/secret-days-left",
        "shows the lowest of a day",
        [tick(1, credential=secret(11)), tick(2, credential=secret(12)), tick(3)],
        [{"Day": MIDNIGHT, "DaysLeft": 11}],
    ),
    Case(
        "workbook/waiting",
        "goes from old to new",
        [tick(1, waiting=Waiting(4, 0)), tick(2, waiting=Waiting(7, 1)), tick(3)],
        [
            {"TimeGenerated": NOW - 2 * HOUR, "Queue": 7, "Poison": 1},
            {"TimeGenerated": NOW - HOUR, "Queue": 4, "Poison": 0},
        ],
    ),
)


def report_fields() -> set[str]:
    """Return every path that a query may read of a report; `x.*` where the keys are data."""
    example = RunReport("run", date(2026, 3, 5), waiting=Waiting(0, 0), credential=secret(1)).to_dict()
    paths = set(example)
    paths |= {f"{field}.{name}" for field in ("waiting", "credential") for name in example[field]}
    paths |= {f"seconds.{name}" for name in ("read", "send", "total")}
    return paths
