"""Run one contender in this process and print what it cost: `python -m bench.contender NAME`."""

from __future__ import annotations

import importlib
import json
import re
import resource
import sys
import time
from pathlib import Path

from bench.contenders import CONTENDERS, LIBRARIES, msgraph_models


def peak_mb() -> float:
    """Return the most memory that this process has held, in megabytes.

    Linux's `ru_maxrss` begins with what the parent held at the fork, so its own count of the address space is read.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+([0-9]+) kB", status.read_text("ascii"))
        if found:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / (1024 if sys.platform == "darwin" else 1)


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
