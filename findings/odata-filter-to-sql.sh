#!/usr/bin/env bash
# Question: odata-query turns the $filter of an API into SQL. Which rows does SQLite then give?
# A good guess: those that the filter names; its parser knows precedence, and its texts are quoted.
# What happens: five filters, five wrong answers, no error.
#   - Brackets around a subtraction are dropped: total sub (paid sub refunded) becomes total - paid - refunded.
#   - `_` and `%` inside contains() are doubled, which no SQL dialect reads as an escape: INV_7 is not found and
#     another reference is; 100% finds 1000.
#   - A moment becomes DATETIME('…Z'), which has a blank where a stored text of RFC 3339 has a T: everything of the
#     same day counts as later.
#   - Through SQLAlchemy the offset of a moment is dropped on the way into SQLite: 12:00+02:00 is taken for 12:00 UTC.
# Why it matters: who lists open obligations by such a filter gets the wrong customers.
# Seen: 2026-11-30 (odata-query 0.10.0 is its newest release, of June 2024); read in odata_query/sql/base.py; not found
#   in its documents.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check odata-query==0.10.0 sqlalchemy==2.1.9

cat >expected <<'END'
odata-query 0.10.0, sqlalchemy 2.1.9
still owed:        total sub (paid sub refunded) gt 0
  "total" - "paid" - "refunded" > 0
  ['1000']
reference INV_7:   contains(ref,'INV_7')
  "ref" LIKE '%INV__7%'
  ['INVxy7']
reference 100%:    contains(ref,'100%')
  "ref" LIKE '%100%%%'
  ['100%', '1000']
sent after noon:   sent ge 2026-12-01T12:00:00Z
  "sent" >= DATETIME('2026-12-01T12:00:00Z')
  ['INV_7', '100%']
sqlalchemy, sent ge 2026-12-01T12:00:00+02:00 (10:00 UTC), sent at 11:00 UTC: []
END
venv/bin/python - 2>/dev/null <<'END' | tee seen
import sqlite3
from datetime import UTC, datetime
from importlib.metadata import version

from odata_query.grammar import ODataLexer, ODataParser
from odata_query.sql import AstToSqliteSqlVisitor
from odata_query.sqlalchemy import apply_odata_query
from sqlalchemy import create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

print(f"odata-query {version('odata-query')}, sqlalchemy {version('sqlalchemy')}")
base = sqlite3.connect(":memory:")
base.execute("create table owed (ref, total, paid, refunded, sent)")
base.executemany(
    "insert into owed values (?, ?, ?, ?, ?)",
    [
        ("INV_7", 100, 80, 30, "2026-12-01T08:00:00Z"),  # 50 are still owed
        ("INVxy7", 10, 10, 0, "2026-11-30T08:00:00Z"),
        ("100%", 10, 10, 0, "2026-12-01T18:00:00Z"),
        ("1000", 10, 5, 0, "2026-11-30T08:00:00Z"),  # 5 are still owed
    ],
)
for what, text in (
    ("still owed:", "total sub (paid sub refunded) gt 0"),
    ("reference INV_7:", "contains(ref,'INV_7')"),
    ("reference 100%:", "contains(ref,'100%')"),
    ("sent after noon:", "sent ge 2026-12-01T12:00:00Z"),
):
    where = AstToSqliteSqlVisitor().visit(ODataParser().parse(ODataLexer().tokenize(text)))
    print(f"{what:18} {text}\n  {where}\n ", [ref for (ref,) in base.execute(f"select ref from owed where {where}")])


class Base(DeclarativeBase):
    pass


class Owed(Base):
    __tablename__ = "owed"
    ref: Mapped[str] = mapped_column(primary_key=True)
    sent: Mapped[datetime]


engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(Owed(ref="INV_7", sent=datetime(2026, 12, 1, 11, tzinfo=UTC)))
    session.commit()
    text = "sent ge 2026-12-01T12:00:00+02:00"
    found = [each.ref for each in session.scalars(apply_odata_query(select(Owed), text))]
    print(f"sqlalchemy, {text} (10:00 UTC), sent at 11:00 UTC:", found)
END
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
