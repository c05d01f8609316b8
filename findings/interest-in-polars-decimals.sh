#!/usr/bin/env bash
# Question: late interest on decimal columns in Polars, amount * (rate / 365) * days: how exact is it?
# A good guess: a product has the decimals of both factors (0.19 * 0.07 = 0.0133), as in SQL and in Python's decimal.
# What happens: every result is rounded to the decimals of the factor that has more of them, a quotient as well. A
#   yearly rate of two decimals divided by 365 is 0.00, and so is the interest, for any amount. The order of the same
#   formula decides: amount * rate * days / 365 is right to the cent. DuckDB multiplies with four decimals and divides
#   in floating point. Neither warns.
# Why it matters: dunning programs work out interest and fees from exported lists; 0.00 looks like a rule, not an error.
# Seen: 2026-11-30. On purpose since pola-rs/polars#24542 (September 2025): the scale stays, whatever is calculated. The
#   text of the data type Decimal does not say it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check polars==2.1.0 duckdb==2.0.1

cat >expected <<'END'
polars 2.1.0, duckdb 2.0.1
exact, by hand            1.88
polars amount*rate*days/365    1.88 Decimal(precision=38, scale=2)
polars amount*(rate/365)*days  0.00 Decimal(precision=38, scale=2)
polars 1.10 * 0.19             0.21
duckdb 1.10 * 0.19             0.2090
duckdb amount*(rate/365)*days  1.88
END
venv/bin/python - <<'END' | tee seen
from decimal import Decimal

import duckdb
import polars as pl

print(f"polars {pl.__version__}, duckdb {duckdb.__version__}")
amount, rate, days = Decimal("120.50"), Decimal("0.19"), 30
print("exact, by hand           ", round(amount * rate * days / 365, 2))
frame = pl.DataFrame({"amount": [amount], "rate": [rate], "days": [days]})
late = frame.select(
    multiplied_first=pl.col.amount * pl.col.rate * pl.col.days / 365,
    divided_first=pl.col.amount * (pl.col.rate / 365) * pl.col.days,
)
print("polars amount*rate*days/365   ", late["multiplied_first"][0], late["multiplied_first"].dtype)
print("polars amount*(rate/365)*days ", late["divided_first"][0], late["divided_first"].dtype)
print("polars 1.10 * 0.19            ", (pl.Series([Decimal("1.10")]) * pl.Series([Decimal("0.19")]))[0])
product, interest = duckdb.connect().execute("""
    select 1.10::decimal(10,2) * 0.19::decimal(10,2), 120.50::decimal(10,2) * (0.19::decimal(10,2) / 365) * 30
""").fetchone()
print("duckdb 1.10 * 0.19            ", product)
print("duckdb amount*(rate/365)*days ", round(interest, 2))
END
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
