"""`make run`: the whole product on this machine, once, with everything real but the cloud.

Starts a stack of its own, runs the function on sample customers, reads the notices back from the queue with an
independent reader, compares them with an independent calculation, and runs again to show that nothing doubles. At
last it writes the page of pictures that an audit gives.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from azure.storage.queue import QueueClient
from rich.console import Console
from rich.table import Table
from rich.text import Text

from local.clock import now
from local.customers import SAMPLE_ATTRIBUTE, SAMPLE_COUNT, shown_customers
from local.expected import expected, rules_of
from local.past import DAYS, furnish_past
from local.read_back import QueuedEvent, read_back
from local.stack import QUEUE, LocalStack

AUDIT_PAGE = Path("due-notices-audit.html")
_ROWS = 8
_NARROW, _WIDE = 80, 120


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration; return 0 if all is as it should be."""
    parser = argparse.ArgumentParser(prog="python -m local run", description=__doc__)
    parser.add_argument("--users", type=int, default=SAMPLE_COUNT, metavar="N", help="how many sample customers")
    parser.add_argument("--seed", type=int, default=1, help="which sample customers")
    options = parser.parse_args(arguments)
    terminal = sys.stdout.isatty()  # not what FORCE_COLOR says: the output may go into a file
    screen = Console(highlight=False, force_terminal=terminal, width=None if terminal else _NARROW)

    today = now().date()
    users = shown_customers(today, options.users, options.seed, SAMPLE_ATTRIBUTE)
    _step(screen, "1. Starting the local stack: Entra, Graph, Key Vault, Azurite")
    with LocalStack(users, attribute=SAMPLE_ATTRIBUTE) as stack:
        environ = _environment(stack)
        past = furnish_past(stack, users, today, environ)
        screen.print(f"{len(users):,} customers and a made-up past: {DAYS} days, {past.notices:,} notices, two outages")
        _step(screen, "2. Running the function once: due-notices run")
        first = _run(environ)

        _step(screen, "3. What is on the queue now, read back by a reader of its own")
        events = _read_back(stack)
        _show(screen, events)
        rules = rules_of(environ)
        owed = expected(users, SAMPLE_ATTRIBUTE, today, rules, past.before(today), past.rows).notices
        agree = _compare(screen, events, owed.keys())

        _step(screen, "4. Running it again: nothing may be sent twice")
        second = _run(environ)
        again = len(_read_back(stack))
        screen.print(f"{again:,} messages on the queue, {again - len(events):,} more than before")

        _step(screen, "5. What an auditor and a manager get: due-notices audit --html FILE")
        pictured = _audit(screen, environ, today)
    _step(screen, "The stack is stopped. Next: `make start` keeps it up; the README has the rest.")
    return 0 if first == second == pictured == 0 and agree and again == len(events) else 1


def _environment(stack: LocalStack) -> dict[str, str]:
    """Return this process's environment with the stack's settings, and a window that is always open."""
    return {**os.environ, **stack.environ, "SEND_WINDOW": "00:00-24:00"}  # noqa: TID251 (hands it to a child)


def _run(environ: Mapping[str, str]) -> int:
    return _program(environ, "run")


def _program(environ: Mapping[str, str], *arguments: str) -> int:
    command = [sys.executable, "-m", "due_notices", *arguments]
    return subprocess.run(command, env=dict(environ), check=False).returncode  # noqa: S603 (our own program)


def _audit(screen: Console, environ: Mapping[str, str], today: dt.date) -> int:
    """Write the page of pictures."""
    first = today - dt.timedelta(days=DAYS)
    code = _program(environ, "audit", "--from", str(first), "--to", str(today), "--html", str(AUDIT_PAGE))
    screen.print(Text(f"open it in a browser: {AUDIT_PAGE.resolve()}"), soft_wrap=True)
    return code


def _read_back(stack: LocalStack) -> list[QueuedEvent]:
    with QueueClient.from_connection_string(stack.azurite.connection_string, QUEUE) as queue:
        return read_back(queue)


def _show(screen: Console, events: Sequence[QueuedEvent]) -> None:
    stages = Counter(item.event["data"]["stage"] for item in events)
    counts = ", ".join(f"{count:,} at stage {_signed(stage)}" for stage, count in sorted(stages.items()))
    screen.print(f"{len(events):,} notices: {counts}")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    more = screen.width >= _WIDE
    for column in ("stage", "due", "customer", *(("contact", "language") if more else ()), "reference", "amount", "id"):
        table.add_column(column, justify="right" if column in {"stage", "amount"} else "left", no_wrap=True)
    chosen = sorted(events, key=lambda item: str(item.event["id"]))[:_ROWS]
    for item in chosen:
        data = item.event["data"]
        customer, obligation = data["customer"], data["obligation"]
        table.add_row(
            _signed(data["stage"]),
            data["dueDate"],
            Text(customer.get("displayName", "")),
            *(
                (Text(customer.get("email") or customer.get("mobilePhone", "")), customer.get("preferredLanguage", ""))
                if more
                else ()
            ),
            obligation.get("reference", ""),
            " ".join(filter(None, (obligation.get("amount"), obligation.get("currency")))),
            f"{item.event['id'][:8]}…",
        )
    screen.print(table)
    if len(events) > _ROWS:
        screen.print(f"… and {len(events) - _ROWS:,} more")


def _compare(screen: Console, events: Sequence[QueuedEvent], expected: Collection[str]) -> bool:
    found = Counter(str(item.event["id"]) for item in events)
    wanted = set(expected)
    missing, foreign = wanted - found.keys(), found.keys() - wanted
    doubled = [identifier for identifier, count in found.items() if count > 1]
    if missing or foreign or doubled:
        screen.print(
            f"DISAGREES with the independent calculation: {len(missing)} missing, {len(foreign)} foreign, "
            f"{len(doubled)} doubled",
            style="bold red",
        )
        return False
    screen.print(f"agrees one by one with an independent calculation ({len(wanted):,} notices)")
    return True


def _signed(stage: int) -> str:
    return f"{stage:+d}" if stage else "0"


def _step(screen: Console, text: str) -> None:
    screen.print()
    screen.print(Text(text, style="bold"))
