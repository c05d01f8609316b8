"""Benchmarks: ours beside what a user would write instead, on the same servers, in one run.

`servers`, `customers` and `steady` make the world; `contenders`, `pieces`, `limits` and `lists` are what is compared,
and `measure` runs one of them in a process of its own; `imports` measures cold starts, `growth` fits lines, `scale`
computes what one instance can take; `report` and `plots` write the figures and pictures of docs/performance.md and
docs/scale.md. Nothing here is timed in a test, and nothing here is deployed.
"""
