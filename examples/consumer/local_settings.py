"""Write `local.settings.json` for the function app, from the one that `make start` has written.

python examples/consumer/local_settings.py          in the folder where `make start` runs
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Copy what the consumer needs, and let it write letters to its log."""
    try:
        values = json.loads(Path("local.settings.json").read_text("utf-8"))["Values"]
    except FileNotFoundError:
        sys.stderr.write("No local.settings.json here: call `make start` in another terminal, and this beside it.\n")
        return 2
    storage = values["NOTICE_STORAGE"]
    ours = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsStorage": values.get("AzureWebJobsStorage", storage),
        "NOTICE_STORAGE": storage,
        "NOTICE_QUEUE": values["NOTICE_QUEUE"],
        "LETTER_STORAGE": storage,
        "SENDER": "log",
    }
    target = HERE / "local.settings.json"
    target.write_text(json.dumps({"IsEncrypted": False, "Values": ours}, indent=2) + "\n", "utf-8")
    target.chmod(0o600)
    return 0


if __name__ == "__main__":
    sys.exit(main())
