#!/usr/bin/env bash
# Question: a list exported by a billing program ends with a line of its own, "2 rows" or "Total 200.50". What does
#   DuckDB's read_csv make of the file?
# A good guess: three columns and one odd last row (as Polars and pandas do), or an error that names the line.
# What happens: one single column, named "ref,due,amount", that holds the lines as they are: no delimiter fits every
#   line, so the sniffer settles for one that occurs nowhere. No error. Beyond the sample of 20,480 lines the same
#   closing line is an error. With the delimiter given, it is an error, too; the options strict_mode=false and
#   header=true change nothing.
# Why it matters: a load of such a list "works", row for row, and every column is missing; tests with small files pass
#   where the real one fails, or the other way round.
# Seen: 2026-11-30 with 2.0.1. DuckDB documents the sniffer's steps, not this end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check duckdb==2.0.1 polars==2.1.0

cat >expected <<'END'
duckdb 2.0.1, polars 2.1.0
                       duckdb: columns, last row | polars: last row
2 rows, nothing more   ['ref', 'due', 'amount'], ('INV-1', '2026-12-01', 1.5) | ('INV-1', '2026-12-01', 1.5)
2 rows, closing line   ['ref,due,amount'], ('2 rows',) | ('2 rows', None, None)
2 rows, total in place ['ref', 'due', 'amount'], ('Total', None, 2.0) | ('Total', None, 2.0)
30000, closing line    Invalid Input Error: CSV Error on Line: 30002 | ('30000 rows', None, None)
2 rows, delim given    Invalid Input Error: Error when sniffing file "list.csv".
END
venv/bin/python - <<'END' | tee seen
import duckdb
import polars as pl


def write(rows: int, end: str) -> None:
    lines = [f"INV-{number},2026-12-01,{number}.50" for number in range(rows)]
    with open("list.csv", "w", encoding="utf-8") as file:
        file.write("\n".join(["ref,due,amount", *lines]) + "\n" + end)


def by_duckdb(options: str = "") -> str:
    try:
        answer = duckdb.connect().execute(f"select * from read_csv('list.csv'{options})")
        *_, last = answer.fetchall()
    except duckdb.Error as error:
        return str(error).splitlines()[0]
    names = [each[0] for each in answer.description]
    return f"{names}, {tuple(str(value) if hasattr(value, 'year') else value for value in last)}"


print(f"duckdb {duckdb.__version__}, polars {pl.__version__}")
print(f"{'':22} duckdb: columns, last row | polars: last row")
for title, rows, end in (
    ("2 rows, nothing more", 2, ""),
    ("2 rows, closing line", 2, "2 rows\n"),
    ("2 rows, total in place", 2, "Total,,2.00\n"),
    ("30000, closing line", 30000, "30000 rows\n"),
):
    write(rows, end)
    print(f"{title:22} {by_duckdb()} | {pl.read_csv('list.csv').rows()[-1]}")
write(2, "2 rows\n")
print(f"{'2 rows, delim given':22} {by_duckdb(', delim=chr(44)')}")
END
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
