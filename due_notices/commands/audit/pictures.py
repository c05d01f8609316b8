"""The pictures of an audit: Vega-Lite charts drawn to SVG, whose colours are variables of the page's style.

Nothing is told by colour alone: shades are steps of lightness with their number written in or beside them, stages
and reasons have a row each, and what is out of the ordinary has a sign of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from due_notices.commands.audit.figures import DayFacts, Overview, monday_of, ranges, steps

WIDTH = 700
STEPS = 5
_HALF = 310
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MOST_WEEKS_WITH_NUMBERS = 27
_LEAST_ROW = 12
_STAGES_HEIGHT = 150

# Stand-ins that no chart uses otherwise; in the SVG each becomes `var(--name)`, so that one picture serves light,
# dark and paper.
_COLOURS = {
    name: f"#fe{number:04x}"
    for number, name in enumerate(
        ("ink", "muted", "grid", "paper", "bar", "none", *(f"step-{n}" for n in range(1, STEPS + 1)))
    )
}
_COLOURS |= {f"on-{n}": f"#fd{n:04x}" for n in range(1, STEPS + 1)}
_STEPS = [_COLOURS[f"step-{n}"] for n in range(1, STEPS + 1)]
_ON_STEPS = [_COLOURS[f"on-{n}"] for n in range(1, STEPS + 1)]

LATE, EXPIRED, SILENT = "circle", "cross", "square"


def calendar(overview: Overview) -> str:
    """Return the heat map of notices per day: a column for each week, a row for each day of the week."""
    weeks = len(overview.mondays)
    wide = (WIDTH - 40) / weeks
    cell = min(wide, 44.0)
    height = 22 if weeks <= _MOST_WEEKS_WITH_NUMBERS else max(cell, _LEAST_ROW)
    bounds = _bounds(overview)
    layers = [
        _cells(),
        _shades(bounds),
        _sign("datum.silent", SILENT, dash=True),
        _sign("datum.late > 0", LATE, size=height * 1.1, x=-cell / 2 + 6, y=-height / 2 + 5),
        _sign("datum.expired > 0", EXPIRED, size=height * 2, x=cell / 2 - 7, y=-height / 2 + 5),
    ]
    if weeks <= _MOST_WEEKS_WITH_NUMBERS:
        layers.append(_numbers(bounds))
    return _draw(
        {
            "width": cell * weeks,
            "height": height * 7,
            "data": {"values": [_cell(day) for day in overview.days]},
            "encoding": {
                "x": {
                    "field": "week",
                    "type": "ordinal",
                    "title": None,
                    "scale": {"paddingInner": 0.08, "paddingOuter": 0},
                    "axis": {
                        "orient": "top",
                        "ticks": False,
                        "domain": False,
                        "labelAngle": 0,
                        "labelAlign": "left",
                        "labelOffset": -cell / 2 + 1,
                        "labelOverlap": False,
                        "values": _month_beginnings(overview.mondays),
                        "labelExpr": _month_labels(weeks),
                    },
                },
                "y": {
                    "field": "weekday",
                    "type": "ordinal",
                    "sort": list(_WEEKDAYS),
                    "title": None,
                    "scale": {"domain": list(_WEEKDAYS), "paddingInner": 0.08, "paddingOuter": 0},
                    "axis": {"ticks": False, "domain": False, "labelPadding": 6},
                },
                "description": {"field": "told"},
            },
            "layer": layers,
            "resolve": {"scale": {"color": "independent"}},
        }
    )


def calendar_ranges(overview: Overview) -> list[str]:
    """Return what each shade of the calendar stands for, the lightest first."""
    return list(ranges(_bounds(overview)))


def _bounds(overview: Overview) -> tuple[int, ...]:
    return steps([day.notices for day in overview.days if day.notices], STEPS)


def stages(overview: Overview) -> str:
    """Return the notices per week, a row of bars for each stage."""
    rows = [
        {"week": monday.isoformat(), "stage": stage_name(stage), "notices": count}
        for monday in overview.mondays
        for stage in overview.stages
        if (count := overview.weeks.get((monday, stage), 0))
    ]
    order = [stage_name(stage) for stage in overview.stages]
    return _draw(
        {
            "data": {"values": rows},
            "facet": {
                "row": {
                    "field": "stage",
                    "type": "ordinal",
                    "sort": order,
                    "title": None,
                    "header": {"labelAngle": 0, "labelAlign": "left", "labelPadding": 8, "labelFontSize": 12},
                }
            },
            "spacing": 8,
            "spec": {
                "width": _HALF - 100,
                "height": max(_LEAST_ROW, _STAGES_HEIGHT / max(len(order), 1) - 8),
                "mark": {"type": "bar", "color": _COLOURS["bar"]},
                "encoding": {
                    "x": {
                        "field": "week",
                        "type": "ordinal",
                        "title": None,
                        "scale": {"domain": [monday.isoformat() for monday in overview.mondays], "paddingInner": 0.15},
                        "axis": {
                            "labelAngle": 0,
                            "ticks": False,
                            "labelAlign": "left",
                            "labelExpr": "timeFormat(toDate(datum.value), '%-d %b')",
                            "values": _some(overview.mondays, 4),
                        },
                    },
                    "y": {
                        "field": "notices",
                        "type": "quantitative",
                        "title": None,
                        "axis": {"orient": "right", "tickCount": 2, "format": ",d", "domain": False, "ticks": False},
                    },
                },
            },
        }
    )


def stage_name(stage: int) -> str:
    """Return a stage in words."""
    if stage == 0:
        return "on the day"
    return f"{abs(stage)} before" if stage < 0 else f"{stage} after"


def skipped(overview: Overview) -> str:
    """Return the skipped obligations of an average run, a bar with its number for each reason."""
    rows = [{"reason": reason, "count": count, "label": _short(count)} for reason, count in overview.skipped.items()]
    return _draw(
        {
            "width": _HALF - 110,
            "height": {"step": 20},
            "data": {"values": rows},
            "encoding": {
                "y": {
                    "field": "reason",
                    "type": "ordinal",
                    "sort": None,
                    "title": None,
                    "axis": {"ticks": False, "domain": False, "labelFontSize": 12},
                },
                "x": {"field": "count", "type": "quantitative", "axis": None},
            },
            "layer": [
                {"mark": {"type": "bar", "color": _COLOURS["bar"]}},
                {
                    "mark": {"type": "text", "align": "left", "dx": 4, "color": _COLOURS["ink"], "fontSize": 12},
                    "encoding": {"text": {"field": "label"}},
                },
            ],
        }
    )


def durations(overview: Overview) -> str:
    """Return how long the runs took, a bar for each day, and a sign where no run completed."""
    rows = [
        {
            "day": day.day.isoformat(),
            "seconds": day.seconds or 0,
            "silent": day.silent,
            "told": f"{day.day}: " + (day.outcome or "no run") + (f", {day.seconds:.1f} s" if day.seconds else ""),
        }
        for day in overview.days
        if day.outcome or day.silent
    ]
    return _draw(
        {
            "width": WIDTH - 50,
            "height": 74,
            "data": {"values": rows},
            "encoding": {
                "x": {
                    "field": "day",
                    "type": "ordinal",
                    "title": None,
                    "scale": {"domain": [day.day.isoformat() for day in overview.days], "paddingInner": 0.25},
                    "axis": {
                        "labelAngle": 0,
                        "ticks": False,
                        "labelAlign": "left",
                        "labelExpr": "timeFormat(toDate(datum.value), '%-d %b')",
                        "values": _some([day.day for day in overview.days], 8),
                    },
                },
                "description": {"field": "told"},
            },
            "layer": [
                {
                    "mark": {"type": "bar", "color": _COLOURS["bar"]},
                    "encoding": {
                        "y": {
                            "field": "seconds",
                            "type": "quantitative",
                            "title": "seconds",
                            "axis": {"tickCount": 3, "domain": False, "ticks": False},
                        }
                    },
                },
                {
                    "transform": [{"filter": "datum.silent"}],
                    "mark": {
                        "type": "point",
                        "shape": "triangle-down",
                        "size": max(8.0, min(46.0, (WIDTH / len(overview.days)) ** 2)),
                        "filled": True,
                        "color": _COLOURS["ink"],
                    },
                    "encoding": {"y": {"value": 68}},
                },
            ],
        }
    )


def _cell(day: DayFacts) -> dict[str, Any]:
    return {
        "week": monday_of(day.day).isoformat(),
        "weekday": _WEEKDAYS[day.day.weekday()],
        "notices": day.notices,
        "late": day.late,
        "expired": day.expired,
        "silent": day.silent,
        "told": told(day),
    }


def told(day: DayFacts) -> str:
    """Return a day in words."""
    parts = [f"{day.notices:,} notices"]
    parts += [f"{count:,} {name}" for name, count in (("late", day.late), ("expired", day.expired)) if count]
    parts += ["no run completed"] if day.silent else []
    parts += [day.closed] if day.closed and not day.notices else []
    return f"{day.day}: {', '.join(parts)}"


def _cells() -> dict[str, Any]:
    return {"mark": {"type": "rect", "color": _COLOURS["none"], "cornerRadius": 2}}


def _shades(bounds: Sequence[int]) -> dict[str, Any]:
    shade = {"type": "threshold", "domain": list(bounds), "range": _STEPS[: len(bounds) + 1]}
    return {
        "transform": [{"filter": "datum.notices > 0"}],
        "mark": {"type": "rect", "cornerRadius": 2},
        "encoding": {"color": {"field": "notices", "type": "quantitative", "scale": shade, "legend": None}},
    }


def _numbers(bounds: Sequence[int]) -> dict[str, Any]:
    shade = {"type": "threshold", "domain": list(bounds), "range": _ON_STEPS[: len(bounds) + 1]}
    return {
        "transform": [{"filter": "datum.notices > 0"}],
        "mark": {"type": "text", "fontSize": 10, "dy": 1},
        "encoding": {
            "text": {"field": "notices", "format": ",d"},
            "color": {"field": "notices", "type": "quantitative", "scale": shade, "legend": None},
        },
    }


def _sign(test: str, shape: str, *, size: float = 0, x: float = 0, y: float = 0, dash: bool = False) -> dict[str, Any]:
    """Return a layer that puts a sign on some cells, haloed so that it stands out on every shade."""
    ink, paper = _COLOURS["ink"], _COLOURS["paper"]
    if dash:
        outline = {"type": "rect", "fill": None, "stroke": ink, "strokeWidth": 1.4, "strokeDash": [3, 2]}
        return {"transform": [{"filter": test}], "mark": outline}
    mark = {
        "type": "point",
        "shape": shape,
        "filled": True,
        "fill": ink,
        "stroke": paper,
        "strokeWidth": 1,
        "opacity": 1,
    }
    return {"transform": [{"filter": test}], "mark": mark | {"size": size, "xOffset": x, "yOffset": y}}


def _month_beginnings(mondays: Sequence[date]) -> list[str]:
    """Return the first Monday shown of each month; where the first is too near to the second, only the second."""
    firsts = [
        monday
        for before, monday in zip([None, *mondays[:-1]], mondays, strict=True)
        if before is None or before.month != monday.month
    ]
    if len(firsts) > 1 and (firsts[1] - firsts[0]).days < len(mondays):
        del firsts[0]
    return [monday.isoformat() for monday in firsts]


def _month_labels(weeks: int) -> str:
    """Return the expression that writes a month: with its year where there is room, else the year for January."""
    if weeks <= _MOST_WEEKS_WITH_NUMBERS:
        return "timeFormat(toDate(datum.value), '%b %Y')"
    return "timeFormat(toDate(datum.value), month(toDate(datum.value)) === 0 ? '%Y' : '%b')"


def _some(days: Sequence[date], count: int) -> list[str]:
    """Return about `count` of the days, evenly apart."""
    return [day.isoformat() for day in days[:: max(1, -(-len(days) // count))]]


def _short(count: float) -> str:
    return f"{count:,.0f}" if count >= 10 else f"{count:.1f}"  # noqa: PLR2004 (two digits are enough)


_CONFIG: Mapping[str, Any] = {
    "background": None,
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _COLOURS["muted"],
        "titleColor": _COLOURS["muted"],
        "titleFontWeight": "normal",
        "gridColor": _COLOURS["grid"],
        "domainColor": _COLOURS["grid"],
        "labelFontSize": 11,
    },
    "header": {"labelColor": _COLOURS["ink"]},
}


def _draw(chart: Mapping[str, Any]) -> str:
    """Return the SVG of a chart, with the page's colours."""
    import vl_convert

    svg = vl_convert.vegalite_to_svg({**chart, "config": _CONFIG}, allowed_base_urls=[])
    names = {colour: name for name, colour in _COLOURS.items()}
    svg = re.sub("#f[de][0-9a-f]{4}", lambda found: f"var(--{names[found[0]]})", svg)
    # The page says what each picture tells; a reader of screens need not go through a thousand marks.
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
