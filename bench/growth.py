"""How the cost grows: straight lines through what was measured at several sizes, and where they lead."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from due_notices import function_timeout
from due_notices.adapters.graph import PAGE_SIZE
from due_notices.run import FOR_THE_END

PAGE_SECONDS = 0.15  # what a page of a real directory is taken to need
# Seconds that a run has for all but its record.
LONGEST_RUN = (function_timeout.LONGEST_RUN - FOR_THE_END).total_seconds()
NOTICES_PER_SECOND = 2_000  # https://learn.microsoft.com/azure/storage/queues/scalability-targets
INSTANCE_MB = 2_048  # what infra/ asks for
KILOBYTES = 1024  # in a megabyte


@dataclass(frozen=True)
class Line:
    """`at_zero + each * size`, and how much of the variation it explains (1: all)."""

    at_zero: float
    each: float
    r2: float

    def at(self, size: float) -> float:
        """Return what the line says of a size."""
        return self.at_zero + self.each * size


def line(points: Sequence[tuple[float, float]]) -> Line:
    """Return the line of least squares; of values that are all the same, the flat one."""
    sizes, values = zip(*points, strict=True)
    each, at_zero = statistics.linear_regression(sizes, values)
    flat = len(set(values)) == 1
    return Line(at_zero, each, 1.0 if flat else statistics.correlation(sizes, values) ** 2)


def rows_of(results: Mapping[str, Any], size: str) -> list[Mapping[str, Any]]:
    """Return what was measured to see how the cost grows with `size` (`users` or `owed`)."""
    return [row for row in results["more"] if row["scenario"] == f"growth-{size}"]


def lines(rows: Sequence[Mapping[str, Any]], size: str) -> dict[str, Line]:
    """Return how seconds, memory and requests grow with `size` (`users` or `owed`)."""
    figures: dict[str, Callable[[Mapping[str, Any]], float]] = {
        "seconds": lambda row: row["total_s"],
        "memory": lambda row: row["peak_mb"],
        "Graph": lambda row: row["requests"].get("graph", 0),
        "transactions": lambda row: row["requests"].get("transactions", 0),
        "messages": lambda row: row["requests"].get("messages", 0),
    }
    return {name: line([(row[size], figure(row)) for row in rows]) for name, figure in figures.items()}


@dataclass(frozen=True)
class Forecast:
    """What a run of so many users and notices takes, computed from the lines: seconds, megabytes, requests."""

    pages: int
    read: float
    send: float
    memory: float


def forecast(users: int, owed: int, by_users: Mapping[str, Line], by_owed: Mapping[str, Line]) -> Forecast:
    """Compute a run: Graph takes `PAGE_SECONDS` for a page, the queue `NOTICES_PER_SECOND` at the most."""
    pages = -(-users // PAGE_SIZE)
    return Forecast(
        pages=pages,
        read=pages * PAGE_SECONDS + by_users["seconds"].each * users,
        send=max(by_owed["seconds"].each * owed, owed / NOTICES_PER_SECOND),
        memory=by_users["memory"].at_zero + by_owed["memory"].each * owed,
    )


def about(count: float) -> str:
    """Return a number of millions in words."""
    return f"about {count / 1_000_000:.1f} million"
