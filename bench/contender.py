"""Run one contender in this process and print what it cost: `python -m bench.contender NAME`."""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time

from bench.contenders import CONTENDERS, LIBRARIES

_KILOBYTE = 1024  # Linux counts in kilobytes, macOS in bytes


def main() -> None:
    """Import, run, measure, print one line of JSON. Imports are not counted: they are measured by themselves."""
    name = sys.argv[1]
    for library in LIBRARIES[name.removeprefix("put-")]:
        importlib.import_module(library)
    cpu = time.process_time()
    done = CONTENDERS[name]()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {
                "users": done.users,
                "owed": done.notices,
                "read_s": done.read,
                "send_s": done.send,
                "total_s": done.read + done.send,
                "cpu_s": time.process_time() - cpu,
                "peak_mb": peak / _KILOBYTE / (_KILOBYTE if sys.platform == "darwin" else 1),
            }
        )
    )


if __name__ == "__main__":
    main()
