"""Benchmarks: ours beside what a user would write instead, on the same servers, in one run.

`servers` and `customers` make the world; `contenders`, `pieces` and `limits` are what is compared, and `measure`
runs one of them in a process of its own; `imports` measures cold starts, `growth` fits lines; `report` and `plots`
write docs/performance.md's figures and pictures. Nothing here is timed in a test, and nothing here is deployed.
"""
