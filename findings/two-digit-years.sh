#!/usr/bin/env bash
# Question: a list of receivables writes its due dates with two digits of the year, 03.02.26. What day is read?
# A good guess: 3 February 2026, or 2 March by those who read the month first, or the column stays text.
# What happens: Polars' read_csv(try_parse_dates=True) gives 3 February of the year 26. DuckDB gives 26 February 2003:
#   among the forms that it tries, year-month-day comes before day-month-year, and until 2031 every dd.mm.yy is a valid
#   yy.mm.dd, too. Written without zeros (3.2.26) the same date is 3 February 2026, and one row due in 2032 turns the
#   whole column round. All are real dates, and nothing is said.
# Why it matters: 26 February 2003 is long overdue, the year 26 is out of range in Excel and in Graph's date-times.
# Seen: 2026-11-30. DuckDB documents that it tries forms of dates, and which, but not what that means for two digits.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check polars==2.1.0 duckdb==2.0.1 pandas==3.1.1

cat >expected <<'END'
polars 2.1.0, duckdb 2.0.1, pandas 3.1.1 (dayfirst)
03.02.26           polars 0026-02-03 | duckdb 2003-02-26 | pandas 2026-02-03
3.2.26             polars 0026-02-03 | duckdb 2026-02-03 | pandas 2026-02-03
03/02/26           polars 0026-02-03 | duckdb 2003-02-26 | pandas 2026-02-03
03.02.26 03.02.32  polars 0026-02-03 | duckdb 2026-02-03 | pandas 2026-02-03
END
venv/bin/python -W ignore - <<'END' | tee seen
import duckdb
import pandas as pd
import polars as pl

print(f"polars {pl.__version__}, duckdb {duckdb.__version__}, pandas {pd.__version__} (dayfirst)")
for dates in (["03.02.26"], ["3.2.26"], ["03/02/26"], ["03.02.26", "03.02.32"]):
    with open("list.csv", "w", encoding="utf-8") as file:
        file.write("ref,due\n" + "".join(f"INV-{number},{due}\n" for number, due in enumerate(dates)))
    by_polars = pl.read_csv("list.csv", try_parse_dates=True)["due"][0]
    (by_duckdb,) = duckdb.connect().execute("select due from 'list.csv'").fetchone()
    by_pandas = pd.read_csv("list.csv", parse_dates=["due"], dayfirst=True)["due"][0].date()
    print(f"{' '.join(dates):18} polars {by_polars} | duckdb {by_duckdb} | pandas {by_pandas}")
END
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
