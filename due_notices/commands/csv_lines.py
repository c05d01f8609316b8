"""Lines of CSV as all commands write them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

_WHOLE_NUMBER = re.compile(r"-?[0-9]+")


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
