"""Benchmarks: ours beside what a user would write instead, on the same servers, in one run.

`make bench` runs them all (`python -m bench --help`). `servers` and `customers` make the world, `contenders` are
what is compared, `measure` runs one of them in a process of its own, `report` writes docs/performance.md's
figures and plots. Nothing here is timed in a test, and nothing here is deployed.
"""
