"""`audit`: what was sent, and when."""

from __future__ import annotations

import heapq
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any, Self

import click
from rich.text import Text

from due_notices import bootstrap
from due_notices.commands import console
from due_notices.commands.arguments import CUSTOMER, DAY, is_object_id
from due_notices.commands.audit.figures import (
    COLUMNS,
    DayFacts,
    Overview,
    Period,
    Subject,
    Tally,
    is_about,
    overview,
    row,
)
from due_notices.commands.audit.gather import look_back
from due_notices.commands.audit.page import MOST_LISTED, Origin, page
from due_notices.commands.counted import counted
from due_notices.commands.csv_lines import csv_line, identifier
from due_notices.errors import DueNoticesError
from due_notices.ports import PastNotice
from due_notices.services import Services
from due_notices.settings import Settings

_IDENTIFIERS = frozenset({"notice_id", "user_id", "message_id", "message_sha256", "claim_id", "ledger_row"})
_SHOWN = 20
_DAYS = 90
_MOST_PICTURED_DAYS = 400  # 58 weeks side by side
_WIDE = 145
_SHORT = 7


@click.command(short_help="What was sent when: as a table, CSV, or a page with pictures.")
@click.option("--user", type=CUSTOMER, metavar="ID", help="Only this customer's notices (object id, or an address).")
@click.option("--reference", help="Only notices about this reference.")
@click.option(
    "--from", "first", type=DAY, metavar="YYYY-MM-DD", help=f"First day of sending.  [default: {_DAYS} days ago]"
)
@click.option("--to", "last", type=DAY, metavar="YYYY-MM-DD", help="Last day of sending.  [default: today]")
@click.option("--all", "show_all", is_flag=True, help=f"List every notice, not only the newest {_SHOWN}.")
@click.option("--csv", "csv_file", type=click.Path(dir_okay=False, path_type=Path), help="Write all of them as CSV.")
@click.option("--html", "html_file", type=click.Path(dir_okay=False, path_type=Path), help="Write a page of pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON, for programs.")
def audit(
    *,
    user: str | None,
    reference: str | None,
    first: date | None,
    last: date | None,
    show_all: bool,
    csv_file: Path | None,
    html_file: Path | None,
    as_json: bool,
) -> int:
    """Show what was sent when, at which stage, as which message, by which run.

    Asks the ledger alone, and Graph only whose address --user is. Days are business dates in BUSINESS_TIME_ZONE.
    The ledger holds no name, address, amount or reference; with --reference, ids are made again and compared.

    \b
    Examples:
      due-notices audit --user 8a6f3c1e-0000-4000-8000-000000000001
      due-notices audit --reference INV-1001 --from 2026-01-01
      due-notices audit --from 2026-10-01 --to 2026-12-31 --csv q4.csv
      due-notices audit --html notices.html
    """
    if csv_file is not None and html_file is not None and _behind_links(csv_file) == _behind_links(html_file):
        raise click.BadParameter("--csv writes to the same place: give each a place of its own", param_hint="--html")
    settings = bootstrap.load_settings()
    services = bootstrap.build_services(settings)
    now = services.clock.now()
    period = _period(settings.policy.business_date(now), first, last, settings.policy.rules.time_zone)
    if html_file is not None and len(period.days) > _MOST_PICTURED_DAYS:
        raise click.BadParameter(f"a page shows {_MOST_PICTURED_DAYS} days at the most", param_hint="--from")
    user = _object_id(services, user)
    subject = Subject(user, reference)
    tally = Tally(period)
    listing = _Listing(None if show_all or as_json else _SHOWN)
    pictured = _Listing(0 if html_file is None or subject.everybody else MOST_LISTED)
    with ExitStack() as stack:
        sinks: list[Callable[[PastNotice], None]] = [tally.add, listing.add, pictured.add]
        if csv_file is not None:
            sinks.append(stack.enter_context(_CsvFile(csv_file)).add)

        def found(past: PastNotice) -> None:
            if reference is None or is_about(past, reference):
                for sink in sinks:
                    sink(past)

        records = look_back(settings.policy, services, period, user, found)
    figures = overview(tally, records, settings.policy, now, subject)
    if html_file is not None:
        _write_page(html_file, lambda: page(figures, _origin(settings), now, pictured.newest()))
    if as_json:
        console.print_json(_to_dict(figures, listing.newest(), period))
        return 0
    files = [each for each in (csv_file, html_file) if each is not None]
    _print(figures, listing, files)
    return 0


def _object_id(services: Services, user: str | None) -> str | None:
    """Return the object id of a customer who may be given by an address."""
    if user is None or is_object_id(user):
        return user
    found = services.open_directory().user(user)
    if found is None:
        raise click.BadParameter(
            f"Graph knows no user {user!r}, neither by name nor by address; one that was deleted is found by its "
            "object id",
            param_hint="--user",
        )
    return found.user.id


def _period(today: date, first: date | None, last: date | None, time_zone: tzinfo) -> Period:
    end = today if last is None else last
    begin = end - timedelta(days=_DAYS) if first is None else first
    if begin > end:
        raise click.BadParameter(f"{begin} is after {end}", param_hint="--from")
    return Period(begin, end, time_zone)


class _Listing:
    """Keeps the newest notices, or all."""

    def __init__(self, most: int | None) -> None:
        self.most = most
        self.total = 0
        self._kept: list[tuple[datetime, int, PastNotice]] = []

    def add(self, past: PastNotice) -> None:
        self.total += 1
        item = (past.at, -self.total, past)  # among equals the ledger's order, and no comparison of notices
        if self.most is None:
            self._kept.append(item)
        elif len(self._kept) < self.most:
            heapq.heappush(self._kept, item)
        elif self.most:
            heapq.heappushpop(self._kept, item)

    def newest(self) -> list[PastNotice]:
        """Return what is kept, the newest first."""
        return [past for _, _, past in sorted(self._kept, key=lambda item: item[:2], reverse=True)]


class _CsvFile:
    """Writes rows as they come, and puts the file in place when all of them did.

    A link stays, and the file behind it is replaced. What is not a file, as a pipe, takes the rows themselves.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._target = _behind_links(path)
        with _told(path):
            self._direct = path.exists() and not path.is_file()
        self._draft = path if self._direct else self._target.with_name(f"{self._target.name}.part")

    def __enter__(self) -> Self:
        with _told(self._path):
            self._file = self._draft.open("w", encoding="utf-8", newline="")
        self._write(COLUMNS)
        return self

    def add(self, past: PastNotice) -> None:
        cells = row(past)
        self._write([identifier(cells[name]) if name in _IDENTIFIERS else cells[name] for name in COLUMNS])

    def _write(self, cells: Sequence[str]) -> None:
        with _told(self._path):
            self._file.write(csv_line(cells))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            with _told(self._path):
                self._file.close()
                if kind is None and not self._direct:
                    self._draft.replace(self._target)
        finally:
            if not self._direct:
                self._draft.unlink(missing_ok=True)


def _origin(settings: Settings) -> Origin:
    attribute = "/".join(settings.policy.rules.attribute)
    return Origin(settings.tenant_id, settings.storage.account, settings.table, attribute)


def _write_page(path: Path, make: Callable[[], str]) -> None:
    try:
        text = make()
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"--html needs the package {error.name}: `pipx inject due-notices vl-convert-python`, or `make setup`"
        ) from error
    with _told(path):
        path.write_text(text, encoding="utf-8")


def _behind_links(path: Path) -> Path:
    return Path(os.path.realpath(path))  # no Path.resolve: it raises where a link leads to itself


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Turn what the system says of a file into a sentence."""
    try:
        yield
    except OSError as error:
        raise DueNoticesError(f"{path} cannot be written ({error.strerror}): choose another place") from error


def _print(figures: Overview, listing: _Listing, files: Sequence[Path]) -> None:
    screen, period = console.out(), figures.period
    days = f"from {period.first} to {period.last} ({period.time_zone})"
    late = f"; {figures.late:,} left late" if figures.late else ""
    screen.print(Text.assemble((counted(listing.total, "notice"), "bold"), f" {days}{late}"))
    if figures.never_sent:
        screen.print(console.plain(f"{figures.never_sent:,} found too late and never sent", style="red"))
    if not figures.recorded:
        screen.print(console.plain("no run is recorded", style="yellow"))
    if figures.silent_days:
        shown = ", ".join(day.isoformat() for day in figures.silent_days[:5])
        more = " …" if len(figures.silent_days) > 5 else ""  # noqa: PLR2004 (enough to see)
        screen.print(console.plain(f"no run completed on {shown}{more}", style="yellow"))
    for path in files:
        screen.print(console.plain(f"written: {path}"), soft_wrap=True)
    if files or not listing.total:
        return
    screen.print()
    _print_table(screen, listing, period)


def _print_table(screen: Any, listing: _Listing, period: Period) -> None:
    shown, wide = listing.newest(), screen.width >= _WIDE
    title = "notices" if len(shown) == listing.total else f"the newest {len(shown)} of {listing.total:,} (--all)"
    columns = ("sent", "stage", "due", "user", "notice", "message", "hash", "claim")
    table = console.table(title, *columns, right=frozenset({"stage"}))
    for column in table.columns:
        column.no_wrap = True
    table.padding = (0, 2 if wide else 1, 0, 0)
    for past in shown:
        unsure = "" if past.state == "sent" else "?"
        table.add_row(
            f"{past.at.astimezone(period.time_zone):%Y-%m-%d %H:%M}{unsure}",
            console.signed(past.stage),
            past.due.isoformat(),
            past.user_id if wide else _short(past.user_id),
            past.notice_id if wide else _short(past.notice_id),
            _short(past.message_id),
            _short(past.message_hash),
            _short(past.claim_id),
        )
    screen.print(table)
    if any(past.state != "sent" for past in shown):
        screen.print(
            console.plain("? claimed, and never confirmed as sent: the next run sees to it within the catch-up days")
        )
    if not wide:
        screen.print(console.plain("shortened; a wider terminal, --csv and --json show them whole", style="dim"))


def _short(identifier: str) -> str:
    return identifier if len(identifier) <= _SHORT else f"{identifier[:_SHORT]}…"


def _to_dict(figures: Overview, notices: Sequence[PastNotice], period: Period) -> dict[str, Any]:
    names = [re.sub("_(.)", lambda found: found[1].upper(), name) for name in COLUMNS]
    rows = (row(past) for past in notices)
    return {
        "from": period.first.isoformat(),
        "to": period.last.isoformat(),
        "timeZone": str(period.time_zone),
        "notices": [dict(zip(names, (each[name] for name in COLUMNS), strict=True)) for each in rows],
        "days": [_day_to_dict(day, figures.subject) for day in figures.days],
    }


def _day_to_dict(day: DayFacts, subject: Subject) -> dict[str, Any]:
    about_all = {
        "late": day.late,
        "missed": day.missed,
        "expired": day.expired,
        "tooLate": day.given_up,
        "afterAll": day.after_all,
        "seconds": day.seconds,
    }
    return {
        "date": day.day.isoformat(),
        "notices": day.notices,
        "outcome": day.outcome,
        "noRun": day.silent,
        "closed": day.closed,
        **(about_all if subject.everybody else {}),
    }
