"""The pictures of an audit: Vega-Lite charts drawn to SVG, whose colours are variables of the page's style.

Nothing is shown by colour alone: shades are steps of lightness with their number written in or beside them, stages
and reasons have a row each, and what is out of the ordinary has a sign of its own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from due_notices.commands.audit.figures import DayFacts, Overview, monday_of, ranges, steps
from due_notices.commands.audit.words import count_of, day_in_words, day_told, fitting, run_told, short, stage_name

WIDTH = 700
NARROW = 342  # what a page of 390 pixels leaves
STEPS = 5
ONE_SHADE = 2
"""The step that stands for every number, where there are too few different ones for shades."""
_HALF = 310
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MOST_WEEKS_WITH_NUMBERS = 27
_LEAST_ROW = 16
_ROW_FILLED = 0.75  # of the height of a stage's row
_WIDEST_CELL = 64.0
_CHARACTER = 6.0  # the width of a digit in a cell
_STAGES_HEIGHT = 150
_DAY_AND_MONTH = "utcFormat(toDate(datum.value), '%-d %b')"
"""A day in a label. Days are midnights in UTC: in local time they would be the day before, west of Greenwich."""

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

LATE, TOO_LATE, SILENT = "circle", "cross", "square"


def calendar(overview: Overview) -> str:
    """Return the heat map of notices per day: a column for each week, a row for each day of the week."""
    weeks = len(overview.mondays)
    numbers = weeks <= _MOST_WEEKS_WITH_NUMBERS
    cell = min((WIDTH - 40) / weeks, _WIDEST_CELL)
    height = 22 if numbers else max(cell, 12.0)
    months: dict[str, Any] = {
        "labelAlign": "left",
        "labelOffset": -cell / 2 + 1,
        "values": _month_beginnings(overview.mondays),
        "labelExpr": _month_labels(weeks),
    }
    across = _axis("week", [monday.isoformat() for monday in overview.mondays], {"orient": "top", **months})
    down = _axis("weekday", _WEEKDAYS, {"labelPadding": 6})
    return _draw(_heat_map(overview, across, down, (cell, height), numbers=numbers))


def narrow_calendar(overview: Overview) -> str:
    """Return the same for a narrow screen: a row for each week, however many they are, a column for each weekday."""
    mondays = [monday.isoformat() for monday in overview.mondays]
    across = _axis("weekday", _WEEKDAYS, {"orient": "top"})
    down = _axis("week", mondays, {"labelPadding": 6, "labelExpr": _DAY_AND_MONTH})
    return _draw(_heat_map(overview, across, down, ((NARROW - 52) / 7, 22), numbers=True))


def _axis(name: str, domain: Sequence[str], axis: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "field": name,
        "type": "ordinal",
        "sort": list(domain),
        "title": None,
        "scale": {"domain": list(domain), "paddingInner": 0.08, "paddingOuter": 0},
        "axis": {"ticks": False, "domain": False, "labelAngle": 0, "labelOverlap": False, **axis},
    }


def _heat_map(
    overview: Overview,
    across: Mapping[str, Any],
    down: Mapping[str, Any],
    cell: tuple[float, float],
    *,
    numbers: bool,
) -> dict[str, Any]:
    (width, height), bounds = cell, _bounds(overview)
    layers = [
        _cells(),
        _shades(bounds),
        _sign("datum.silent", SILENT, dash=True),
        _sign("datum.late > 0", LATE, size=height * 1.1, x=-width / 2 + 6, y=-height / 2 + 5),
        _sign("datum.tooLate > 0", TOO_LATE, size=height * 2, x=width / 2 - 7, y=-height / 2 + 5),
    ]
    return {
        "width": width * len(across["scale"]["domain"]),
        "height": height * len(down["scale"]["domain"]),
        "data": {"values": [_cell(day, int((width - 4) / _CHARACTER)) for day in overview.days]},
        "encoding": {"x": across, "y": down, "description": {"field": "told"}},
        "layer": [*layers, _numbers(bounds)] if numbers else layers,
        "resolve": {"scale": {"color": "independent"}},
    }


def calendar_shades(overview: Overview) -> dict[int, str]:
    """Return what each shade of the calendar stands for, by its step, the lightest first."""
    bounds = _bounds(overview)
    return dict(enumerate(ranges(bounds), 1)) if bounds else {ONE_SHADE: "some"}


def _bounds(overview: Overview) -> tuple[int, ...]:
    return steps([day.notices for day in overview.days if day.notices], STEPS)


def stages(overview: Overview) -> str:
    """Return the notices per week, a row of bars for each stage; of one week alone, a bar for each stage."""
    totals = overview.by_stage
    if len(overview.mondays) == 1:
        return _bars({stage_name(stage): count for stage, count in totals.items()})
    rows = {stage: number for number, stage in enumerate(totals)}
    most = overview.most_of_a_week
    bars = [
        {
            "week": monday.isoformat(),
            "top": rows[stage] + _ROW_FILLED * (1 - count / most),
            "foot": rows[stage] + _ROW_FILLED,
            "told": f"week of {day_in_words(monday)}, {stage_name(stage)}: {count_of(count, 'notice')}",
        }
        for (monday, stage), count in overview.weeks.items()
    ]
    names = [f"{stage_name(stage)}: {count:,}" for stage, count in totals.items()]
    mondays = [monday.isoformat() for monday in overview.mondays]
    week = _axis("week", mondays, {"labelExpr": _DAY_AND_MONTH, "values": _some(overview.mondays, 3)})
    across = week | {"scale": {"domain": mondays, "paddingInner": 0.15}}
    down = {
        "field": "top",
        "type": "quantitative",
        "title": None,
        "scale": {"domain": [0, len(rows)], "reverse": True, "nice": False},
        "axis": {
            "values": [row + _ROW_FILLED / 2 for row in rows.values()],
            "labelExpr": f"{json.dumps(names)}[floor(datum.value)]",
            "labelColor": _COLOURS["ink"],
            "labelFontSize": 12,
            "labelLimit": _HALF,
            "minExtent": _extent(names),
            "grid": False,
            "ticks": False,
            "domain": False,
        },
    }
    floors = {
        "data": {"values": [{"top": row + _ROW_FILLED} for row in rows.values()]},
        "mark": {"type": "rule", "color": _COLOURS["grid"]},
        "encoding": {"y": down},
    }
    columns = {
        "mark": {"type": "bar", "color": _COLOURS["bar"]},
        "encoding": {"x": across, "y": down, "y2": {"field": "foot"}, "description": {"field": "told"}},
    }
    return _draw(
        {
            "width": _HALF - _extent(names) - 20,
            "height": max(_LEAST_ROW, _STAGES_HEIGHT / len(rows)) * len(rows),
            "data": {"values": bars},
            "layer": [floors, columns],
        }
    )


def skipped(overview: Overview) -> str:
    """Return the skipped obligations of an average run, a bar with its number for each reason."""
    return _bars(overview.skipped)


def _extent(names: Iterable[str]) -> float:
    """Return the room for the longest name, in the widest of the fonts that browsers take."""
    return 7.2 * max(map(len, names))


def _bars(counts: Mapping[str, float]) -> str:
    rows = [
        {"name": name, "count": count, "label": short(count), "told": f"{name}: {short(count)}"}
        for name, count in counts.items()
    ]
    name = {
        "field": "name",
        "type": "ordinal",
        "sort": None,
        "title": None,
        "axis": {"ticks": False, "domain": False, "labelFontSize": 12, "minExtent": _extent(counts)},
    }
    number = {"type": "text", "align": "left", "dx": 4, "color": _COLOURS["ink"], "fontSize": 12}
    return _draw(
        {
            "width": _HALF - _extent(counts) - 40,
            "height": {"step": 20},
            "data": {"values": rows},
            "encoding": {
                "y": name,
                "x": {"field": "count", "type": "quantitative", "axis": None},
                "description": {"field": "told"},
            },
            "layer": [
                {"mark": {"type": "bar", "color": _COLOURS["bar"]}},
                {"mark": number, "encoding": {"text": {"field": "label"}}},
            ],
        }
    )


def durations(overview: Overview, width: int = WIDTH) -> str:
    """Return how long the runs took, a bar for each day, and a sign where no run completed."""
    days = [day.day.isoformat() for day in overview.days]
    rows = [
        {"day": day.day.isoformat(), "seconds": day.seconds or 0, "silent": day.silent, "told": run_told(day)}
        for day in overview.days
        if day.outcome or day.silent
    ]
    bar = {
        "mark": {"type": "bar", "color": _COLOURS["bar"]},
        "encoding": {
            "y": {
                "field": "seconds",
                "type": "quantitative",
                "title": "seconds",
                "axis": {"tickCount": 3, "domain": False, "ticks": False},
            }
        },
    }
    triangle = {
        "transform": [{"filter": "datum.silent"}],
        "mark": {
            "type": "point",
            "shape": "triangle-down",
            "size": max(20.0, min(46.0, (width / len(days)) ** 2)),
            "filled": True,
            "color": _COLOURS["ink"],
        },
        "encoding": {"y": {"value": 68}},
    }
    labels = {"labelExpr": _DAY_AND_MONTH, "values": _some([day.day for day in overview.days], width // 85)}
    return _draw(
        {
            "width": width - 60,
            "height": 74,
            "data": {"values": rows},
            "encoding": {
                "x": {**_axis("day", days, labels), "scale": {"domain": days, "paddingInner": 0.25}},
                "description": {"field": "told"},
            },
            "layer": [bar, triangle],
        }
    )


def _cell(day: DayFacts, characters: int) -> dict[str, Any]:
    return {
        "week": monday_of(day.day).isoformat(),
        "weekday": _WEEKDAYS[day.day.weekday()],
        "notices": day.notices,
        "label": fitting(day.notices, characters),
        "late": day.late,
        "tooLate": day.given_up,
        "silent": day.silent,
        "told": day_told(day),
    }


def _cells() -> dict[str, Any]:
    return {"mark": {"type": "rect", "color": _COLOURS["none"], "cornerRadius": 2}}


def _shades(bounds: Sequence[int]) -> dict[str, Any]:
    return {
        "transform": [{"filter": "datum.notices > 0"}],
        "mark": {"type": "rect", "cornerRadius": 2},
        "encoding": {"color": _by_number(bounds, _STEPS)},
    }


def _numbers(bounds: Sequence[int]) -> dict[str, Any]:
    return {
        "transform": [{"filter": "datum.notices > 0"}],
        "mark": {"type": "text", "fontSize": 10, "dy": 1},
        "encoding": {"text": {"field": "label"}, "color": _by_number(bounds, _ON_STEPS)},
    }


def _by_number(bounds: Sequence[int], colours: Sequence[str]) -> dict[str, Any]:
    if not bounds:
        return {"value": colours[ONE_SHADE - 1]}
    shade = {"type": "threshold", "domain": list(bounds), "range": list(colours[: len(bounds) + 1])}
    return {"field": "notices", "type": "quantitative", "scale": shade, "legend": None}


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
        return "utcFormat(toDate(datum.value), '%b %Y')"
    return "utcFormat(toDate(datum.value), utcmonth(toDate(datum.value)) === 0 ? '%Y' : '%b')"


def _some(days: Sequence[date], count: int) -> list[str]:
    """Return about `count` of the days, evenly apart."""
    return [day.isoformat() for day in days[:: max(1, -(-len(days) // count))]]


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


_NUMBER = re.compile(r"-?[0-9]+\.[0-9]{3,}(?![0-9a-z])")
_MARK = re.compile(r'<(path|text) aria-label="([^"]*)" ([^>]*?)(?:/>|>(.*?)</text>)')


def _draw(chart: Mapping[str, Any]) -> str:
    """Return the SVG of a chart, with the page's colours. What a mark is described by shows up under the pointer."""
    import vl_convert

    svg = vl_convert.vegalite_to_svg({**chart, "config": _CONFIG}, allowed_base_urls=[])
    names = {colour: name for name, colour in _COLOURS.items()}
    svg = re.sub("#f[de][0-9a-f]{4}", lambda found: f"var(--{names[found[0]]})", svg)
    svg = _NUMBER.sub(lambda found: f"{float(found[0]):.2f}", svg)
    svg = re.sub(r' (?:role|aria-roledescription)="[^"]*"', "", svg)
    svg = _MARK.sub(r'<\1 class="told" \3><title>\2</title>\4</\1>', svg)
    # The page says what each picture shows; a reader of screens need not go through a thousand marks.
    return svg.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)
