"""One import from the list to the users: read, compare, show, write."""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, date
from pathlib import Path
from typing import Any

from due_notices import bootstrap
from due_notices.adapters.clock import SystemClock
from due_notices.commands import console
from due_notices.commands.counted import counted
from due_notices.commands.import_ import output
from due_notices.commands.import_.build import Operator
from due_notices.commands.import_.changes import Rules
from due_notices.commands.import_.comparing import CLEAR_LIMIT, Comparison, Mode, compared
from due_notices.commands.import_.entries import Entries
from due_notices.commands.import_.journal import Journal, JournalError
from due_notices.commands.import_.matching import Owners
from due_notices.commands.import_.reading import opened, read_whole, readable, recognise
from due_notices.commands.import_.recognition import Asked, Layout
from due_notices.commands.import_.source import Source
from due_notices.commands.import_.writing import Pace, Writer, Written, seconds_for
from due_notices.currencies import CODES
from due_notices.errors import DueNoticesError, SettingsError
from due_notices.obligations import parse_obligation
from due_notices.ports import Clock
from due_notices.settings import Settings

_FAILED, _INTERRUPTED = 1, 130
_DIGITS = 12


class Import:
    """One list, and what the operator has said about it."""

    def __init__(
        self, file: Path, encoding: str, asked: Asked, mode: Mode, words: Sequence[str], clock: Clock | None = None
    ) -> None:
        """Take the file and the words; `words` are those by which the same command is known again."""
        self._file = file
        self._encoding = encoding
        self._asked = asked
        self._mode: Mode = mode
        self._words = words
        self._clock = clock or SystemClock()

    def explain(self, csv_path: Path | None, *, as_json: bool) -> int:
        """Show what is recognised; with no settings at all, days are those of UTC. Raises ListRefused."""
        try:
            policy = bootstrap.load_settings().policy
            zone, today = policy.rules.time_zone, policy.business_date(self._clock.now())
        except SettingsError:
            zone, today = UTC, self._clock.now().date()
        found = readable(*self._recognised(), self._asked, zone, today)
        output.explained(found, as_json=as_json)
        if csv_path is not None:
            output.write_rows(csv_path, found.rows())
        return 0

    def run(
        self,
        settings: Settings,
        *,
        apply: bool,
        accept: bool,
        share: int,
        journal: Path | None,
        csv_path: Path | None,
        as_json: bool,
    ) -> int:
        """Show what would change, and with `apply` write it. Returns the exit code. Raises ListRefused."""
        policy = settings.policy
        today = policy.business_date(self._clock.now())
        operator = Operator(settings, self._clock)
        with _without_collector():
            found, entries = read_whole(*self._recognised(), self._asked, policy.rules.time_zone, today)
        self._columns, self._is_open_ended = found.layout.columns, found.source.is_open_ended
        with self._compared(settings, operator, entries, today) as comparison:
            if csv_path is not None:
                output.write_diff(csv_path, comparison)
            notes = [*self._notes(settings, comparison, entries), *_estimate(comparison, share)]
            obstacle = self._obstacle(comparison, accept=accept)

            def shown(said: Mapping[str, Any]) -> None:
                output.diff(comparison, entries, notes, as_json=as_json, more={"obstacle": obstacle, **said})

            if not apply or obstacle is not None or comparison.changes == 0:
                shown({"written": 0})
                return _not_written(comparison, obstacle, apply=apply, as_json=as_json)
            if not as_json:
                shown({})
            made = self._made(settings, comparison, journal)
            done = _carried_out(made, operator, self._clock, share, several=comparison.several)
            return _ended(made, done, as_json=as_json, more=shown)

    def _made(self, settings: Settings, found: Comparison, journal: Path | None) -> Journal:
        head = {
            "tenant": settings.tenant_id,
            "attribute": "/".join(settings.policy.rules.attribute),
            "several": found.several,
            "import": self._digest(settings),
            "began": self._clock.now().isoformat(),
        }
        Journal.refuse_if_held(self._journal_path(settings, journal, fresh=False))
        return Journal.made(self._journal_path(settings, journal, fresh=True), head, found.writes())

    def go_on(self, settings: Settings, journal: Path | None, share: int, *, as_json: bool) -> int | None:
        """Go on with the same command's journal, if it is not finished; None where there is none."""
        path = self._journal_path(settings, journal, fresh=False)
        if not path.exists():
            return None
        found = Journal.read(path)
        if found.finished:
            return None
        if found.head.get("import") != self._digest(settings):
            raise JournalError(
                f"{path} is the unfinished journal of another import: finish it, undo it, or choose another --journal"
            )
        left = found.users - len(found.done)
        console.err().print(
            console.plain(f"going on with {path}: {left:,} of {counted(found.users, 'user')} left"), soft_wrap=True
        )
        several = bool(found.head.get("several"))
        done = _carried_out(found, Operator(settings, self._clock), self._clock, share, several=several)
        return _ended(found, done, as_json=as_json)

    def _recognised(self) -> tuple[Source, Layout]:
        source = opened(self._file, self._encoding, self._asked)
        return source, recognise(source, self._asked)

    @contextmanager
    def _compared(self, settings: Settings, operator: Operator, entries: Entries, today: date) -> Iterator[Comparison]:
        rules = settings.policy.rules
        match = tuple(tuple(each.split("/")) for each in self._asked.match)
        owners = Owners(entries, match)

        def ruled(several: bool | None) -> Rules:  # noqa: FBT001 (as the reading has found it)
            many = operator.holds_several() if several is None else several
            return Rules(
                self._mode == "complete", many, today, lambda value: parse_obligation(value, rules.time_zone, today)
            )

        with ExitStack() as stack:
            with output.watched("reading users", None) as bar, _without_collector():
                found = stack.enter_context(
                    compared(
                        entries,
                        owners,
                        operator.pages(match),
                        rules.attribute,
                        self._mode,
                        ruled,
                        lambda users: bar.advance(bar.tasks[0].id, users),
                    )
                )
            self._nobody_matched = bool(match) and owners.with_match == 0
            yield found

    def _notes(self, settings: Settings, found: Comparison, entries: Entries) -> Iterator[str]:
        """Yield what an operator should know besides the figures."""
        if not self._mode and found.still_open:
            yield (
                f"in the directory and open, not in the list: {found.still_open:,}. Add --complete if who is not in "
                "the list owes nothing (they become paid), or --partial if others are to be left alone"
            )
        if lacking := [name for name in ("ref", "amount") if name not in self._columns]:
            yield (
                f"no column is known to be the {' or the '.join(lacking)}: obligations are written without (--columns "
                f"{lacking[0]}=NAME names it)"
            )
        if self._is_open_ended:
            yield output.NO_END
        if found.held:
            yield (
                f"{counted(found.held, 'open value')} left open though not in the list: a row or the account of the "
                "customer is in doubt"
            )
        if found.counts["not found"] and settings.user_filter:
            yield "customers who are not found may lie outside USER_FILTER"
        if self._nobody_matched:
            yield f"no account has a value in {', '.join(self._asked.match)}: is it spelt as Graph does?"
        if gone := sorted(code for code in entries.currencies if code not in CODES):
            yield f"ISO 4217 has no {', '.join(gone)} (any longer): written as the list says; correct it at its source"

    def _obstacle(self, found: Comparison, *, accept: bool) -> str | None:
        if not self._mode and found.still_open:
            return "the import does not say whether the list is complete: add --complete or --partial"
        if self._mode == "complete" and not accept and found.clears_too_many:
            return (
                f"the list would clear {found.absent:,} of {found.opened:,} open values because it does not have them, "
                f"more than {CLEAR_LIMIT} percent: is it whole? If it is, add --accept"
            )
        return None

    def _digest(self, settings: Settings) -> str:
        """Return what the same command on the same list has in common."""
        facts = hashlib.sha256()
        with self._file.open("rb") as stream:
            while chunk := stream.read(1 << 20):
                facts.update(chunk)
        for each in (settings.tenant_id, "/".join(settings.policy.rules.attribute), settings.user_filter, *self._words):
            facts.update(b"\x1f" + each.encode())
        return facts.hexdigest()[:_DIGITS]

    def _journal_path(self, settings: Settings, given: Path | None, *, fresh: bool) -> Path:
        """Return the place of the journal: the newest of this command, or for a `fresh` one a place that is free."""
        first = path = newest = given or Path(f"due-notices-import-{self._digest(settings)}.journal")
        number = 1
        while path.exists():
            newest, number = path, number + 1
            path = first.with_name(f"{first.stem}-{number}{first.suffix}")
        return path if fresh else newest


def _not_written(found: Comparison, obstacle: str | None, *, apply: bool, as_json: bool) -> int:
    if obstacle is not None:
        console.err().print(
            console.plain(f"nothing {'was' if apply else 'would be'} written: {obstacle}", "bold red"),
            soft_wrap=True,
        )
        return _FAILED if apply else 0
    if not as_json:
        text = "nothing is to be written" if found.changes == 0 else "nothing was written: --apply writes it"
        console.out().print(console.plain(text, "green" if found.changes == 0 else ""))
    return 0


def undo(settings: Settings, path: Path, share: int, *, as_json: bool) -> int:
    """Write the values of before a journal back. Returns the exit code."""
    clock = SystemClock()
    journal = Journal.read(path)
    attribute = "/".join(settings.policy.rules.attribute)
    if (journal.head.get("tenant"), journal.head.get("attribute")) != (settings.tenant_id, attribute):
        raise JournalError(
            f"{path} was written for another tenant or attribute than GRAPH_TENANT_ID and DUE_DATE_ATTRIBUTE say"
        )
    several = bool(journal.head.get("several"))
    done = _carried_out(journal, Operator(settings, clock), clock, share, several=several, undo_=True)
    return _ended(journal, done, as_json=as_json, undo_=True)


def _carried_out(
    journal: Journal, operator: Operator, clock: Clock, share: int, *, several: bool, undo_: bool = False
) -> Written:
    writer = Writer(journal, operator.values(several=several), Pace(clock, share), clock, undo=undo_)
    left = journal.users if undo_ else journal.users - len(journal.done)
    journal.begin(clock.now().isoformat(timespec="seconds"))
    try:
        with output.watched("writing users", left) as bar:
            return writer.run(lambda users: bar.advance(bar.tasks[0].id, users))
    except DueNoticesError as error:
        remedy = f"the same command goes on with it, `import --undo {journal.path}` takes it back"
        raise JournalError(f"{error}\nthe journal is {journal.path}: {remedy}") from error
    finally:
        journal.close()


def _ended(
    journal: Journal, done: Written, *, as_json: bool, undo_: bool = False, more: Any = console.print_json
) -> int:
    if as_json:
        said: Mapping[str, Any] = {
            "written": done.done,
            "writtenBefore": done.already,
            "notWritten": dict(done.failed),
            "journal": str(journal.path),
        }
        more(said)
    else:
        output.outcome(done, journal.path, undo=undo_)
    return _INTERRUPTED if done.stopped else _FAILED if done.failed else 0


def _estimate(found: Comparison, share: int) -> Iterator[str]:
    if found.changes:
        took = output.duration(seconds_for(found.changes, share))
        users = counted(found.changes, "user")
        yield f"{users} would be written: about {took} at {share} percent of Graph's write quota"


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector from walking over millions of objects none of which is garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
