"""`status`: whether it ran, what it did, and whether an operator must act."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from due_notices import bootstrap
from due_notices.commands import console
from due_notices.commands.counted import counted
from due_notices.commands.status.gather import ComingDay, look_ahead, look_around
from due_notices.commands.status.verdict import Finding, Level, Situation, Verdict, age, judge
from due_notices.credentials import CredentialEnd
from due_notices.errors import CredentialError, DirectoryError, StorageError
from due_notices.ports import QueueLook
from due_notices.report import RunReport
from due_notices.services import Services
from due_notices.settings import Settings

EXIT_CODES = {Level.FINE: 0, Level.ACT: 1, Level.LOOK: 3}  # 2 says everywhere that the settings are wrong
_STYLES = {Level.FINE: "bold green", Level.LOOK: "bold yellow", Level.ACT: "bold red"}
_LABEL_WIDTH = 14
_DAY_WIDTH = 12
_MOST_DAYS = 40  # the ledger is asked for sixty days
_FIGURES: Mapping[str, Callable[[RunReport], int]] = {
    "users read": lambda report: report.users_read,
    "owed": lambda report: report.owed,
    "sent": lambda report: report.sent,
    "late": lambda report: report.late,
    "superseded": lambda report: report.superseded,
    "missed": lambda report: report.missed,
    "expired": lambda report: report.expired,
    "failed": lambda report: report.failed,
}


@click.command(short_help="Did it run, what did it do, must you act?")
@click.option(
    "--days", type=click.IntRange(1, _MOST_DAYS), default=5, metavar="N", help="Business days to show.  [default: 5]"
)
@click.option(
    "--ahead",
    type=click.IntRange(1, _MOST_DAYS),
    metavar="N",
    help="Also how many notices each of the coming days brings (reads the directory).",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for programs.")
def status(*, days: int, ahead: int | None, as_json: bool) -> int:
    """Say in the first line whether all is fine, an operator should look, or an operator must act.

    Then the last runs, the days left to the client secret, and what waits in the
    queue and its poison queue. Asks the ledger and the queues; with --ahead Graph too.
    Writes nothing. docs/runbook.md has the remedies.

    \b
    Examples:
      due-notices status
      due-notices status --ahead 14
      due-notices status --json | jq -r .verdict

    \b
    Exit codes: 0 fine, 3 look, 1 act, 2 wrong settings or command line.
    """
    settings = bootstrap.load_settings()
    services = bootstrap.build_services(settings)
    try:
        situation = look_around(settings.policy, services, settings.credential)
    except StorageError as error:
        _print_unreadable(error, as_json=as_json)
        return EXIT_CODES[Level.ACT]
    coming, trouble = _ahead(settings, services, situation, ahead)
    verdict = judge(situation, *trouble)
    shown = _shown_days(situation, days)
    if as_json:
        console.print_json(_to_dict(situation, verdict, shown, coming))
    else:
        _print(situation, verdict, shown, coming)
    return EXIT_CODES[verdict.level]


def _ahead(
    settings: Settings, services: Services, situation: Situation, days: int | None
) -> tuple[Sequence[ComingDay], Sequence[Finding]]:
    """Return the coming days, and why they are not known, or their numbers may be wrong."""
    if days is None:
        return (), ()
    users = None if situation.newest is None else situation.newest.users_read
    try:
        with console.progress(users or None) as progress:
            coming, doubt = look_ahead(settings.policy, services, days, progress)
    except (CredentialError, DirectoryError) as error:
        return (), [Finding("directory-unreadable", f"the coming days are not known: {error}")]
    except StorageError as error:  # of the notices: the rows of the runs were read before
        return (), [Finding("ledger-unreadable", f"the coming days are not known: {error}")]
    if doubt is None:
        return coming, ()
    return coming, [Finding("directory-unreadable", f"the numbers of the coming days may be wrong: {doubt}")]


def _shown_days(situation: Situation, count: int) -> list[tuple[date, RunReport | None]]:
    """Return the last business days, the newest first, and closed days that had a run.

    Those without a run are among them, because a gap is what one looks for; not those before the first run.
    """
    records = {record.business_date: record for record in situation.records}
    days = situation.policy.business_days(situation.today, count)
    first = max(min(days, default=situation.today), min(records, default=situation.today))
    shown = {day for day in (*days, *records) if day >= first}
    return [(day, records.get(day)) for day in sorted(shown, reverse=True)] if records else []


def _print_unreadable(error: StorageError, *, as_json: bool) -> None:
    finding = Finding("ledger-unreadable", str(error))
    if as_json:
        console.print_json({"verdict": str(finding.level), "findings": [_finding_dict(finding)]})
    else:
        console.out().print(_line(finding))


def _print(
    situation: Situation, verdict: Verdict, shown: Sequence[tuple[date, RunReport | None]], coming: Sequence[ComingDay]
) -> None:
    screen = console.out()
    if verdict.findings:
        for finding in verdict.findings:
            screen.print(_line(finding))
    else:
        screen.print(Text.assemble((f"{verdict.level}: ", _STYLES[verdict.level]), console.plain(verdict.headline)))
    fitting = max(1, (screen.width - _LABEL_WIDTH) // _DAY_WIDTH)
    for start in range(0, len(shown), fitting):
        screen.print()
        screen.print(_runs(shown[start : start + fitting], situation))
    screen.print()
    screen.print(_rest(situation))
    if coming:
        screen.print()
        screen.print(_coming(coming))


def _line(finding: Finding) -> Text:
    return Text.assemble((f"{finding.level}: ", _STYLES[finding.level]), console.plain(finding.sentence))


def _runs(shown: Sequence[tuple[date, RunReport | None]], situation: Situation) -> Table:
    """Return the runs side by side, a column for each day: so they fit, and so they are compared."""
    today = situation.today
    runs = console.table("", "run of", *(_heading(day, today) for day, _ in shown))
    runs.title = None
    for column in runs.columns[1:]:
        column.justify = "right"
        column.no_wrap = True
    records = [record for _, record in shown]
    runs.add_row("outcome", *(_outcome(record, situation, may_come=day == today) for day, record in shown))
    for label, figure in _FIGURES.items():
        runs.add_row(label, *("" if record is None else f"{figure(record):,}" for record in records))
    runs.add_row("skipped", *("" if record is None else f"{sum(record.skipped.values()):,}" for record in records))
    for reason in sorted({reason for record in records if record for reason in record.skipped}):
        counts = ("" if record is None else f"{record.skipped.get(reason, 0):,}" for record in records)
        runs.add_row(f"  {reason}", *counts, style="dim")
    runs.add_row("duration", *(_duration(record) for record in records))
    return runs


def _heading(day: date, today: date) -> str:
    return "today" if day == today else f"{day:%a %m-%d}"


def _outcome(record: RunReport | None, situation: Situation, *, may_come: bool) -> Text:
    if record is None:
        return console.plain("not yet" if may_come else "no run", style="dim" if may_come else "yellow")
    if record.is_at_work(situation.now, situation.policy.longest):
        return console.plain("at work", style="yellow")
    return console.plain(record.outcome, style="green" if record.outcome == "completed" else "bold red")


def _duration(record: RunReport | None) -> str:
    took = None if record is None else record.seconds.get("total")
    if took is None:
        return ""
    return f"{took:.1f} s" if took < 60 else f"{int(took) // 60}:{int(took) % 60:02} min"  # noqa: PLR2004 (a minute)


def _rest(situation: Situation) -> Table:
    end = situation.credential
    rest = console.table("", "", "")
    rest.show_header, rest.title = False, None
    if situation.at_work is not None:
        rest.add_row("at work", situation.at_work)
    if end is None:
        rest.add_row("credential", "expiry unknown: no run has reported it")
    else:
        rest.add_row(end.name, "never expires" if end.days_left is None else f"{counted(end.days_left, 'day')} left")
    rest.add_row("queue", _queue(situation.looks.queue, situation.waiting, situation.now))
    rest.add_row("poison queue", _queue(situation.looks.poison, situation.poison, situation.now))
    return rest


def _queue(look: QueueLook, count: int | None, now: datetime) -> str:
    parts = []
    if count is not None:
        told = f"{count:,} waiting" if count else "empty"
        parts.append(told if look.count is not None else f"{told} at the end of the last run")
    if look.oldest is not None:
        parts.append(f"the oldest for {age(now - look.oldest)}")
    if look.problem is not None:
        parts.append(f"not allowed to look: {look.problem}" if "refused" in look.problem else look.problem)
    return ", ".join(parts)


def _coming(coming: Sequence[ComingDay]) -> Table:
    stages = sorted({stage for day in coming for stage in day.stages})
    names = [console.signed(stage) for stage in stages]
    table = console.table(
        "the coming days, by stage", "day", *names, "notices", "", right=frozenset({*names, "notices"})
    )
    for day in coming:
        counts = (f"{day.stages.get(stage, 0):,}" for stage in stages)
        if day.closed is None:
            table.add_row(f"{day.date:%a %Y-%m-%d}", *counts, f"{sum(day.stages.values()):,}", "")
        else:
            table.add_row(f"{day.date:%a %Y-%m-%d}", *("" for _ in stages), "", day.closed, style="dim")
    return table


def _to_dict(
    situation: Situation, verdict: Verdict, shown: Sequence[tuple[date, RunReport | None]], coming: Sequence[ComingDay]
) -> dict[str, Any]:
    return {
        "verdict": str(verdict.level),
        "findings": [_finding_dict(finding) for finding in verdict.findings],
        "atWork": situation.at_work,
        "runs": list(_run_dicts(shown)),
        "credential": _credential_dict(situation.credential),
        "queue": _look_dict(situation.looks.queue, situation.waiting),
        "poison": _look_dict(situation.looks.poison, situation.poison),
        "ahead": [
            {
                "date": day.date.isoformat(),
                "closed": day.closed,
                "notices": sum(day.stages.values()),
                "stages": {str(stage): count for stage, count in day.stages.items()},
            }
            for day in coming
        ],
    }


def _credential_dict(end: CredentialEnd | None) -> dict[str, Any] | None:
    return None if end is None else {"kind": end.kind.value, "daysLeft": end.days_left}


def _finding_dict(finding: Finding) -> dict[str, Any]:
    return {"name": finding.name, "level": str(finding.level), "sentence": finding.sentence}


def _run_dicts(shown: Sequence[tuple[date, RunReport | None]]) -> Iterator[dict[str, Any]]:
    for day, record in shown:
        yield {"businessDate": day.isoformat(), "outcome": None} if record is None else record.to_dict()


def _look_dict(look: QueueLook, count: int | None) -> dict[str, Any]:
    return {
        "count": count,
        "live": look.count is not None,
        "oldest": None if look.oldest is None else look.oldest.isoformat(),
        "problem": look.problem,
    }
