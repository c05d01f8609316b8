"""Lines and files of CSV as all commands write them."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click

from due_notices.currencies import CODES

_WHOLE_NUMBER = re.compile(r"-?[0-9]+")
_GUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LETTERS = re.compile(r"[^\W\d_]+")
# Words that stand in numbers, moments and truth values of a spreadsheet, in the languages with the most of them.
_MONTHS = re.findall(
    r"\w+",
    "january february march april may june july august september october november december "
    "januar februar märz mrz mai juni juli oktober dezember jänner janvier février fevrier mars avril juin juillet "
    "août aout septembre octobre novembre décembre decembre enero febrero marzo abril mayo junio julio agosto "
    "septiembre setiembre octubre noviembre diciembre gennaio febbraio aprile maggio giugno luglio settembre ottobre "
    "dicembre janeiro fevereiro março marco maio junho julho setembro outubro novembro dezembro maart mei augustus "
    "januari februari mrt styczeń luty marzec kwiecień maj czerwiec lipiec sierpień wrzesień październik listopad "
    "grudzień",
)
_TRUTHS = frozenset({"true", "false", "wahr", "falsch", "vrai", "faux", "verdadero", "falso", "vero", "verdadeiro"})
_IN_NUMBERS = frozenset({*"eaptz", "am", "pm", "utc", "st", "nd", "rd", "th", "de"}) | {
    code.casefold() for code in CODES
}
_IN_MOMENTS = frozenset("年月日時时分秒년월일시분초")
_SHORTEST_MONTH = 3


def csv_line(cells: Sequence[str]) -> str:
    """Return one line of CSV (RFC 4180), with its end, in which no spreadsheet finds a formula."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([harmless(cell) for cell in cells])
    return text.getvalue()


def harmless(cell: str) -> str:
    """Return a cell that a spreadsheet takes for text, or for a whole number, and never for a formula.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    if cell[:1] in {"=", "+", "-", "@", "\t", "\r", "\n"} and not _WHOLE_NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def identifier(cell: str) -> str:
    """Return the cell of an id or a reference, with `'` before it where a spreadsheet would make something else of it.

    It takes `00123` for 123, `3-12` for a day of this year, 32 digits for a power of ten, `MAR1` for a day, and
    writes that when it saves. It takes for text what has a word that is in no number and no moment.
    """
    words = [word.casefold() for word in _LETTERS.findall(cell)]
    is_number = any(map(str.isdigit, cell)) and all(map(_is_of_a_number, words)) and not _GUID.fullmatch(cell)
    return f"'{cell}" if is_number or cell.strip().casefold() in _TRUTHS else cell


def _is_of_a_number(word: str) -> bool:
    if word in _IN_NUMBERS or set(word) <= _IN_MOMENTS:
        return True
    return len(word) >= _SHORTEST_MONTH and any(month.startswith(word) for month in _MONTHS)


@contextmanager
def csv_file(path: Path) -> Iterator[IO[str]]:
    """Open a file that is in place only when all of it is written; only its owner may read it."""
    draft = path.with_name(f"{path.name}.part")
    try:
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline=""
        ) as stream:
            yield stream
        draft.replace(path)
    except OSError as error:
        raise click.BadParameter(f"{path} cannot be written ({error.strerror})", param_hint="--csv") from error
    finally:
        draft.unlink(missing_ok=True)
