"""Draw docs/images/claim-states.svg: the life of a notice in the ledger.

`python scripts/draw_claim_states.py` writes the picture again; a test compares it with the committed one.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "claim-states.svg"
WIDTH, HEIGHT, BOX_HEIGHT = 900, 430, 58

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; text-anchor: middle }
.title { font-size: 17px; font-weight: 600; text-anchor: start } .name { font-weight: 600 }
.small { font-size: 12px; fill: #59636e } .left { text-anchor: start } .right { text-anchor: end }
.box { fill: #f6f8fa; stroke: #59636e; stroke-width: 1.4 } .none { fill: none; stroke: #59636e; stroke-dasharray: 4 3 }
.done { fill: #dafbe1; stroke: #1a7f37; stroke-width: 1.6 } .window { fill: #fff1e5; stroke: #bc4c00; stroke-width: 2 }
.edge { fill: none; stroke: #59636e; stroke-width: 1.5; marker-end: url(#tip) } .tip { fill: #59636e }
.repeat { fill: none; stroke: #bc4c00; stroke-width: 1.8; marker-end: url(#repeat-tip) } .repeat-tip { fill: #bc4c00 }
.warm { fill: #bc4c00; font-size: 12px }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc } .small { fill: #9198a1 }
  .box { fill: #151b23; stroke: #9198a1 } .none { stroke: #9198a1 } .done { fill: #12261e; stroke: #3fb950 }
  .window { fill: #2b1d12; stroke: #f0883e } .edge { stroke: #9198a1 } .tip { fill: #9198a1 }
  .repeat { stroke: #f0883e } .repeat-tip, .warm { fill: #f0883e }
}
"""


class Box(NamedTuple):
    """A state: where it is, how wide, and what it says."""

    x: int
    y: int
    width: int
    kind: str
    name: str
    note: str

    def draw(self) -> str:
        """Return the box as SVG."""
        middle = self.x + self.width // 2
        return (
            f'<rect class="{self.kind}" x="{self.x}" y="{self.y}" width="{self.width}" height="{BOX_HEIGHT}" rx="8"/>'
            f'<text class="name" x="{middle}" y="{self.y + 25}">{self.name}</text>'
            f'<text class="small" x="{middle}" y="{self.y + 44}">{self.note}</text>'
        )


BOXES = (
    Box(16, 130, 130, "none", "no entry", "not claimed"),
    Box(260, 130, 150, "box", "claimed", "by one run, since when"),
    Box(500, 130, 160, "window", "claimed, unmarked", "on the queue already"),
    Box(744, 130, 140, "done", "sent", "when, which message"),
    Box(370, 316, 180, "box", "claimed, lapsed", "its run did not finish it"),
    Box(744, 316, 140, "none", "forgotten", "never asked for again"),
)

EDGES = (
    ("edge", "M146 159 L258 159"),
    ("edge", "M410 159 L498 159"),
    ("edge", "M660 159 L742 159"),
    ("edge", "M335 130 C335 62 81 62 81 128"),
    ("edge", "M375 188 C380 250 420 270 432 314"),
    ("repeat", "M580 188 C576 250 512 268 498 314"),
    ("repeat", "M370 345 C312 345 296 270 296 190"),
    ("edge", "M814 188 L814 314"),
)

LABELS = (
    ("small", 202, 150, "insert if absent"),
    ("small", 455, 150, "send"),
    ("small", 702, 150, "mark sent"),
    ("small", 208, 72, "the queue certainly did not take it: released, to be tried again"),
    ("small left", 410, 236, "died before"),
    ("small left", 418, 252, "the send"),
    ("warm left", 584, 218, "died before the mark, or it is not"),
    ("warm left", 580, 234, "known whether the queue took it"),
    ("warm right", 284, 240, "CLAIM_LAPSE_MINUTES later the"),
    ("warm right", 286, 256, "next run takes it over by a conditional"),
    ("warm right", 290, 272, "update and sends, with the same id"),
    ("small right", 804, 276, "LEDGER_RETENTION_DAYS"),
    ("small right", 804, 292, "after the due date"),
)


def draw() -> str:
    """Return the picture as SVG."""
    tips = "".join(
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        f'orient="auto"><path class="{name}" d="M0 0 L8 4 L0 8 z"/></marker>'
        for name in ("tip", "repeat-tip")
    )
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
                'aria-label="The states of a notice in the ledger: no entry, claimed, sent, lapsed, forgotten">'
            ),
            f"<style>{STYLE}</style>",
            f"<defs>{tips}</defs>",
            '<text class="title" x="16" y="28">A notice in the ledger</text>',
            *(f'<path class="{kind}" d="{path}"/>' for kind, path in EDGES),
            *(box.draw() for box in BOXES),
            *(f'<text class="{kind}" x="{x}" y="{y}">{text}</text>' for kind, x, y, text in LABELS),
            '<text class="warm left" x="16" y="412">Orange: the only way to a second message of one notice.</text>',
            "</svg>",
            "",
        ]
    )


if __name__ == "__main__":
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text(draw(), encoding="utf-8")
