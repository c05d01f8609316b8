"""Draw docs/images/architecture.svg: what a deployment holds, and what flows in a run.

`python scripts/draw_architecture.py` writes the picture again; a test compares it with the committed one.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "architecture.svg"
WIDTH, HEIGHT = 1000, 610

STYLE = """
  .page { fill: #ffffff; }
  .group { fill: #f6f8fa; stroke: #8c959f; stroke-dasharray: 5 4; }
  .box { fill: #ddf4ff; stroke: #0969da; stroke-width: 1.5; }
  .core { fill: #0969da; stroke: #0550ae; stroke-width: 1.5; }
  .yours { fill: #fff8c5; stroke: #9a6700; stroke-width: 1.5; }
  .line { fill: none; stroke: #57606a; stroke-width: 1.6; }
  .tip { fill: #57606a; }
  text { font-family: 'Segoe UI', 'Helvetica Neue', Arial, sans-serif; font-size: 13px; fill: #1f2328; }
  .name { font-weight: 600; font-size: 14px; }
  .small { font-size: 12px; fill: #424a53; }
  .title { font-size: 12px; font-weight: 600; fill: #424a53; letter-spacing: 0.4px; }
  .on-core { fill: #ffffff; }
  .dot { fill: #cf222e; }
  .digit { fill: #ffffff; font-weight: 700; font-size: 12px; text-anchor: middle; }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; }
    .group { fill: #161b22; stroke: #6e7681; }
    .box { fill: #0c2d6b; stroke: #58a6ff; }
    .core { fill: #1f6feb; stroke: #79c0ff; }
    .yours { fill: #4b2900; stroke: #d29922; }
    .line { stroke: #9da7b3; }
    .tip { fill: #9da7b3; }
    text { fill: #e6edf3; }
    .small, .title { fill: #b7c0cb; }
    .on-core { fill: #ffffff; }
    .digit { fill: #ffffff; }
  }
"""


def group(x: int, y: int, width: int, height: int, title: str) -> str:
    """Return a dashed frame with its title."""
    return (
        f'<rect class="group" x="{x}" y="{y}" width="{width}" height="{height}" rx="10"/>'
        f'<text class="title" x="{x + 14}" y="{y + 21}">{escape(title)}</text>'
    )


def box(x: int, y: int, width: int, height: int, lines: tuple[str, ...], kind: str = "box") -> str:
    """Return a box with a bold first line; `kind` is its style."""
    over = " on-core" if kind == "core" else ""
    top = y + height / 2 - (len(lines) - 1) * 8.5 + 4.5
    texts = "".join(
        f'<text class="{"name" if i == 0 else "small"}{over}" text-anchor="middle" '
        f'x="{x + width / 2:g}" y="{top + 17 * i:g}">{escape(line)}</text>'
        for i, line in enumerate(lines)
    )
    return f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="8"/>{texts}'


def arrow(*points: tuple[int, int]) -> str:
    """Return a line through the points, with a tip at the last."""
    path = " L".join(f"{x},{y}" for x, y in points)
    return f'<path class="line" d="M{path}" marker-end="url(#tip)"/>'


def step(number: int, x: int, y: int) -> str:
    """Return a numbered dot."""
    return f'<circle class="dot" cx="{x}" cy="{y}" r="10"/><text class="digit" x="{x}" y="{y + 4}">{number}</text>'


def legend(x: int, y: int, lines: tuple[str, ...]) -> str:
    """Return the dots again, each with what happens there."""
    return "".join(
        f"{step(i + 1, x, y + 24 * i)}<text x='{x + 18}' y='{y + 5 + 24 * i}'>{escape(line)}</text>"
        for i, line in enumerate(lines)
    )


def draw() -> str:
    """Return the whole SVG."""
    parts = (
        group(20, 20, 220, 330, "ENTRA TENANT"),
        box(40, 60, 180, 70, ("App registration", "User.Read.All, consented", "directory ext. dueDate")),
        box(40, 160, 180, 60, ("Token endpoint", "client credentials")),
        box(40, 260, 180, 60, ("Microsoft Graph", "/users, to the last page")),
        group(270, 20, 490, 570, "RESOURCE GROUP (managed identity, no storage keys)"),
        box(300, 140, 190, 120, ("Function app", "Flex Consumption", "Python 3.13", "hourly tick, UTC"), "core"),
        box(300, 60, 190, 46, ("Managed identity", "roles on single resources")),
        box(560, 60, 170, 60, ("Key Vault", "client secret, expiry")),
        box(560, 160, 170, 54, ("Table: ledger", "claimed, sent, runs")),
        box(560, 234, 170, 54, ("Queue: due-notices", "CloudEvents")),
        box(560, 308, 170, 46, ("Poison queue", "due-notices-poison")),
        box(300, 308, 190, 46, ("Package container", "and the host's state")),
        box(300, 410, 190, 60, ("Application Insights", "Log Analytics")),
        box(560, 410, 170, 60, ("Thirteen alarms", "scheduled queries")),
        box(300, 510, 190, 60, ("Workbook", "runs and notices by day")),
        box(560, 510, 170, 60, ("Action group", "e-mail to the one on duty")),
        group(780, 20, 200, 570, "YOURS"),
        box(800, 225, 160, 72, ("Consumer", "mail, SMS, letter;", "drops repeats by id"), "yours"),
        box(800, 510, 160, 60, ("On duty", "runbook in hand"), "yours"),
        # Flows of a run
        arrow((490, 165), (525, 165), (525, 90), (558, 90)),
        step(1, 525, 128),
        arrow((300, 190), (222, 190)),
        step(2, 255, 190),
        arrow((300, 240), (262, 240), (262, 290), (222, 290)),
        step(3, 262, 265),
        arrow((490, 190), (558, 190)),
        step(4, 514, 190),
        arrow((490, 240), (525, 240), (525, 260), (558, 260)),
        step(5, 508, 240),
        arrow((505, 260), (505, 440), (492, 440)),
        '<path class="line" d="M490,252 L505,252 L505,262"/>',
        step(6, 505, 385),
        arrow((395, 106), (395, 138)),
        arrow((395, 306), (395, 262)),
        arrow((130, 130), (130, 158)),
        arrow((730, 261), (798, 261)),
        arrow((880, 297), (880, 331), (732, 331)),
        arrow((490, 455), (558, 455)),
        arrow((395, 470), (395, 508)),
        arrow((645, 470), (645, 508)),
        arrow((730, 540), (798, 540)),
        arrow((730, 90), (746, 90), (746, 525), (732, 525)),
        '<text class="small" text-anchor="end" x="738" y="382">expiry events (Event Grid)</text>',
        legend(
            46,
            400,
            (
                "read the secret",
                "get a token",
                "read every user",
                "claim in the ledger",
                "put the notice",
                "write the report",
            ),
        ),
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        'aria-labelledby="title description">\n'
        '<title id="title">Due Notices on Azure</title>\n'
        '<desc id="description">An hourly function reads a secret from Key Vault, gets a token from Entra, reads users '
        "from Microsoft Graph, claims notices in a table and puts them on a queue for a consumer; its report feeds "
        "alarms and a workbook.</desc>\n"
        f"<style>{STYLE}</style>\n"
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse"><path class="tip" d="M0,0 L10,5 L0,10 z"/></marker></defs>\n'
        f'<rect class="page" width="{WIDTH}" height="{HEIGHT}" rx="12"/>\n{body}\n</svg>\n'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
