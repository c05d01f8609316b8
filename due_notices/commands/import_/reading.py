"""A list that can be read in one way only, and its rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, tzinfo
from pathlib import Path

from due_notices.commands.import_.columns import ColumnReader, Columns
from due_notices.commands.import_.problems import ListRefused
from due_notices.commands.import_.profiles import known_profiles, vocabulary
from due_notices.commands.import_.proof import Forms, proven
from due_notices.commands.import_.recognition import HEAD_WITHIN, Asked, Layout, recognised
from due_notices.commands.import_.rows import Entry, Row, RowReader
from due_notices.commands.import_.source import Source, below_head, blocks, examined


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
        rows = RowReader(self.layout, self.forms, self.zone, self.today)
        columns = ColumnReader(self.layout, self.forms, rows)
        with below_head(self.source, self.layout) as reader:
            for numbers, cells in blocks(reader):
                found = columns.read(numbers, cells)
                if found is not None:
                    yield found
                    continue
                for number, row in zip(numbers, cells, strict=True):
                    if (each := rows.read(number, row)) is not None:
                        yield each


def recognise(source: Source, asked: Asked) -> Layout:
    """Return the layout of a list. Raises ListRefused."""
    profiles = [asked.profile] if asked.profile else known_profiles()
    return recognised(source.first_lines(HEAD_WITHIN), asked, profiles, vocabulary())


def readable(source: Source, layout: Layout, asked: Asked, zone: tzinfo, today: date) -> ReadableList:
    """Return a list that can be read in one way only. Raises ListRefused with all that must be asked.

    `zone` is the one in which dates are meant, `today` the business date.
    """
    with below_head(source, layout) as reader:
        forms = proven(reader, layout, asked, vocabulary(), today)
    return ReadableList(source, layout, forms, zone, today)


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
