"""`run`: one run by hand."""

from __future__ import annotations

import functools
import operator

import click
from rich.console import Group, RenderableType

from due_notices import bootstrap
from due_notices.commands import console
from due_notices.commands.counted import counted
from due_notices.report import Outcome, RunReport
from due_notices.run import Wish, send_due_notices

_HEADLINES = {
    Outcome.BEGAN: "BEGAN and did not end: the next tick goes on",
    Outcome.COMPLETED: "completed: every owed notice is on the queue",
    Outcome.FAILED: "FAILED: not every owed notice is on the queue; the next tick tries again",
    Outcome.LIMIT: "STOPPED at NOTICE_LIMIT: nothing was sent",
    Outcome.FALLEN: "FALLEN: far too little was found; what is owed was sent",
    Outcome.OUTSIDE_WINDOW: "nothing sent: outside the send window",
    Outcome.ALREADY_COMPLETED: "nothing done: this day's run is completed already (run --again looks once more)",
}


@click.command(short_help="One run by hand, the same code as the timer.")
@click.option("--again", is_flag=True, help="Look again at a day whose run is completed, and send what is owed by now.")
@click.option("--missed", is_flag=True, help="Also send what was missed or has expired: one notice for each, once.")
@click.option(
    "--accept", is_flag=True, help="Accept what is found as normal, after a fall; also a new attribute or queue."
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON, as the log has it.")
def run(*, again: bool, missed: bool, accept: bool, as_json: bool) -> int:
    """Send every notice that is owed now.

    The same code as the timer: it keeps to the send window, does nothing when the day's run is completed,
    and may run at the same moment as the timer without doubling a notice.

    With --missed each obligation that can be notified no more by the rules, and that `preview` names, gets the next
    step of its ladder (without a ladder the last stage); what follows goes by the rules. Nothing that was sent is sent
    again. After the table was restored from a backup look at `preview --missed` first: what was sent since the backup
    was made is not known, and counts as missed.

    With --accept far fewer users or obligations than in the last completed run are not a fall: the day is completed,
    and later runs are compared with this one. The ledger then takes over a changed DUE_DATE_ATTRIBUTE or NOTICE_QUEUE.

    Exit code 0 when there is nothing left to do, 1 when the run failed, was stopped by NOTICE_LIMIT, or found
    far too little (fallen).
    """
    settings = bootstrap.load_settings()
    console.warn(settings.warnings)
    services = bootstrap.build_services(settings)
    wish = functools.reduce(
        operator.or_,
        (wish for wish, given in ((Wish.AGAIN, again), (Wish.MISSED, missed), (Wish.ACCEPT, accept)) if given),
        Wish.OWED,
    )
    try:
        with console.progress() as progress:
            report = send_due_notices(settings.policy, services, progress, wish)
    except KeyboardInterrupt:
        console.err().print("the day is not done; the next run sends what the ledger does not have as sent")
        raise
    if as_json:
        console.print_json(report.to_dict())
    else:
        console.out().print(report_view(report))
    if missed and not report.ok:
        console.err().print("a tick sends what is owed and no more: for the rest call `run --missed` again")
    return 0 if report.ok else 1


def report_view(report: RunReport) -> RenderableType:
    """Return a run's report for people."""
    figures = console.table(f"run of {report.business_date}", "", "", right=frozenset())
    figures.show_header = False
    parts: list[RenderableType] = [
        console.plain(_HEADLINES[report.outcome], style="green" if report.ok else "bold red")
    ]
    if report.note:
        parts.append(console.plain(report.note))
    if report.error:
        parts.append(console.plain(report.error))
    parts += [console.plain(sentence, style="yellow") for sentence in report.signs.values()]
    if report.outcome in {Outcome.OUTSIDE_WINDOW, Outcome.ALREADY_COMPLETED}:
        return Group(*parts)
    rows = {
        "users read": f"{report.users_read:,} with {counted(report.obligations, 'obligation')}" + _counted(report),
        "owed": f"{report.owed:,}",
        "sent": f"{report.sent:,}" + (f", {report.late:,} of them late" if report.late else ""),
        "by stage": ", ".join(f"{count:,} at {console.signed(int(stage))}" for stage, count in report.stages.items()),
        "already sent": f"{report.already_sent:,}",
        "superseded": f"{report.superseded:,}" if report.superseded else "",
        "missed": f"{report.missed:,}: `due-notices preview` names them" if report.missed else "",
        "expired": f"{report.expired:,}: `due-notices preview` names them" if report.expired else "",
        "not yet": f"{report.not_yet:,}" if report.not_yet else "",
        "over": f"{report.over:,}" if report.over else "",
        "failed": f"{report.failed:,}" if report.failed else "",
        "skipped": ", ".join(f"{count:,} {reason}" for reason, count in report.skipped.items()),
        "unusual": _unusual(report),
        "waiting": _waiting(report),
        "credential": _credential(report),
        "time": ", ".join(f"{name} {seconds:.1f} s" for name, seconds in report.seconds.items()),
    }
    for name, value in rows.items():
        if value:
            figures.add_row(name, value)
    return Group(*parts, figures)


def _counted(report: RunReport) -> str:
    if report.users_counted is None:
        return "; this tenant does not count its users" if report.users_read else ""
    return (
        ""
        if report.users_counted == report.users_read
        else f"; the tenant counts {counted(report.users_counted, 'user')}"
    )


def _unusual(report: RunReport) -> str:
    if not report.unusual:
        return ""
    if report.usual_owed is None:
        return "many notices for a first run; is DUE_DATE_ATTRIBUTE the right one?"
    return f"usually about {counted(report.usual_owed, 'notice')}"


def _waiting(report: RunReport) -> str:
    queue, poison = report.waiting
    parts = [] if queue is None else [f"{queue:,} in the queue"]
    return ", ".join(parts + ([] if poison is None else [f"{poison:,} in the poison queue"]))


def _credential(report: RunReport) -> str:
    end = report.credential
    return "" if end is None or end.days_left is None else f"the {end.name} expires in {end.days_left} days"
