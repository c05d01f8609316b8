"""Turns the measured runs into medians, ratios, tables and plots. `python -m bench.report` writes them again."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
IMAGES = PAGE.parent / "images"
Key = tuple[str, str, int]
NAMES = {
    "ours-scan": "ours",
    "ours-due-dates": "ours, due-dates",
    "sample": "sample grown up",
    "msgraph": "msgraph-sdk",
    "limit": "bare limit",
}
COLOURS = {
    "ours-scan": "#0969da",
    "ours-due-dates": "#54aeff",
    "sample": "#bc4c00",
    "msgraph": "#8250df",
    "limit": "#6e7781",
}


def summary(measured: Mapping[Key, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return the medians of each case, and the spread of its total time."""
    return {"runs": [_median(key, runs) for key, runs in measured.items()]}


def _median(key: Key, runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    scenario, who, users = key
    middle = {
        name: statistics.median(run[name] for run in runs)
        for name in ("owed", "read_s", "send_s", "total_s", "cpu_s", "peak_mb")
        if all(name in run for run in runs)
    }
    totals = [run["total_s"] for run in runs]
    result = {
        "scenario": scenario,
        "who": who,
        "users": users,
        "owed": round(middle.get("owed", 0)),
        "rounds": len(runs),
        "total_s": round(middle["total_s"], 3),
        "total_s_spread": [round(min(totals), 3), round(max(totals), 3)],
    }
    if middle.get("read_s"):
        result["read_users_per_s"] = round(users / middle["read_s"])
    if middle.get("send_s") and middle.get("owed"):
        result["notices_per_s"] = round(middle["owed"] / middle["send_s"])
    for name in ("cpu_s", "peak_mb"):
        if name in middle:
            result[name] = round(middle[name], 3)
    if "requests" in runs[0]:
        result["requests"] = runs[0]["requests"]
    return result


def find(results: Mapping[str, Any], scenario: str, who: str, users: int | None = None) -> dict[str, Any] | None:
    """Return a case's medians; the largest number of users unless one is named."""
    found: list[dict[str, Any]] = [
        run
        for run in results["runs"]
        if run["scenario"] == scenario and run["who"] == who and users in {None, run["users"]}
    ]
    return max(found, key=lambda run: run["users"], default=None)


def write(results: Mapping[str, Any]) -> None:
    """Write the tables into docs/performance.md, between their marks, and draw the plots."""
    page = PAGE.read_text("utf-8")
    for name, text in {"targets": _targets(results), "runs": _runs(results), "imports": _imports(results)}.items():
        page = re.sub(
            rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)",
            lambda mark, text=text: mark[1] + text + mark[2],
            page,
            flags=re.DOTALL,
        )
    PAGE.write_text(page, encoding="utf-8")
    _plot(results)


def _ratio(results: Mapping[str, Any], scenario: str, figure: str, other: str) -> float | None:
    ours, theirs = find(results, scenario, "ours-scan"), find(results, scenario, other)
    if ours is None or theirs is None:
        return None
    return _figure(ours, figure) / _figure(theirs, figure)


def _figure(run: Mapping[str, Any], figure: str) -> float:
    """Return a figure of a run; `whole_rate` is notices per second of the whole run, reading included."""
    return float(run["owed"] / run["total_s"] if figure == "whole_rate" else run[figure])


def _targets(results: Mapping[str, Any]) -> str:
    """Return the table of what was aimed at and what was measured, as ratios within one run."""
    rows: list[tuple[str, str, float | None, str]] = [
        (
            "every user owed, storage after 10 ms: notices per second of the whole run",
            "sample × 40",
            _ratio(results, "all-owed", "whole_rate", "sample"),
            "",
        ),
        ("the same", "msgraph-sdk × 12", _ratio(results, "all-owed", "whole_rate", "msgraph"), ""),
        (
            "messages alone against Azurite",
            "bare limit × 0.9",
            _ratio(results, "put-only", "notices_per_s", "limit"),
            "",
        ),
        ("claim, send and record against Azurite", "bare limit × 0.4", _whole(results), ""),
        (
            "reading without latency: users per second",
            "sample × 1.4",
            _ratio(results, "read-only", "read_users_per_s", "sample"),
            "",
        ),
        ("the same", "msgraph-sdk × 1,000", _ratio(results, "read-only", "read_users_per_s", "msgraph"), ""),
        ("100,000 users, 3 % owed, 150 ms a page: reading", "latency bound × 1.1", _bound(results), "less is better"),
        ("the same with `due-dates`: whole run", "15 times faster than the sample", _due_dates(results), ""),
        ("peak memory, 100,000 users against 10,000, 300 owed in both", "× 1.2", _memory(results), "less is better"),
    ]
    lines = ["| what | aim | measured | |", "|---|---|---|---|"]
    lines += [
        f"| {what} | {aim} | {'–' if value is None else f'× {value:,.2f}'} | {note} |"
        for what, aim, value, note in rows
    ]
    return "\n".join(lines) + "\n"


def _whole(results: Mapping[str, Any]) -> float | None:
    whole, limit = find(results, "whole", "ours-scan"), find(results, "put-only", "limit")
    return None if whole is None or limit is None else float(whole["notices_per_s"] / limit["notices_per_s"])


def _bound(results: Mapping[str, Any]) -> float | None:
    run = find(results, "mixed", "ours-scan", 100_000)
    return None if run is None else float(run["users"] / run["read_users_per_s"] / (-(-run["users"] // 999) * 0.15))


def _due_dates(results: Mapping[str, Any]) -> float | None:
    ours, theirs = find(results, "mixed", "ours-due-dates", 100_000), find(results, "mixed", "sample", 100_000)
    return None if ours is None or theirs is None else float(theirs["total_s"] / ours["total_s"])


def _memory(results: Mapping[str, Any]) -> float | None:
    small, large = find(results, "memory", "ours-scan", 10_000), find(results, "memory", "ours-scan", 100_000)
    return None if small is None or large is None else float(large["peak_mb"] / small["peak_mb"])


def _runs(results: Mapping[str, Any]) -> str:
    lines = [
        "| scenario | who | users | owed | users read/s | notices/s | whole run, s (least–most) | CPU s | peak MB |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for run in results["runs"]:
        low, high = run["total_s_spread"]
        cells = (run.get("read_users_per_s"), run.get("notices_per_s"))
        rates = " | ".join("" if cell is None else f"{cell:,}" for cell in cells)
        costs = " | ".join("" if cell is None else f"{cell:,.1f}" for cell in (run.get("cpu_s"), run.get("peak_mb")))
        lines.append(
            f"| {run['scenario']} | {NAMES[run['who']]} | {run['users']:,} | {run['owed']:,} | {rates} "
            f"| {run['total_s']:.2f} ({low:.2f}–{high:.2f}) | {costs} |"
        )
    return "\n".join(lines) + "\n"


def _imports(results: Mapping[str, Any]) -> str:
    rows = {row["app"]: row["ms"] for row in results["imports"]}
    whole = rows["sample grown up"]
    lines = ["| imported | of the sample's time |", "|---|--:|"]
    lines += [f"| {app} | × {milliseconds / whole:.2f} |" for app, milliseconds in rows.items()]
    return "\n".join(lines) + "\n"


def _plot(results: Mapping[str, Any]) -> None:
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "due-notices", "font.size": 10, "svg.fonttype": "none"})
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    bars = (
        ("all-owed", "notices_per_s", "every user owed, storage after 10 ms:\nnotices sent per second"),
        ("read-only", "read_users_per_s", "reading from memory:\nusers per second"),
        ("put-only", "notices_per_s", "messages alone, Azurite:\nper second"),
    )
    for axis, (scenario, figure_name, title) in zip(axes, bars, strict=True):
        found = [run for who in NAMES if (run := find(results, scenario, who)) is not None and figure_name in run]
        names, values = [NAMES[run["who"]] for run in found], [run[figure_name] for run in found]
        drawn = axis.barh(names, values, color=[COLOURS[run["who"]] for run in found])
        axis.bar_label(drawn, [f"{value:,}" for value in values], padding=4)
        axis.set_xscale("log")
        axis.set_xlim(min(values) / 3, max(values) * 8)
        axis.invert_yaxis()
        axis.set_title(title, loc="left", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "performance-rates.svg", metadata={"Date": None})

    figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for who, name in NAMES.items():
        points = sorted(
            (run["users"], run["total_s"]) for run in results["runs"] if (run["scenario"], run["who"]) == ("mixed", who)
        )
        if points:
            users, seconds = zip(*points, strict=True)
            axis.plot(users, seconds, marker="o", color=COLOURS[who], label=name)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="users, 3 % of them owed, 150 ms a page, storage after 10 ms",
        ylabel="seconds for the whole run",
    )
    axis.legend(frameon=False)
    axis.grid(visible=True, alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(IMAGES / "performance-growth.svg", metadata={"Date": None})


if __name__ == "__main__":
    write(json.loads((Path(__file__).resolve().parent / "results.json").read_text("utf-8")))
