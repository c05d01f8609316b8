#!/usr/bin/env bash
# Question: messages kept as JSON lines have texts in quotes: "reference": "00123", "id": "12345678901234567890". What
#   does pandas.read_json(lines=True) give?
# A good guess: texts. JSON says of each value whether it is a text or a number; losing zeros is a matter of CSV.
# What happens: it tries numbers on every column of texts. 00123 is 123, "120.50" is 120.5, the code 1e3 is 1000, and
#   20 digits come back as a float with 17. One letter anywhere in the column and all of it stays text, so that two
#   days' files differ in type. dtype=False keeps the texts; DuckDB does so by itself.
# Why it matters: references no longer match the books, and hexadecimal ids of 32 digits now and then become numbers.
# Seen: 2026-11-30. The documents say of `dtype` that it infers types; that it looks into texts they do not say.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check pandas==3.1.1 duckdb==2.0.1

cat >monday.jsonl <<'END'
{"id": "12345678901234567890", "reference": "00123", "amount": "120.50", "code": "1e3"}
{"id": "12345678901234567891", "reference": "00007", "amount": "80.00", "code": "2e1"}
END
cat >tuesday.jsonl <<'END'
{"id": "12345678901234567890", "reference": "00123", "amount": "120.50", "code": "1e3"}
{"id": "1234567890123456789a", "reference": "INV-7", "amount": "n/a", "code": "ee1"}
END
cat >expected <<'END'
pandas 3.1.1, duckdb 2.0.1
pandas, monday          [1.2345678901234567e+19, 123, 120.5, 1000.0]
pandas, tuesday         ['12345678901234567890', '00123', '120.50', '1e3']
pandas, dtype=False     ['12345678901234567890', '00123', '120.50', '1e3']
duckdb, monday          ['12345678901234567890', '00123', '120.50', '1e3']
END
venv/bin/python -W ignore - <<'END' | tee seen
import duckdb
import pandas as pd

print(f"pandas {pd.__version__}, duckdb {duckdb.__version__}")
for title, frame in (
    ("pandas, monday", pd.read_json("monday.jsonl", lines=True)),
    ("pandas, tuesday", pd.read_json("tuesday.jsonl", lines=True)),
    ("pandas, dtype=False", pd.read_json("monday.jsonl", lines=True, dtype=False)),
):
    print(f"{title:23} {list(frame.to_dict('records')[0].values())}")
row = duckdb.connect().execute("from 'monday.jsonl'").fetchone()
print(f"{'duckdb, monday':23} {list(row)}")
END
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
