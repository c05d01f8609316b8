"""Draw docs/images/ladder.svg: the steps after a due date over Easter, and after an outage.

The dates come from the program itself. `python scripts/draw_ladder.py` writes the picture again; a test compares it
with the committed one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from due_notices.calendars import HolidayCalendar  # noqa: E402 (the path comes first)
from due_notices.stages import Stages  # noqa: E402 (the path comes first)

PICTURE = ROOT / "docs" / "images" / "ladder.svg"
DUE = date(2026, 4, 2)
STEPS = (1, 3, 5)
OUTAGE = (date(2026, 4, 7), date(2026, 4, 9))
FIRST, DAYS = date(2026, 4, 1), 20
WIDTH, HEIGHT, LEFT, TOP, CELL, ROW = 844, 250, 116, 64, 36, 72

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 17px; font-weight: 600 } .small { font-size: 11px; fill: #59636e }
.open { fill: #ffffff; stroke: #d1d9e0 } .closed { fill: #eceff2; stroke: #d1d9e0 }
.down { fill: #ffebe9; stroke: #d1d9e0 } .due { fill: none; stroke: #bc4c00; stroke-width: 2.5 }
.sent { fill: #0969da } .sent-text { fill: #ffffff; font-weight: 600; font-size: 12px }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .small { fill: #9198a1 }
  .open { fill: #0d1117; stroke: #3d444d } .closed { fill: #262c36; stroke: #3d444d }
  .down { fill: #46211f; stroke: #3d444d } .due { stroke: #f0883e } .sent { fill: #1f6feb }
}
"""


def draw() -> str:
    """Return the picture as SVG."""
    stages = Stages(STEPS, catch_up_days=3, calendar=HolidayCalendar("DE"))
    planned = {stage.stage: stage.day for stage in stages.dates(DUE)}
    late = {STEPS[0]: OUTAGE[1] + timedelta(days=1)}
    after_outage = late | {stage.stage: stage.day for stage in stages.dates(DUE, late)}
    below = TOP + 2 * ROW
    label = "Steps 1, 3 and 5 after a due date before Easter, planned and after an outage"
    notes = (
        "Grey days are closed: Good Friday to Easter Monday, and weekends. On red days the host was down.",
        "Each step counts from the day on which the one before it was really sent: never closer than two days here.",
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">',
        f"<style>{STYLE}</style>",
        '<text class="title" x="16" y="28">Due on Thursday, 2 April 2026 · DAYS_AFTER_DUE=1,3,5 · calendar DE</text>',
        *_row(stages, TOP, "planned", planned, down=False),
        *_row(stages, TOP + ROW, "after an outage", after_outage, down=True),
        *(f'<text class="small" x="16" y="{below + 8 + 17 * line}">{note}</text>' for line, note in enumerate(notes)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _row(stages: Stages, top: int, name: str, sent: Mapping[int, date], *, down: bool) -> list[str]:
    parts = [f'<text x="16" y="{top + 30}">{name}</text>']
    for number in range(DAYS):
        day, x = FIRST + timedelta(days=number), LEFT + number * CELL
        kind = "open" if stages.calendar.why_closed(day) is None else "closed"
        if down and OUTAGE[0] <= day <= OUTAGE[1]:
            kind = "down"
        parts.append(f'<rect class="{kind}" x="{x}" y="{top}" width="{CELL}" height="48"/>')
        parts.append(f'<text class="small" x="{x + 4}" y="{top + 13}">{day.day}</text>')
        if day == DUE:
            parts.append(f'<rect class="due" x="{x + 1}" y="{top + 1}" width="{CELL - 2}" height="46"/>')
    for stage, day in sent.items():
        x = LEFT + (day - FIRST).days * CELL
        parts.append(f'<rect class="sent" x="{x + 4}" y="{top + 19}" width="28" height="22" rx="11"/>')
        parts.append(f'<text class="sent-text" x="{x + 18}" y="{top + 34}" text-anchor="middle">+{stage}</text>')
    return parts


if __name__ == "__main__":
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(draw(), encoding="utf-8")
