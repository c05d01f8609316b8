"""Draw docs/images/calendar.svg: one obligation's stages on a month grid, moved off weekends and holidays.

The stage dates come from the program itself. `python scripts/draw_calendar.py` writes the picture again; a test
compares it with the committed one.
"""

from __future__ import annotations

import sys
import textwrap
from datetime import date, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from due_notices.calendars import HolidayCalendar  # noqa: E402 (the path comes first)
from due_notices.stages import Stages  # noqa: E402 (the path comes first)

PICTURE = ROOT / "docs" / "images" / "calendar.svg"
DUE = date(2026, 12, 28)
STAGES = (-7, -3, -1, 0, 4)
WEEKS = 3
WIDTH, CELL_WIDTH, CELL_HEIGHT, LEFT, TOP = 760, 104, 82, 16, 78

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 17px; font-weight: 600 } .weekday { fill: #59636e } .small { font-size: 10.5px; fill: #59636e }
.open { fill: #ffffff; stroke: #d1d9e0 } .closed { fill: #eceff2; stroke: #d1d9e0 }
.sent { fill: #0969da } .sent-text { fill: #ffffff; font-weight: 600 }
.ghost { fill: none; stroke: #59636e; stroke-dasharray: 4 3 } .ghost-text { fill: #59636e }
.move { fill: none; stroke: #bc4c00; stroke-width: 1.8; marker-end: url(#tip) } .tip { fill: #bc4c00 }
.due { fill: none; stroke: #bc4c00; stroke-width: 2.5 } .due-text { fill: #bc4c00; font-weight: 600; font-size: 11px }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .weekday, .small, .ghost-text { fill: #9198a1 }
  .open { fill: #0d1117; stroke: #3d444d } .closed { fill: #262c36; stroke: #3d444d }
  .sent { fill: #1f6feb } .ghost { stroke: #9198a1 } .move, .due { stroke: #f0883e } .tip, .due-text { fill: #f0883e }
}
"""


def name(stage: int) -> str:
    """Return a stage as people write it."""
    return f"{stage:+d}" if stage else "0"


def draw() -> str:
    """Return the picture as SVG."""
    closed = HolidayCalendar("DE")
    stages = Stages(STAGES, catch_up_days=3, calendar=closed).dates(DUE)
    monday = DUE - timedelta(days=DUE.weekday() + 7)
    days = [monday + timedelta(days=offset) for offset in range(7 * WEEKS)]

    def corner(day: date) -> tuple[int, int]:
        place = (day - days[0]).days
        return LEFT + place % 7 * CELL_WIDTH, TOP + place // 7 * CELL_HEIGHT

    height = TOP + WEEKS * CELL_HEIGHT + 108
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'aria-label="Stages of an obligation due on {DUE}, moved off weekends and German holidays">'
        ),
        f"<style>{STYLE}</style>",
        (
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path class="tip" d="M0 0 L8 4 L0 8 z"/></marker></defs>'
        ),
        (
            f'<text class="title" x="{LEFT}" y="28">Due on Monday, 28 December 2026 · stages '
            f"{', '.join(map(name, STAGES))} · calendar DE</text>"
        ),
    ]
    for column, weekday in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")):
        parts.append(f'<text class="weekday" x="{LEFT + column * CELL_WIDTH + 8}" y="{TOP - 10}">{weekday}</text>')
    for day in days:
        x, y = corner(day)
        why = closed.why_closed(day)
        kind = "open" if why is None else "closed"
        parts.append(f'<rect class="{kind}" x="{x}" y="{y}" width="{CELL_WIDTH}" height="{CELL_HEIGHT}"/>')
        parts.append(f'<text x="{x + 8}" y="{y + 19}">{day.day}</text>')
        if why not in {None, "weekend"}:
            for line, words in enumerate(textwrap.wrap(str(why), 12)):
                parts.append(f'<text class="small" x="{x + 30}" y="{y + 14 + 11 * line}">{escape(words)}</text>')
    x, y = corner(DUE)
    parts.append(f'<rect class="due" x="{x + 2}" y="{y + 2}" width="{CELL_WIDTH - 4}" height="{CELL_HEIGHT - 4}"/>')
    parts.append(f'<text class="due-text" x="{x + CELL_WIDTH - 34}" y="{y + 19}">due</text>')

    winners = {stage.day: stage for stage in stages}  # of two on one day the later stage wins
    for stage in stages:
        nominal = DUE + timedelta(days=stage.stage)
        x, y = corner(nominal)
        if stage.moved:
            parts.append(chip(x, y, stage.stage, "ghost"))
            target_x, target_y = corner(stage.day)
            parts.append(arrow(x + 52, y + 57, target_x, target_y))
        if winners[stage.day] is stage:
            parts.append(chip(*corner(stage.day), stage.stage, "sent"))
    base = TOP + WEEKS * CELL_HEIGHT
    notes = (
        "Stage −3 falls on Christmas Day and moves earlier, to Thursday the 24th.",
        "Stage −1 falls on Sunday, behind two holidays, and moves to the same Thursday: of two stages on one day the",
        "later wins, so one notice leaves, at stage −1. Stage +4 comes after the due date: it falls on New Year's Day",
        "and moves later, to Monday, 4 January.",
    )
    for line, note in enumerate(notes):
        parts.append(f'<text x="{LEFT}" y="{base + 28 + 21 * line}">{note}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def arrow(x: int, y: int, cell_x: int, cell_y: int) -> str:
    """Return an arrow from below a mark to the mark in another cell, or to its right where that is a week later."""
    bend, end = ((x - 8, y + 24, cell_x + 95, y + 24), (cell_x + 60, cell_y + 59))
    if cell_y > y:
        bend, end = ((x, y + 40, cell_x + 240, cell_y + 43), (cell_x + 80, cell_y + 43))
    numbers = [str(number) for number in (x, y, *bend, *end)]
    path = f"M{' '.join(numbers[:2])} C{' '.join(numbers[2:])}"
    return f'<path class="move" d="{path}"/>'


def chip(x: int, y: int, stage: int, kind: str) -> str:
    """Return a stage's mark in a day's cell."""
    return (
        f'<rect class="{kind}" x="{x + 28}" y="{y + 30}" width="48" height="26" rx="13"/>'
        f'<text class="{kind}-text" x="{x + 52}" y="{y + 48}" text-anchor="middle">{name(stage)}</text>'
    )


if __name__ == "__main__":
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(draw(), encoding="utf-8")
