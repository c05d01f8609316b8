#!/usr/bin/env bash
# Question: a queue-triggered Python function calls message.get_json(). A dependency of a dependency brings orjson along
#   at the next deployment. What changes?
# A good guess: nothing but the speed; azure-functions 2.x takes orjson where it is installed.
# What happens: whole numbers beyond 64 bits come as floats and lose their digits, without an error; a byte order mark,
#   a lone surrogate and NaN, which the standard library reads, raise. The same holds for HttpRequest.get_json(). No
#   line of one's own code or of the requirements names orjson.
# Why it matters: a long reference number that a program writes as a number comes out as another one; messages that
#   went through yesterday are poison today.
# Seen: 2026-11-30; azure/functions/_jsonutils.py. Documented is that orjson is used, not that it reads differently.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
cd "$folder"
venv/bin/pip install --quiet --no-compile --disable-pip-version-check azure-functions==2.3.0

cat >read.py <<'END'
from importlib.metadata import distributions

from azure.functions import QueueMessage

installed = {each.name: each.version for each in distributions()}
print("azure-functions", installed["azure-functions"], "with orjson", installed.get("orjson", "not installed"))
for body in (b'{"ref": 900000000000000000017}', b'\xef\xbb\xbf{"ref": 1}', b'{"name": "\\ud800"}', b'{"amount": NaN}'):
    try:
        print(" ", body, "->", QueueMessage(body=body).get_json())
    except ValueError as error:
        print(" ", body, "->", type(error).__name__)
END
cat >expected <<'END'
azure-functions 2.3.0 with orjson not installed
  b'{"ref": 900000000000000000017}' -> {'ref': 900000000000000000017}
  b'\xef\xbb\xbf{"ref": 1}' -> {'ref': 1}
  b'{"name": "\\ud800"}' -> {'name': '\ud800'}
  b'{"amount": NaN}' -> {'amount': nan}
azure-functions 2.3.0 with orjson 3.13.0
  b'{"ref": 900000000000000000017}' -> {'ref': 9e+20}
  b'\xef\xbb\xbf{"ref": 1}' -> JSONDecodeError
  b'{"name": "\\ud800"}' -> JSONDecodeError
  b'{"amount": NaN}' -> JSONDecodeError
END
venv/bin/python read.py | tee seen
venv/bin/pip install --quiet --no-compile --disable-pip-version-check orjson==3.13.0
venv/bin/python read.py | tee -a seen
if ! diff expected seen; then
    echo "the behaviour is no longer the one described above" >&2
    exit 1
fi
