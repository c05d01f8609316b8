"""Turns the medians into ratios and tables. `python -m bench.report` writes those of the pages again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import growth, imports, plots, scale
from bench.customers import PAGE_SIZE
from bench.measure import BEFORE

DOCS = Path(__file__).resolve().parent.parent / "docs"
RESULTS = Path(__file__).resolve().parent / "results.json"
Row = Mapping[str, Any]
# What a login costs, whichever contender logs in, is counted in one column.
_REQUESTS = {
    "Graph": ("graph", "graph counts"),
    "login": ("vault", "entra"),
    "table": ("table reads", "table writes", "transactions"),
    "queue": ("messages",),
}


def find(results: Mapping[str, Any], scenario: str, who: str, users: int | None = None) -> Row:
    """Return a case's medians; those of the largest case unless a number of users is named."""
    rows: list[Row] = [
        row
        for row in (*results["runs"], *results["more"])
        if row["scenario"] == scenario and row["who"] == who and users in {None, row["users"]}
    ]
    return max(rows, key=lambda row: (int(row["users"]), int(row["owed"])))


def write(results: Mapping[str, Any]) -> None:
    """Write the tables into the pages, between their marks, and draw the plots."""
    for document, by_name in tables(results).items():
        page = (DOCS / document).read_text("utf-8")
        for name, table in by_name.items():
            before, begin, rest = page.partition(f"<!-- {name} -->\n")
            _, end, after = rest.partition(f"<!-- /{name} -->")
            if not begin or not end:
                raise ValueError(f"docs/{document} has no place for the table `{name}`")
            page = f"{before}{begin}{table}{end}{after}"
        if document in ROWS:
            page = with_rows(page, ROWS[document](results))
        (DOCS / document).write_text(page, encoding="utf-8")
    plots.draw(results)


def with_rows(page: str, rows: Mapping[str, str]) -> str:
    """Return a page with these rows of its tables, each found by its first cell, as they are now."""
    lines = page.split("\n")
    for what, row in rows.items():
        (place,) = (number for number, line in enumerate(lines) if line.startswith(f"| {what} |"))
        lines[place] = row
    return "\n".join(lines)


def tables(results: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return everything that the pages show of the results, by page and by the name of its place."""
    return {document: {name: make(results) for name, make in makers.items()} for document, makers in PLACES.items()}


def _machine(results: Mapping[str, Any]) -> str:
    machine, rounds = results["machine"], max(row["rounds"] for row in results["runs"])
    least, most = ((share - 1) * 100 for share in machine["noise"])
    names = ", ".join(f"*{name}*" for name in results["apart"])
    apart = f" At another moment than the rest, on the same machine: {names}." if names else ""
    return (
        f"{machine['cores']} cores, {machine['system']}, Python {machine['python']}; "
        f"medians of at most {rounds} rounds. "
        f"The machine's noise: the same piece of work, repeated before each measurement, took {least:+.0f} % to "
        f"{most:+.0f} % of its median (first and ninth decile).{apart}\n"
    )


def _against_before(results: Mapping[str, Any], scenario: str, aim: float) -> Iterator[tuple[str, float, str, float]]:
    """Yield what a user, or a notice, may cost of what it cost at BEFORE; results of earlier benchmarks lack that."""
    if any(row["who"] == BEFORE for row in results["runs"]):
        now, then = (find(results, scenario, who) for who in ("ours", BEFORE))
        measured = now["cpu_s"] / now["users"] / (then["cpu_s"] / then["users"])
        yield "the same: the program's own time for each", aim, f"× {BEFORE}'s", measured


def _targets(results: Mapping[str, Any]) -> str:
    """Return the table of what was aimed at and what was measured, as ratios within one run."""

    def ratio(scenario: str, figure: Callable[[Row], float], other: str) -> float:
        return figure(find(results, scenario, "ours")) / figure(find(results, scenario, other))

    def against_sdk(scenario: str) -> float:
        ours, sdk = (find(results, scenario, who)["notices_per_s"] for who in ("ours", "sdk"))
        return float(ours / sdk)

    def whole_rate(row: Row) -> float:
        return float(row["owed"] / row["total_s"])

    def send_rate(row: Row) -> float:
        return float(row["notices_per_s"])

    def read_rate(row: Row) -> float:
        return float(row["read_users_per_s"])

    scan = find(results, "mixed", "ours", 100_000)
    bound = -(-scan["users"] // PAGE_SIZE) * growth.PAGE_SECONDS
    by_users = growth.rows_of(results, "users")
    fewest, most = (next(row for row in by_users if row["users"] == each) for each in (10_000, by_users[-1]["users"]))
    by_owed = growth.lines(growth.rows_of(results, "owed"), "owed")
    milliseconds = {row["name"]: row["ms"] for row in results["imports"]}
    whole = find(results, "whole", "ours")["notices_per_s"] / find(results, "put-only", "limit")["notices_per_s"]
    rows: list[tuple[str, str, float, bool]] = []

    def at_least(what: str, aim: float, unit: str, measured: float) -> None:
        rows.append((what, f"at least {aim:,g} {unit}", measured, measured >= aim))

    def at_most(what: str, aim: float, unit: str, measured: float) -> None:
        rows.append((what, f"at most {aim:,g} {unit}", measured, measured <= aim + 1e-9))

    everyone = "every user owed, storage after 10 ms: notices per second of the whole run"
    at_least(everyone, 57, "× the sample", ratio("all-owed", whole_rate, "sample"))
    at_least("the same", 12, "× msgraph-sdk", ratio("all-owed", whole_rate, "msgraph"))
    for aim in _against_before(results, "all-owed", 0.8):
        at_most(*aim)
    at_least("messages alone against Azurite", 0.9, "× the bare limit", ratio("put-only", send_rate, "limit"))
    at_least("claim, send and record against Azurite", 0.4, "× the bare limit of messages alone", whole)
    instant = "against a server that answers at once: {} per second"
    at_least(instant.format("messages"), 2, "× the SDK's own client, tuned", against_sdk("sink-put"))
    at_least(instant.format("notices claimed"), 2, "× the SDK's own client, tuned", against_sdk("sink-claim"))
    at_least(instant.format("rows of the ledger read"), 4, "× the SDK's own client", against_sdk("steady"))
    few, many = sorted(
        (row for row in results["more"] if (row["scenario"], row["who"]) == ("steady", "ours")),
        key=lambda row: int(row["owed"]),
    )
    sent = f"what was sent already, {many['owed']:,} rows, a tenth of them of open obligations: {{}} for each"
    at_most(sent.format("the program's own time"), 3, "µs", many["cpu_s"] / many["owed"] * 1_000_000)
    memory = (many["peak_mb"] - few["peak_mb"]) / (many["owed"] - few["owed"])
    at_most(sent.format("memory"), 0.15, "KB", memory * growth.KILOBYTES)
    at_least("reading without latency: users per second", 1.4, "× the sample", ratio("read-only", read_rate, "sample"))
    at_least("the same", 1500, "× msgraph-sdk", ratio("read-only", read_rate, "msgraph"))
    for aim in _against_before(results, "read-only", 0.5):
        at_most(*aim)
    at_most(
        "100,000 users, 3 % owed, 150 ms a page: seconds to read",
        1.1,
        "× the latency bound (pages × 150 ms)",
        scan["users"] / scan["read_users_per_s"] / bound,
    )
    at_most(
        f"peak memory, {most['users']:,} users, 300 owed",
        1.2,
        "× with 10,000 users",
        most["peak_mb"] / fewest["peak_mb"],
    )
    at_most("peak memory for each notice owed on top", 1, "KB", by_owed["memory"].each * growth.KILOBYTES)
    at_most(
        "Graph requests of a scan of 100,000 users, besides the one that counts",
        1,
        "× ⌈users / 999⌉",
        scan["requests"]["graph"] / -(-100_000 // 999),
    )
    at_most("table transactions for each 100 notices", 2, "transactions", by_owed["transactions"].each * 100)
    at_most(
        "import of `function_app`",
        0.4,
        "× the simple sample's",
        milliseconds["ours: function_app"] / milliseconds[imports.SAMPLE],
    )
    rows += scale.aims(results)
    lines = ["| what | aim | measured | |", "|---|---|--:|---|"]
    lines += [f"| {what} | {aim} | {measured:,.2f} | {'✓' if held else '✗'} |" for what, aim, measured, held in rows]
    return "\n".join(lines) + "\n"


def _runs(results: Mapping[str, Any]) -> str:
    head = "scenario|who|users|owed|users read/s|notices/s|whole run, s (least–most)|CPU s|CPU s per 1,000 notices"
    head += "|CPU s per 100,000 users|peak MB|" + "|".join(f"requests: {service}" for service in _REQUESTS)
    lines = [f"| {head.replace('|', ' | ')} |", "|---|---" + "|--:" * (len(head.split("|")) - 2) + "|"]
    for row in (*results["runs"], *results["more"]):
        low, high = row["total_s_spread"]
        cpu, scenario = row["cpu_s"], row["scenario"]
        per_notice = cpu * 1_000 / row["owed"] if cpu and scenario in {"all-owed", "put-only"} else None
        per_user = cpu * 100_000 / row["users"] if cpu and scenario == "read-only" else None
        cells = [scenario, plots.NAMES[row["who"]], f"{row['users']:,}", f"{row['owed']:,}"]
        cells += [_cell(row[rate], ",") for rate in ("read_users_per_s", "notices_per_s")]
        cells += [f"{row['total_s']:.2f} ({low:.2f}–{high:.2f})", _cell(cpu, ".2f")]
        cells += [_cell(per_notice, ".2f"), _cell(per_user, ",.2f"), _cell(row["peak_mb"], ".0f")]
        counts = [sum(row["requests"].get(name, 0) for name in names) for names in _REQUESTS.values()]
        lines.append(f"| {' | '.join((*cells, *(_cell(count or None, ',') for count in counts)))} |")
    return "\n".join(lines) + "\n"


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _imports(results: Mapping[str, Any]) -> str:
    whole = next(row["ms"] for row in results["imports"] if row["name"] == imports.SAMPLE)
    lines = ["| imported | of the simple sample's time |", "|---|--:|"]
    for row in results["imports"]:
        name = row["name"] if row["kind"] == "app" else f"`{row['name']}` by itself"
        lines.append(f"| {name} | {row['ms'] / whole:.2f} × |")
    return "\n".join(lines) + "\n"


def _lists(results: Mapping[str, Any]) -> str:
    """Return what a large list costs, beside the least that any reader does."""
    found = results["lists"]
    least, ours = found["least"], found["ours"]
    whole, bare = (side["list_s"] + side["directory_s"] for side in (ours, least))
    lines = [
        f"| {found['rows']:,} rows, {found['users']:,} users | the least, CPU s | ours, CPU s | × |",
        "|---|--:|--:|--:|",
    ]
    for what, name in (
        ("the list: `csv.DictReader`; read without guessing", "list_s"),
        ("the directory's pages: decoded; and matched", "directory_s"),
    ):
        lines.append(f"| {what} | {least[name]:.2f} | {ours[name]:.2f} | {ours[name] / least[name]:.2f} |")
    lines += [
        f"| both (aim: at most 2) | {bare:.2f} | {whole:.2f} | {whole / bare:.2f} |",
        f"| what changes on each user | | {ours['changes_s']:.2f} | |",
        f"| peak memory, MB (aim: at most 300) | | {ours['peak_mb']:.0f} | |",
    ]
    return "\n".join(lines) + "\n"


def _growth(results: Mapping[str, Any]) -> str:
    """Return the fitted lines, and what ten million users would take."""
    fits = {size: growth.lines(growth.rows_of(results, size), size) for size in ("users", "owed")}
    measured = {size: ", ".join(f"{row[size]:,}" for row in growth.rows_of(results, size)) for size in fits}
    figures = (
        ("users", 100_000, "seconds", "s"),
        ("users", 100_000, "memory", "MB"),
        ("users", 100_000, "Graph", "requests to Graph"),
        ("owed", 1_000, "seconds", "s"),
        ("owed", 1_000, "memory", "MB"),
        ("owed", 1_000, "transactions", "table transactions"),
        ("owed", 1_000, "messages", "messages"),
    )
    lines = ["| grows with | by | from | R² |", "|---|--:|--:|--:|"]
    for size, step, figure, unit in figures:
        fit = fits[size][figure]
        lines.append(
            f"| {size} ({measured[size]}) | {fit.each * step:.2f} {unit} per {step:,} | {fit.at_zero:.2f} {unit} | "
            f"{'flat' if abs(fit.each * step) < fit.at_zero / 100 else format(fit.r2, '.4f')} |"
        )
    lines += ["", "| 10,000,000 users, computed | pages | reading | sending | peak MB |", "|---|--:|--:|--:|--:|"]
    for share in (0.003, 0.03):
        owed = round(10_000_000 * share)
        run = growth.forecast(10_000_000, owed, fits["users"], fits["owed"])
        lines.append(f"| {owed:,} owed | {run.pages:,} | {_time(run.read)} | {_time(run.send)} | {run.memory:,.0f} |")
    longest, memory = growth.LONGEST_RUN, fits["owed"]["memory"]
    scanned = longest / (growth.PAGE_SECONDS / PAGE_SIZE + fits["users"]["seconds"].each)
    full = (growth.INSTANCE_MB - memory.at_zero) / memory.each
    lines += [
        "",
        (
            f"Where one instance ends with an empty ledger, computed: a scan by one chain at {growth.about(scanned)} "
            f"users, with the {longest / 60:.0f} minutes that a run has for all but its record. Notices at "
            f"{growth.about(full)}, with the {growth.INSTANCE_MB:,} MB of an instance, less what the host takes of "
            f"them; the queue would take {growth.about(longest * growth.NOTICES_PER_SECOND)} in that time."
        ),
    ]
    return "\n".join(lines) + "\n"


def _time(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"  # noqa: PLR2004 (a minute)


PLACES: Mapping[str, Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "performance.md": {
        "machine": _machine,
        "targets": _targets,
        "runs": _runs,
        "imports": _imports,
        "lists": _lists,
        "growth": _growth,
        "parts": scale.parts_table,
        "steady": scale.steady_table,
    },
    "scale.md": {"limits": scale.limits_table, "forget": scale.forget_table},
}
ROWS: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, str]]] = {"scale.md": scale.own_times}


def main() -> None:
    """Read bench/results.json and write everything that is made of it."""
    results: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    write(results)


if __name__ == "__main__":
    main()
