#!/usr/bin/env bash
# Question: a letter says in words how long there is to pay. What do libraries for that write of 6, 11, 16 and 46 days?
# A good guess: days, or whole weeks and months rounded down, so that nobody is told of time that there is not.
# What happens: 11 days are "2 weeks" in Babel and pendulum, and Babel calls 6 days a week. 16 days are "a month" in
#   humanize since 4.15 (4.14 said "16 days") and in Arrow 1.4.0; 46 days are "2 months" in these two and Babel. Django
#   writes two units. Days are had with months=False in humanize and granularity="day" in Arrow; Babel's granularity
#   is the smallest unit, not the one that is written, and its threshold must be raised as well.
# Why it matters: who pays "in a month" because the letter said so is two weeks late. The update of humanize changes
#   letters that were right.
# Seen: 2026-12-01. humanize documents that it rounds to the nearest unit (python-humanize/humanize#272), Babel its
#   threshold. Arrow: arrow-py/arrow#1240; a mending of February 2026 (#1242) was taken back in March (#1264).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check babel==2.19.0 humanize==4.17.0 arrow==1.4.0 \
    pendulum==3.3.0 django==6.1.3
venv/bin/pip install --quiet --no-compile --disable-pip-version-check --target=before humanize==4.14.0

cat >expected <<'END'
humanize 4.14.0: 6 days | 11 days | 16 days | a month
humanize 4.17.0: 6 days | 11 days | a month | 2 months
  asked for days: 6 days | 11 days | 16 days | 46 days
babel 2.19.0: in 1 week | in 2 weeks | in 2 weeks | in 2 months
  asked for days: in 6 days | in 11 days | in 16 days | in 46 days
arrow 1.4.0: in 6 days | in a week | in a month | in 2 months
  asked for days: in 6 days | in 11 days | in 16 days | in 46 days
pendulum 3.3.0: 6 days | 2 weeks | 2 weeks | 1 month
django 6.1.3: 6 days | 1 week, 4 days | 2 weeks, 2 days | 1 month, 2 weeks
END
cat >words.py <<'END'
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import arrow
import django
import humanize
import pendulum
from babel.dates import format_timedelta
from django.conf import settings
from django.utils.timesince import timeuntil

DAYS = 6, 11, 16, 46
NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
settings.configure(USE_I18N=False)
django.setup()


def show(name, write, in_days=None):
    print(f"{name} {version(name)}:", " | ".join(write(timedelta(days=days)) for days in DAYS))
    if in_days:
        print("  asked for days:", " | ".join(in_days(timedelta(days=days)) for days in DAYS))


def babel(left, **options):
    return format_timedelta(left, add_direction=True, locale="en", **options)


def by_arrow(left, **options):
    return arrow.get(NOW + left).humanize(arrow.get(NOW), **options)


if "before" in sys.argv:
    show("humanize", humanize.naturaldelta)
    sys.exit()
show("humanize", humanize.naturaldelta, lambda left: humanize.naturaldelta(left, months=False))
show("babel", babel, lambda left: babel(left, granularity="day", threshold=1000))
show("arrow", by_arrow, lambda left: by_arrow(left, granularity="day"))
now = pendulum.instance(NOW)
show("pendulum", lambda left: (now + left).diff_for_humans(now, absolute=True))
show("django", lambda left: timeuntil(NOW + left, NOW).replace("\xa0", " "))
END
{
    PYTHONPATH=before venv/bin/python words.py before
    venv/bin/python words.py
} | tee seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
