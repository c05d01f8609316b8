#!/usr/bin/env bash
# Question: alert queries for Log Analytics are tried out locally with a package from PyPI that runs KQL. Which rows do
#   four everyday operators give?
# A good guess: the same in all of them, or "not supported" where one is not that far.
# What happens: adxpandas and adxlite take all four and answer the opposite for three: `top` and `sort` begin with the
#   least (Kusto: with the greatest), `contains` is case-sensitive (Kusto's is not). They are two faces of one engine and
#   disagree with each other over nulls: `top` in adxlite counts null as the least, and its `!=` drops a row without a
#   value, which Kusto keeps. duckdb-kql answers as Kusto's documents say.
# Why it matters: "the newest report" is the oldest one; an alarm that rings here is silent in Azure.
# Seen: 2026-11-30 with adxpandas and adxlite 0.2.3 (June 2026), duckdb-kql 1.1.2 (October 2026). Kusto itself was not
#   run: what is right is from its documents of the operators top, sort, contains and the null values.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check adxpandas==0.2.3 adxlite==0.2.3 \
    duckdb-kql==1.1.2 duckdb==2.0.1 pandas==3.1.1

cat >expected <<'END'
adxpandas 0.2.3, adxlite 0.2.3, duckdb-kql 1.1.2
T | top 1 by n | project s
  adxpandas ['a'] adxlite ['b'] duckdb-kql ['c']
T | sort by s | project s
  adxpandas ['a', 'b', 'c'] adxlite ['a', 'b', 'c'] duckdb-kql ['c', 'b', 'a']
T | where m contains "COMPLETE" | project s
  adxpandas [] adxlite [] duckdb-kql ['a']
T | where n != 1 | project s
  adxpandas ['b', 'c'] adxlite ['c'] duckdb-kql ['b', 'c']
END
venv/bin/python -W ignore - <<'END' | tee seen
from importlib.metadata import version

import duckdb
import duckdb_kql
import pandas as pd
from adxlite import AdxLiteClient
from adxpandas import AdxPandasClient

print(", ".join(f"{name} {version(name)}" for name in ("adxpandas", "adxlite", "duckdb-kql")))
table = pd.DataFrame({"s": ["a", "b", "c"], "n": [1.0, None, 3.0], "m": ["completed", "failed", "failed"]})
with_pandas = AdxPandasClient({"T": table})
with_sqlite = AdxLiteClient()
with_sqlite.ingest("T", table)
with_duckdb = duckdb.connect()
with_duckdb.register("T", table)


def texts(answer):
    frame = answer if isinstance(answer, pd.DataFrame) else answer.df
    return list(frame["s"])


for query in (
    "T | top 1 by n | project s",
    "T | sort by s | project s",
    'T | where m contains "COMPLETE" | project s',
    "T | where n != 1 | project s",
):
    by_duckdb = [s for (s,) in with_duckdb.execute(duckdb_kql.to_sql(query)).fetchall()]
    print(query)
    print(f"  adxpandas {texts(with_pandas.query(query))} adxlite {texts(with_sqlite.query(query))} duckdb-kql {by_duckdb}")
END
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
