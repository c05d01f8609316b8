"""A list that can be read in one way only, and its rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, tzinfo
from itertools import islice
from pathlib import Path

from due_notices.commands.import_.columns import ColumnReader, Columns
from due_notices.commands.import_.entries import Entries, gathered
from due_notices.commands.import_.problems import ListRefused, Problem
from due_notices.commands.import_.profiles import known_profiles, vocabulary
from due_notices.commands.import_.proof import Forms, Proof
from due_notices.commands.import_.recognition import HEAD_WITHIN, Asked, Layout, recognised
from due_notices.commands.import_.rows import Entry, Row, RowReader
from due_notices.commands.import_.source import OTHER_ENCODINGS, Source, below_head, blocks, examined


@dataclass(frozen=True, slots=True)
class ReadableList:
    """A list whose every column can be read in one way."""

    source: Source
    layout: Layout
    forms: Forms
    zone: tzinfo
    today: date

    def rows(self) -> Iterator[Row]:
        """Yield every row below the head but blank ones."""
        for piece in self.pieces():
            if isinstance(piece, Columns):
                yield from map(Entry, *piece)
            else:
                yield piece

    def pieces(self) -> Iterator[Columns | Row]:
        """Yield the same, with obligations that stand together as columns: a long list is mostly such."""
        read = _BlockReader(self.layout, self.forms, self.zone, self.today, guessed=self.source.guessed)
        with below_head(self.source, self.layout) as reader:
            for numbers, cells in blocks(reader):
                yield from read(numbers, cells)


class _BlockReader:
    """Reads blocks of rows, column by column where it can, else row by row."""

    def __init__(self, layout: Layout, forms: Forms, zone: tzinfo, today: date, *, guessed: bool) -> None:
        self.forms = forms
        self._rows = RowReader(layout, forms, zone, today, guessed=guessed)
        self._columns = ColumnReader(layout, forms, self._rows)

    def __call__(self, numbers: Sequence[int], cells: Sequence[list[str]]) -> Iterator[Columns | Row]:
        found = self._columns.read(numbers, cells)
        if found is not None:
            yield found
            return
        for number, row in zip(numbers, cells, strict=True):
            if (each := self._rows.read(number, row)) is not None:
                yield each


class _Ahead:
    """Reads a list in the forms that its beginning has proven, while the rest of it is still to prove them."""

    def __init__(self, read: _BlockReader) -> None:
        self._read = read
        self._entries: Entries | None = Entries()

    def take(self, numbers: Sequence[int], cells: Sequence[list[str]]) -> None:
        """Take a block in; a word that is not known ends it: the list is about to be refused for it."""
        if self._entries is not None:
            try:
                for piece in self._read(numbers, cells):
                    self._entries.take(piece)
            except KeyError:
                self._entries = None

    def entries(self, forms: Forms) -> Entries | None:
        """Return all that was read, if these are the forms that it was read in."""
        return self._entries if forms == self._read.forms else None


def recognise(source: Source, asked: Asked) -> Layout:
    """Return the layout of a list. Raises ListRefused."""
    profiles = [asked.profile] if asked.profile else known_profiles()
    try:
        return recognised(source.first_lines(HEAD_WITHIN), asked, profiles, vocabulary())
    except ListRefused as refused:
        if not source.guessed or not any(problem.code == "columns" for problem in refused.problems):
            raise
        # Heads in another alphabet are not known, and look like no language.
        why = "its bytes are not UTF-8, and were read as Windows' Western alphabet, which may be wrong"
        raise ListRefused([*refused.problems, Problem("encoding", why, OTHER_ENCODINGS)]) from refused


def readable(source: Source, layout: Layout, asked: Asked, zone: tzinfo, today: date) -> ReadableList:
    """Return a list that can be read in one way only. Raises ListRefused with all that must be asked.

    `zone` is the one in which dates are meant, `today` the business date.
    """
    proof = Proof(layout, asked, vocabulary(), today, open_ended=source.is_open_ended)
    with below_head(source, layout) as reader:
        for numbers, cells in blocks(reader):
            proof.add(numbers, cells)
    return ReadableList(source, layout, proof.proven(), zone, today)


def read_whole(source: Source, layout: Layout, asked: Asked, zone: tzinfo, today: date) -> tuple[ReadableList, Entries]:
    """Return a list that can be read in one way only, and all that it says. Raises ListRefused.

    One pass, but for a list whose beginning proves less than the whole: that is read again.
    """
    proof = Proof(layout, asked, vocabulary(), today, open_ended=source.is_open_ended)
    with below_head(source, layout) as reader:
        rest = blocks(reader)
        first = list(islice(rest, _BEGINNING))
        for numbers, cells in first:
            proof.add(numbers, cells)
        read = _BlockReader(layout, proof.forms()[0], zone, today, guessed=source.guessed)
        ahead = _Ahead(read)
        for numbers, cells in first:
            ahead.take(numbers, cells)
        first.clear()
        for numbers, cells in rest:
            proof.add(numbers, cells)
            ahead.take(numbers, cells)
    found = ReadableList(source, layout, proof.proven(), zone, today)
    entries = ahead.entries(found.forms)
    if entries is None:
        del ahead
        return found, gathered(found.pieces())
    return found, entries.whole()


_BEGINNING = 20
"""Blocks that are read before the forms are taken to be those of the whole."""


def opened(path: Path, encoding: str, asked: Asked) -> Source:
    """Return a list's file with its encoding proven. Raises ListRefused.

    Without --encoding, a list that is not UTF-8 may be that of a profile which names one: found by its head.
    """
    profiles = [asked.profile] if asked.profile else known_profiles()

    def fits(source: Source) -> bool:
        try:
            found = recognise(source, asked).profile
        except ListRefused:
            return False
        return found is not None and found.encoding == source.encoding

    return examined(path, encoding, sorted({each.encoding for each in profiles if each.encoding}), fits)
