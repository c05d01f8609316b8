"""What one instance, one queue and one partition can take in steady state: computed from what was measured.

Everything that is not a measurement is a published target of Azure's, or an assumption that is named here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench import growth, plots, steady
from bench.customers import STAGES
from bench.servers import A_SECOND
from due_notices.reading import DUE_DATES_AT_A_TIME

DAYS_BETWEEN = 30  # an assumption: each customer owes once in so many days, so that readers know how many users
USERS_A_NOTICE = DAYS_BETWEEN / len(STAGES)
WRITES = 2  # of a notice's row: claimed, sent
MANY = 5_000_000  # notices a day, of which the pages speak
CHAINS = 16
Results = Mapping[str, Any]


def rows_a_notice() -> float:
    """Return how many rows the ledger returns for each notice of a day, in steady state."""
    return steady.rows(steady.OPEN_SHARE) / (steady.OPEN_SHARE * len(STAGES))


@dataclass(frozen=True)
class Costs:
    """Seconds for each notice of a day, by phase; and megabytes, with those of an empty run.

    Reading takes Graph's 150 ms for a page, so many chains at a time. Asking and writing take the program's own time
    or that of Azure's targets, whichever is longer; what a query returns is taken to count like what is written,
    which Microsoft does not say.
    """

    read: float
    ask: float
    send: float
    forget: float
    memory: float
    memory_at_zero: float

    @property
    def seconds(self) -> float:
        """The whole run's, for each notice."""
        return self.read + self.ask + self.send + self.forget

    @property
    def by_time(self) -> float:
        """The notices a day at which a run takes all the time that it has."""
        return growth.LONGEST_RUN / self.seconds

    @property
    def by_memory(self) -> float:
        """The notices a day at which an instance's memory is full."""
        return (growth.INSTANCE_MB - self.memory_at_zero) / self.memory

    @property
    def end(self) -> tuple[float, str]:
        """Where it ends, and by what."""
        return min((self.by_time, "time"), (self.by_memory, "memory"))


def costs(results: Results, chains: int, due_dates: int = len(STAGES)) -> Costs:
    """Return what a notice costs where the directory is read by so many chains, and so many due dates are sent of."""
    found = _rows(results)
    own = growth.lines(growth.rows_of(results, "owed"), "owed")["seconds"].each
    of_run = growth.lines(found["steady-run"], "owed")["memory"]
    return Costs(
        read=USERS_A_NOTICE / read_rate(results, chains),
        ask=rows_a_notice() * max(a_row(results), 1 / (DUE_DATES_AT_A_TIME * A_SECOND)),
        send=max(own, 1 / A_SECOND, WRITES / (due_dates * A_SECOND)),
        forget=1 / A_SECOND,
        memory=of_run.each,
        memory_at_zero=of_run.at_zero + extra_memory(results, chains),
    )


def read_rate(results: Results, chains: int) -> float:
    """Return the users a second at 150 ms a page: what was measured by one chain, or by several."""
    found = _rows(results)
    if chains == 1:
        return float(max(found["mixed"], key=lambda row: int(row["users"]))["read_users_per_s"])
    return float(next(row["read_users_per_s"] for row in found["parts"] if row["chains"] == chains))


def extra_memory(results: Results, chains: int) -> float:
    """Return the megabytes that so many chains hold beyond what one holds."""
    if chains == 1:
        return 0.0
    by_chains = {row["chains"]: row["peak_mb"] for row in _rows(results)["parts"]}
    return float(max(by_chains[chains] - by_chains[1], 0.0))


def _rows(results: Results) -> dict[str, list[Mapping[str, Any]]]:
    """Return our own rows by scenario, the smallest world first."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in sorted((*results["runs"], *results["more"]), key=lambda row: (row["users"], row["owed"])):
        if row["who"] == "ours":
            found.setdefault(row["scenario"], []).append(row)
    return found


def own_times(results: Results) -> dict[str, str]:
    """Return the rows about 50 million users, by their first cells, that are computed from what was measured."""
    users, owed = (growth.lines(growth.rows_of(results, size), size)["seconds"].each for size in ("users", "owed"))
    read, row, send = users * 100_000, a_row(results) * 1e6, owed * 1_000
    kilobytes = costs(results, CHAINS).memory * 1_000
    megabytes = 4 * MANY / 64 * round(kilobytes, 2) / 1_000 + 70
    rows = {
        "the program's own time of both readings, all shards together": (
            f"2 × 500 × {read:.2f} s | {2 * 500 * round(read, 2):,.0f} s"
        ),
        "one process streams them, its own time": f"179 million × {row:.2f} µs | {178.75 * round(row, 2):,.0f} s",
        "the program's own time of sending, all shards together": (
            f"5,000 × {send:.2f} s | {5_000 * round(send, 2) / 60:.0f} min"
        ),
        "memory of four shards of 64, and the rest of the process": (
            f"4 × {MANY:,} / 64 × {kilobytes:.2f} KB + 70 MB | {megabytes:.0f} MB"
        ),
    }
    return {what: f"| {what} | {takes} | m, c |" for what, takes in rows.items()}


def a_row(results: Results) -> float:
    """Return the seconds that one more row of the ledger's window takes."""
    few, *_, many = _rows(results)["steady"]
    return float((many["cpu_s"] - few["cpu_s"]) / (many["owed"] - few["owed"]))


def aims(results: Results) -> Iterator[tuple[str, str, float, bool]]:
    """Yield the aims of reading in parts, and of large days: what, how much, what was measured, and whether it held."""
    found = _rows(results)
    (one,), (many,) = ([row for row in found["parts"] if row["chains"] == chains] for chains in (1, CHAINS))
    sample = next(row for row in results["more"] if (row["scenario"], row["who"]) == ("parts", "sample"))
    rate, megabytes = many["read_users_per_s"], many["peak_mb"]
    seconds, by_one, by_sample = (
        many["users"] / rate,
        rate / one["read_users_per_s"],
        rate / sample["read_users_per_s"],
    )
    (due_on_one,), (limited,) = found["limits-one"], found["forget-limits"]
    minutes = MANY / due_on_one["notices_per_s"] / 60
    forgotten = limited["notices_per_s"] / due_on_one["notices_per_s"]
    what = f"{many['users']:,} users, 150 ms a page, {CHAINS} chains: {{}}"
    yield what.format("seconds to read"), "at most 15 s", seconds, seconds <= 15  # noqa: PLR2004 (the aim)
    yield what.format("users per second"), "at least 11 × one chain", by_one, by_one >= 11  # noqa: PLR2004
    yield "the same", "at least 12 × the sample", by_sample, by_sample >= 12  # noqa: PLR2004
    yield what.format("peak memory"), "at most 100 MB", megabytes, megabytes <= 100  # noqa: PLR2004
    limits = "with Azure's limits, all due on one day: {}"
    yield limits.format(f"minutes for {MANY:,} notices"), "at most 90 min", minutes, minutes <= 90  # noqa: PLR2004
    yield limits.format("rows forgotten per second"), "at least 1 × those sent", forgotten, forgotten >= 1


def parts_table(results: Results) -> str:
    """Return how the reading grows with the number of chains, and what others read."""
    rows = sorted(_rows(results)["parts"], key=lambda row: int(row["chains"]))
    alone = rows[0]["read_users_per_s"]
    others = [row for row in results["more"] if row["scenario"] == "parts" and row["who"] != "ours"]
    lines = [
        "| who | chains | users | requests to Graph | users read/s | × ours by one chain | own CPU, s | peak MB |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {plots.NAMES[row['who']]} | {row.get('chains', 1)} | {row['users']:,} | {row['requests']['graph']:,} | "
        f"{row['read_users_per_s']:,} | {row['read_users_per_s'] / alone:.1f} | {row['cpu_s']:.1f} | "
        f"{row['peak_mb']:.0f} |"
        for row in (*rows, *others)
    ]
    return "\n".join(lines) + "\n"


def steady_table(results: Results) -> str:
    """Return what a ledger in steady state costs, in rows streamed and rows kept, and where one instance ends."""
    found = _rows(results)
    lines = [
        "| notices a day | users read | rows streamed | rows kept | own CPU, s | peak MB |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    for row in found["steady-run"]:
        a_day = row["owed"] // len(STAGES)
        lines.append(
            f"| {row['owed']:,} | {row['users']:,} | {steady.rows(a_day):,} | {steady.kept(a_day):,} | "
            f"{row['cpu_s']:.2f} | {row['peak_mb']:.0f} |"
        )
    many = costs(results, CHAINS)
    one, one_due = costs(results, 1), costs(results, CHAINS, due_dates=1)
    lines += [
        "",
        f"| an instance of {growth.INSTANCE_MB:,} MB ends, computed: notices a day | one chain | {CHAINS} chains |",
        "|---|--:|--:|",
        _line("memory", one.by_memory, many.by_memory),
        _line("time for all of it: read, ask, send, forget", one.by_time, many.by_time),
        _line(
            "the same, all due on one day: one partition takes the writes",
            costs(results, 1, 1).by_time,
            one_due.by_time,
        ),
        _line("reading alone", *(growth.LONGEST_RUN / each.read for each in (one, many))),
        _line(
            f"asking alone, {DUE_DATES_AT_A_TIME} partitions of 2,000 entities a second",
            *(growth.LONGEST_RUN / each.ask for each in (one, many)),
        ),
        _line("sending alone, the queue's 2,000 messages a second", *[growth.LONGEST_RUN * A_SECOND] * 2),
        _line("sending alone, one partition's 2,000 entities a second", *[growth.LONGEST_RUN * A_SECOND / WRITES] * 2),
        "",
        (
            f"So an instance ends at {growth.about(one.end[0])} notices a day by one chain ({one.end[1]} ends it), and "
            f"at {growth.about(many.end[0])} by {CHAINS} ({many.end[1]})."
        ),
    ]
    return "\n".join(lines) + "\n"


def _line(what: str, *ends: float) -> str:
    return f"| {what} | {' | '.join(f'{end / 1e6:.2f} million' for end in ends)} |"


def limits_table(results: Results) -> str:
    """Return how near to Azure's targets the sender keeps, and what that makes of five million notices."""
    found = _rows(results)
    lines = [
        "| all owed | notices | a second | of the targets | transactions refused | messages refused | lost or twice |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    most = {"limits-one": A_SECOND / WRITES, "limits-four": float(A_SECOND)}
    for scenario, what in (("limits-one", "due on one day"), ("limits-four", "due on four days")):
        (row,) = found[scenario]
        asked = row["requests"]
        refused = {each: asked.get(f"{each} refused", 0) for each in ("transactions", "messages")}
        wrong = max(abs(row["owed"] - asked[each]) for each in ("messages", "different messages", "rows marked sent"))
        lines.append(
            f"| {what} | {row['owed']:,} | {row['notices_per_s']:,} | {row['notices_per_s'] / most[scenario]:.0%} | "
            f"{_share(refused['transactions'], asked['transactions'])} | "
            f"{_share(refused['messages'], asked['messages'])} | {wrong} |"
        )
    (one,), (four,) = found["limits-one"], found["limits-four"]
    lines += [
        "",
        f"| {MANY:,} notices a day, computed | by the targets | at the rate measured |",
        "|---|--:|--:|",
        _minutes("all due on one day: its partition", most["limits-one"], one["notices_per_s"]),
        _minutes("due on four days: the queue", most["limits-four"], four["notices_per_s"]),
    ]
    return "\n".join(lines) + "\n"


def _share(some: int, rest: int) -> str:
    return f"{some / (some + rest):.1%}"


def _minutes(what: str, *rates: float) -> str:
    return f"| {what} | {' | '.join(f'{MANY / rate / 60:.0f} min' for rate in rates)} |"


def forget_table(results: Results) -> str:
    """Return how fast rows are deleted, beside how fast they are written."""
    found = _rows(results)
    written = max(found["growth-owed"], key=lambda row: int(row["owed"]))["notices_per_s"]
    (free,), (limited,), (one,) = (found[each] for each in ("forget", "forget-limits", "limits-one"))
    return "\n".join(
        [
            "| rows a second | written, and their notices sent | forgotten | × |",
            "|---|--:|--:|--:|",
            _pair("storage after 10 ms", written, free["notices_per_s"]),
            _pair("one partition with Azure's limits", one["notices_per_s"], limited["notices_per_s"]),
            "",
        ]
    )


def _pair(what: str, written: int, forgotten: int) -> str:
    return f"| {what} | {written:,} | {forgotten:,} | {forgotten / written:.1f} |"
