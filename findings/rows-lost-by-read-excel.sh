#!/usr/bin/env bash
# Question: below 200 rows that a program exported, someone typed three more into the workbook, with dates and amounts
#   as texts. What does read_excel of Polars make of them?
# A good guess: a column of texts, as with a short list, or an error, as its read_csv raises.
# What happens: the columns' types come from the first 100 rows. Each later cell that does not fit becomes null, without
#   an error or a warning, and a row of which no cell fits is then empty and dropped: the frame has a row less than the
#   list. With 20 exported rows nothing is lost. infer_schema_length=None keeps everything; pandas does by itself.
# Why it matters: a customer without a due date or an amount, or one who is not there at all, gets no reminder; the
#   test with a short list is right.
# Seen: 2026-12-01. Polars documents that types are inferred from some rows, and that empty ones are dropped, not that
#   cells become empty. The nulls are known (ToucanToco/fastexcel#236); an issue about them was closed as
#   not reproducible (pola-rs/polars#23728).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check polars==2.1.0 fastexcel==0.21.0 pandas==3.1.1 \
    python-calamine==0.9.1 xlsxwriter==3.2.9

cat >expected <<'END'
polars 2.1.0 with fastexcel 0.21.0, pandas 3.1.1
203 rows, polars, as it comes: 202 rows, Int64 Date Float64
  1301 None 99.0
  1302 2026-12-05 None
203 rows, polars, infer_schema_length=None: 203 rows, String String String
  1301 5.12.2026 99
  1302 2026-12-05 00:00:00 1.234,50
  K-17 5.12.2026 1.234,50
203 rows, pandas: 203 rows
  1301 5.12.2026 99
  1302 2026-12-05 00:00:00 1.234,50
  K-17 5.12.2026 1.234,50
203 rows, as CSV, polars: ComputeError
23 rows, polars, as it comes: 23 rows, String String String
  1301 5.12.2026 99
  1302 2026-12-05 00:00:00 1.234,50
  K-17 5.12.2026 1.234,50
END
cat >read.py <<'END'
from datetime import date
from importlib.metadata import version

import pandas as pd
import polars as pl
import xlsxwriter

DUE = date(2026, 12, 5)
BY_HAND = ((1301, "5.12.2026", 99), (1302, DUE, "1.234,50"), ("K-17", "5.12.2026", "1.234,50"))


def write(exported: int) -> str:
    with xlsxwriter.Workbook("list.xlsx", {"default_date_format": "yyyy-mm-dd"}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ("customer", "due", "amount"))
        for at, row in enumerate([(1000 + number, DUE, 10.5) for number in range(exported)] + list(BY_HAND), 1):
            sheet.write_row(at, 0, row)
    return f"{exported + len(BY_HAND)} rows"


def show(name: str, frame: pl.DataFrame) -> None:
    print(f"{name}: {len(frame)} rows,", *frame.dtypes)
    for row in frame.rows():
        if str(row[0]) in ("1301", "1302", "K-17"):
            print(" ", *row)


print(f"polars {pl.__version__} with fastexcel {version('fastexcel')}, pandas {pd.__version__}")
rows = write(200)
show(f"{rows}, polars, as it comes", pl.read_excel("list.xlsx"))
show(f"{rows}, polars, infer_schema_length=None", pl.read_excel("list.xlsx", infer_schema_length=None))
by_pandas = pd.read_excel("list.xlsx", engine="calamine")
print(f"{rows}, pandas: {len(by_pandas)} rows")
for row in by_pandas.tail(3).itertuples(index=False):
    print(" ", *row)
by_pandas.to_csv("list.csv", index=False)
try:
    print(f"{rows}, as CSV, polars:", len(pl.read_csv("list.csv")))
except pl.exceptions.ComputeError as error:
    print(f"{rows}, as CSV, polars:", type(error).__name__)
show(f"{write(20)}, polars, as it comes", pl.read_excel("list.xlsx"))
END
venv/bin/python -W error read.py | tee seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
