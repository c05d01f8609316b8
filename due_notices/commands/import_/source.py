"""A file as text, whatever is in it: its encoding proven, its lines bounded, nothing else taken for a list."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import IO, Any, Protocol

from due_notices.commands.import_.problems import ListRefused, Problem

LONGEST_LINE = 1 << 20
"""Bytes without an end of line that are still a line."""
LONGEST_CELL = 1 << 16
MOST_COLUMNS = 1_000
OTHER_ENCODINGS = (
    "add --encoding, for instance cp932 (Japan), cp949 (Korea), gbk (China), cp1250 (Central Europe), "
    "cp1251 (Cyrillic), cp1253 (Greek), cp1254 (Turkish), cp874 (Thailand)"
)
BLOCK = 500
"""Rows that are read at a time."""
_CHUNK = 1 << 20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NO_LISTS = (
    (b"PK\x03\x04", "an Excel or LibreOffice workbook, or an archive"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"%PDF", "a PDF"),
    (b"\x1f\x8b", "compressed"),
    (b"<", "XML or HTML"),
    (b"{\\rtf", "a formatted text (RTF)"),
    (b"{", "JSON"),
    (b"[{", "JSON"),
)


@dataclass(frozen=True, slots=True)
class Source:
    """A list's file. `why` says how its encoding was found."""

    path: Path
    encoding: str
    why: str
    guessed: bool = False
    """Whether other alphabets of one byte a letter would do as well."""

    @contextmanager
    def open(self) -> Iterator[IO[str]]:
        """Open it as text with its line ends as they are."""
        with self.path.open("r", encoding=self.encoding, newline="") as stream:
            yield stream

    @property
    def is_open_ended(self) -> bool:
        """Whether its last line has no end, as where a copy or an export broke off; some programs never write it."""
        with self.path.open("rb") as stream:
            stream.seek(max(0, self.path.stat().st_size - 4))
            return stream.read().rstrip(b"\0")[-1:] not in (b"\n", b"\r", b"\x1a", b"")

    def first_lines(self, most: int) -> list[str]:
        """Return the lines of its beginning."""
        with self.open() as stream:
            return list(islice(stream, most))

    def rows(self, stream: IO[str], delimiter: str) -> Any:
        """Return the csv reader over the whole file; quotes that do not close are an error."""
        csv.field_size_limit(LONGEST_CELL)
        return csv.reader(
            stream, delimiter=delimiter, strict=True, quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
        )


def examined(
    path: Path, encoding: str = "", others: Iterable[str] = (), fits: Callable[[Source], bool] = lambda _: False
) -> Source:
    """Return a file whose whole content is text in a proven encoding. Raises ListRefused.

    `encoding` is the one that was asked for; of the `others`, which programs are known to write, that is taken whose
    text `fits` says to be such a program's.
    """
    try:
        start = _beginning(path)
        _bounded(path, wide=_is_wide(encoding or start))
    except OSError as error:
        raise _refused("file", f"{path} cannot be read ({error.strerror})", "check the path") from error
    if encoding:
        return _given(path, encoding)
    if start:
        _check(path, start, "its byte order mark")
        return Source(path, start, "by its byte order mark")
    if undecodable(path, "utf-8") is None:
        return Source(path, "utf-8", "its bytes are UTF-8")
    for each in others:
        source = Source(path, each, "as the profile says")
        if undecodable(path, each) is None and fits(source):
            return source
    if undecodable(path, "cp1252") is None:
        return Source(path, "cp1252", "its bytes are not UTF-8, and those of Windows' Western alphabet", guessed=True)
    raise _refused("encoding", "the list is written neither in UTF-8 nor in Windows' Western alphabet", OTHER_ENCODINGS)


def _is_wide(encoding: str) -> bool:
    """Whether an encoding writes NUL bytes in any text."""
    return re.match(r"utf[-_ ]?(16|32)|u(16|32)", encoding.casefold()) is not None


def undecodable(path: Path, encoding: str) -> int | None:
    """Return the number of the first line that this encoding cannot have written, None if it can be the whole."""
    decoder = codecs.getincrementaldecoder(encoding)()
    lines = 1
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            try:
                lines += decoder.decode(chunk).count("\n")
            except UnicodeDecodeError as error:
                return lines + chunk[: error.start].count(b"\n")
    try:
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return lines
    return None


def _given(path: Path, encoding: str) -> Source:
    try:
        known = codecs.lookup(encoding)
        "".encode(known.name)
    except (LookupError, UnicodeError) as error:
        raise _refused(
            "encoding", f"there is no encoding {encoding}", "--encoding takes Python's names, as cp932"
        ) from error
    name = "utf-8-sig" if known.name == "utf-8" else known.name
    _check(path, name, "--encoding")
    return Source(path, name, "as --encoding says")


def _check(path: Path, encoding: str, by: str) -> None:
    line = undecodable(path, encoding)
    if line is not None:
        raise ListRefused(
            [
                Problem(
                    "encoding",
                    f"{by} says {encoding}, and this line is not written in it",
                    "add the right --encoding",
                    line,
                )
            ]
        )


def _beginning(path: Path) -> str:
    """Return the encoding that a byte order mark names; refuse what is not a list at all."""
    with path.open("rb") as stream:
        start = stream.read(64)
    if not start.strip():
        raise _refused("file", f"{path.name} is empty", "export the list again")
    for mark, encoding in _BOMS:
        if start.startswith(mark):
            return encoding
    for mark, what in _NO_LISTS:
        if start.startswith(mark):
            raise _refused("file", f"{path.name} is {what}, and no list", "save or export it as CSV (UTF-8)")
    return ""


def _bounded(path: Path, *, wide: bool) -> None:
    """Refuse bytes that no list has, before anything reads it by lines: their number has no limit."""
    run = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            if not wide and b"\0" in chunk:
                raise _refused("file", f"{path.name} holds NUL bytes", "export it again as CSV (UTF-8)")
            last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            first = min((at for at in (chunk.find(b"\n"), chunk.find(b"\r")) if at >= 0), default=len(chunk))
            if run + first > LONGEST_LINE:
                raise _refused(
                    "file",
                    f"{path.name} has a line of more than {LONGEST_LINE:,} bytes",
                    "export the list again, a row a line",
                )
            run = run + len(chunk) if last < 0 else len(chunk) - last - 1


def _refused(code: str, why: str, remedy: str) -> ListRefused:
    return ListRefused([Problem(code, why, remedy)])


def parsed_lines(lines: list[str], delimiter: str) -> list[tuple[int, list[str]]]:
    """Return the rows of some first lines, each with its line number, as far as they can be parsed."""
    csv.field_size_limit(LONGEST_CELL)
    reader = csv.reader(io.StringIO("".join(lines), newline=""), delimiter=delimiter)
    found: list[tuple[int, list[str]]] = []
    with suppress(csv.Error):
        found.extend((reader.line_num, row) for row in reader)
    return found


class Ending:
    """Compares the last row of a list with all others: its last cell may be cut off."""

    def __init__(self, due: int, amount: int | None) -> None:
        """Take the columns of the due date and the amount; a row without a due date, as a total, has its own form."""
        self._due = due
        self._amount = amount
        self._rows = 0
        self._last: tuple[int, list[str]] | None = None
        self._widths: set[int] = set()
        self._decimals: set[int] = set()
        self._years: set[int] = set()

    def add(self, lines: Sequence[int], rows: Sequence[list[str]]) -> None:
        """Take a block of rows into account."""
        before = [self._last[1]] if self._last else []
        for row in (*before, *rows[:-1]):
            if self._is_dated(row):
                self._rows += 1
                self._widths.add(len(row))
                self._decimals.add(_decimals(row[-1]))
                self._years.add(_end(row[self._due]))
        self._last = lines[-1], rows[-1]

    def problem(self) -> Problem | None:
        """Return why the list is taken to be cut off, None where nothing speaks for it."""
        if self._last is None or not self._widths or not self._is_dated(self._last[1]):
            return None
        line, row = self._last
        ends_sooner = (
            len(row) < min(self._widths)
            or (self._ends_with_amount(row) and len(self._decimals) == 1 and _decimals(row[-1]) < min(self._decimals))
            or (len(row) == self._due + 1 and len(self._years) == 1 and _end(row[-1]) < min(self._years))
        )
        if not ends_sooner:
            return None
        why = "the list is cut off in its last row: that ends sooner than all others, and without an end of line"
        return Problem("end", why, "export it again; if the row is whole, end it with a line break", line)

    def _ends_with_amount(self, row: Sequence[str]) -> bool:
        """Whether enough rows end with an amount, and this one with another than none or zero."""
        return len(row) - 1 == self._amount and self._rows >= _FEW and any(each in "123456789" for each in row[-1])

    def _is_dated(self, row: Sequence[str]) -> bool:
        return len(row) > self._due and any(map(str.isdigit, row[self._due]))


_FEW = 2  # some programs write no zeros at the end: one row shows nothing


def _decimals(cell: str) -> int:
    found = re.search(r"\d[.,](\d{1,3})\D*\Z", cell)
    return len(found[1]) if found else 0


def _end(date: str) -> int:
    """Return how many digits end a date."""
    return len(date) - len(date.rstrip("0123456789"))


class Place(Protocol):
    """Where the rows of a list begin."""

    @property
    def delimiter(self) -> str:
        """What separates the cells."""
        ...

    @property
    def head_line(self) -> int:
        """The line of the head."""
        ...


class Reader(Protocol):
    """The csv module's: rows, and the line on which the last one ended."""

    line_num: int

    def __iter__(self) -> Iterator[list[str]]:
        """Return the rows."""
        ...


@contextmanager
def below_head(source: Source, layout: Place) -> Iterator[Reader]:
    """Give the reader, with the head already read. A row that the csv module cannot read refuses the whole list."""
    with source.open() as stream:
        reader = source.rows(stream, layout.delimiter)
        try:
            while reader.line_num < layout.head_line and next(reader, None) is not None:
                pass
            yield reader
        except csv.Error as error:
            raise _spoilt(reader.line_num, error) from error


def _spoilt(line: int, error: csv.Error) -> ListRefused:
    return ListRefused(
        [
            Problem(
                "quotes",
                f"a cell cannot be read ({error})",
                "does a quote not close, or lack its second mark? Export the list again",
                line,
            )
        ]
    )


def blocks(reader: Reader, size: int = BLOCK) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
    """Yield the rows some hundred at a time, with the line on which each ends."""
    rows = iter(reader)
    while True:
        line = reader.line_num
        cells = list(islice(rows, size))
        if not cells:
            return
        if reader.line_num - line == len(cells):
            yield range(line + 1, reader.line_num + 1), cells
        else:  # cells with ends of lines in them
            lengths = (1 + sum(map(_ends_of_line, row)) for row in cells)
            yield list(accumulate(lengths, initial=line))[1:], cells


def _ends_of_line(cell: str) -> int:
    return cell.count("\n") or cell.count("\r")
