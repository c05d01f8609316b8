"""Run one contender in this process and print what it cost: `python -m bench.contender NAME`."""

from __future__ import annotations

import importlib
import json
import sys
import time

from bench.contenders import CONTENDERS, LIBRARIES, msgraph_models
from bench.memory import peak_mb


def main() -> None:
    """Import, run, measure, print one line of JSON. Imports are not counted: they are measured by themselves."""
    name = sys.argv[1]
    for library in LIBRARIES[name.rpartition("-")[2]]:
        importlib.import_module(library)
    if name == "msgraph":
        msgraph_models()
    cpu, started = time.process_time(), time.perf_counter()
    done = CONTENDERS[name]()
    elapsed = time.perf_counter() - started
    print(
        json.dumps(
            {
                "users": done.users,
                "owed": done.notices,
                "read_s": done.read,
                "send_s": done.send,
                "total_s": elapsed,
                "cpu_s": time.process_time() - cpu,
                "peak_mb": peak_mb(),
            }
        )
    )


if __name__ == "__main__":
    main()
