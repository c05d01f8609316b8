"""Draws the plots of docs/performance.md from the medians."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench import growth

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
NAMES = {
    "ours": "ours",
    "2ffe524": "2ffe524",
    "sample": "sample grown up",
    "msgraph": "msgraph-sdk",
    "limit": "bare limit",
    "sdk": "SDK, tuned",
}
COLOURS = {
    "ours": "#0969da",
    "2ffe524": "#54aeff",
    "sample": "#bc4c00",
    "msgraph": "#8250df",
    "limit": "#6e7781",
}


def draw(results: Mapping[str, Any]) -> None:
    """Write the pictures, the same bytes for the same results."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(
        {
            "svg.hashsalt": "due-notices",
            "svg.fonttype": "none",
            "font.size": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlelocation": "left",
            "axes.titlesize": 10,
        }
    )
    for name, picture in {"rates": _rates, "sizes": _sizes, "growth": _growth, "imports": _imports}.items():
        figure = picture(results)
        figure.savefig(IMAGES / f"performance-{name}.svg", metadata={"Date": None})


def _rates(results: Mapping[str, Any]) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    bars = (
        ("all-owed", "notices_per_s", "every user owed, storage after 10 ms:\nnotices sent per second"),
        ("read-only", "read_users_per_s", "reading from memory:\nusers per second"),
        ("put-only", "notices_per_s", "messages alone, Azurite:\nper second"),
    )
    for axis, (scenario, rate, title) in zip(axes, bars, strict=True):
        rows = [row for who in NAMES for row in results["runs"] if (row["scenario"], row["who"]) == (scenario, who)]
        values = [row[rate] for row in rows]
        drawn = axis.barh([NAMES[row["who"]] for row in rows], values, color=[COLOURS[row["who"]] for row in rows])
        axis.bar_label(drawn, [f"{value:,}" for value in values], padding=4)
        axis.set(xlim=(0, max(values) * 1.3), title=title)
        axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axis.locator_params(axis="x", nbins=4)
        axis.invert_yaxis()
    return figure


def _sizes(results: Mapping[str, Any]) -> Any:
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.2), layout="constrained")
    for who, name in NAMES.items():
        rows = [row for row in results["runs"] if (row["scenario"], row["who"]) == ("mixed", who)]
        if not rows:
            continue
        users, seconds = [row["users"] for row in rows], [row["total_s"] for row in rows]
        axis.plot(users, seconds, marker="o", color=COLOURS[who], label=name)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="users, 3 % of them owed, 150 ms a page, storage after 10 ms",
        ylabel="seconds for the whole run",
    )
    for ticks in (axis.xaxis, axis.yaxis):
        ticks.set_major_formatter(lambda value, _: f"{value:,.12g}")
    axis.legend(frameon=False)
    axis.grid(visible=True, alpha=0.3)
    return figure


def _growth(results: Mapping[str, Any]) -> Any:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(12, 6.4), layout="constrained")
    columns = (("seconds", "seconds"), ("memory", "peak memory, MB"), ("", "requests"))
    for size, row_of_axes, label in (
        ("users", axes[0], "users, 300 owed, pages without latency"),
        ("owed", axes[1], "notices owed"),
    ):
        rows = growth.rows_of(results, size)
        fits, sizes = growth.lines(rows, size), [row[size] for row in rows]
        requests = "Graph" if size == "users" else "transactions"
        values = {
            "seconds": [row["total_s"] for row in rows],
            "memory": [row["peak_mb"] for row in rows],
            requests: [row["requests"].get(requests.lower(), 0) for row in rows],
        }
        for axis, (figure_name, title) in zip(row_of_axes, columns, strict=True):
            name = figure_name or requests
            ends = [0, max(sizes)]
            axis.plot(ends, [fits[name].at(end) for end in ends], color=COLOURS["limit"], linewidth=1)
            axis.plot(sizes, values[name], "o", color=COLOURS["ours"])
            of = {"Graph": " to Graph", "transactions": ": table transactions"}.get(name, "")
            axis.set(xlabel=label, title=f"{title}{of}", ylim=(0, max(values[name]) * 1.25), xlim=(0, None))
            axis.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
            axis.locator_params(axis="x", nbins=4)
    return figure


def _imports(results: Mapping[str, Any]) -> Any:
    import matplotlib.pyplot as plt

    rows = results["imports"]
    figure, axis = plt.subplots(figsize=(9, 5.2), layout="constrained")
    colours = {"app": COLOURS["sample"], "library": COLOURS["limit"]}
    names = [row["name"].partition(": azure.functions,")[0] for row in rows]
    tints = [
        COLOURS["ours"] if name.startswith("ours") else colours[row["kind"]]
        for name, row in zip(names, rows, strict=True)
    ]
    drawn = axis.barh(names, [row["ms"] for row in rows], color=tints)
    axis.bar_label(drawn, [f"{row['ms']:,}" for row in rows], padding=4)
    axis.set(title="milliseconds to import: the apps, and each library by itself")
    axis.invert_yaxis()
    return figure
