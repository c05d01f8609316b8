"""The page of pictures: what is in it, and what a real browser makes of it, light, dark and on paper."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import struct
import subprocess
import zlib
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from due_notices.commands.audit.figures import Overview, Period, Tally, overview
from due_notices.commands.audit.page import page
from tests.factories import policy, run_report

LAST = date(2026, 11, 24)
MADE = datetime(2026, 11, 25, 9, tzinfo=UTC)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
LIGHT_PAPER, DARK_PAPER, LIGHT_STEP_5 = (255, 255, 255), (0x12, 0x16, 0x1B), (0x12, 0x3F, 0x75)
in_a_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")


def past(days: int = 60, stages: tuple[int, ...] = (-7, -3, 0, 3)) -> Overview:
    """A made-up period in which everything happens that the page can show."""
    period = Period(LAST - timedelta(days=days - 1), LAST, ZoneInfo("UTC"))
    tally = Tally(period)
    records = []
    for number, day in enumerate(period.days):
        if number in {20, 21, 22}:
            continue
        for stage in stages:
            count = 200 if number == 23 else 10 + (number * 7 + stage) % 30
            tally.by_day[day] += count
            tally.by_week[day - timedelta(days=day.weekday()), stage] += count
        late: dict[str, Any] = {"late": 500, "expired": 80} if number == 23 else {}
        skipped = {"malformed": 24, "paid": 11, "unreachable": 3}
        records.append(run_report(day, skipped=skipped, seconds={"total": 2.0 + number % 5}, **late))
    return overview(tally, records, policy(), MADE)


def html(figures: Overview | None = None, about: str = "") -> str:
    return page(figures or past(), about=about, source="the ledger duenotices", made=MADE)


class Outline(HTMLParser):
    """Collects the elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_nothing_is_fetched_and_nothing_runs() -> None:
    text = html()
    outline = Outline(text)

    assert not {"script", "link", "iframe", "img", "object", "base", "form", "use"} & {
        tag for tag, _ in outline.elements
    }
    assert not [name for _, attributes in outline.elements for name in attributes if name.startswith("on")]
    assert set(re.findall(r"https?://[^\"'\s<]+", text)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert "url(" not in text
    assert "@import" not in text


def test_the_policy_allows_the_pages_own_style_and_nothing_else() -> None:
    text = html()
    (policy_,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)

    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy_.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert not [tag for tag, attributes in Outline(text).elements if "style" in attributes]


def test_every_colour_is_a_variable_of_the_style_so_that_dark_and_paper_have_their_own() -> None:
    text = html()
    drawn = re.sub("<style>.*?</style>", "", text, flags=re.DOTALL)
    style = re.findall("<style>(.*?)</style>", text, re.DOTALL)[0]
    defined = [set(re.findall(r"(--[a-z0-9-]+):", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)]

    used = set(re.findall(r"var\((--[a-z0-9-]+)\)", drawn))
    assert {"--step-1", "--step-5", "--on-5", "--ink", "--bar"} <= used
    assert len(defined) == 2
    assert all(used <= names for names in defined)
    assert not re.findall(r'(?:fill|stroke)="(?!none|var\(|transparent)([^"]+)"', drawn)


def test_every_picture_has_words_in_its_place() -> None:
    outline = Outline(html())
    pictures = [attributes for attributes in outline.all("div") if attributes.get("class") == "picture"]

    assert len(pictures) == 4
    for picture in pictures:
        assert picture["role"] == "img"
        assert len(str(picture["aria-label"])) > 40
    assert all(attributes.get("aria-hidden") == "true" for attributes in outline.all("svg"))


def test_what_is_out_of_the_ordinary_is_said_in_words_too() -> None:
    text = re.sub("<[^>]+>", "", html())

    assert "3 business days were missed: 2026-10-16 to 2026-10-18." in text
    assert "Late ones on 2026-10-19." in text
    assert "Expired unsent by 2026-10-19." in text


def test_every_day_is_there_in_numbers() -> None:
    rows = re.findall("<tr><td>(.*?)</td><td>(.*?)</td>.*?</tr>", html())

    figures = past()
    assert len(rows) == 60
    assert rows[-1] == (LAST.isoformat(), f"{figures.days[-1].notices:,}")


def test_what_users_wrote_is_text_and_no_markup() -> None:
    text = html(about=", reference <img src=x onerror=alert(1)>")

    assert "<img" not in text
    assert "&lt;img src=x" in text


def test_a_ledger_without_anything_makes_a_page_too() -> None:
    period = Period(LAST, LAST, ZoneInfo("UTC"))

    text = html(overview(Tally(period), [], policy(), MADE))

    assert "Nothing was sent." in text
    assert "No run is recorded." in text


def browse(text: str, folder: Path, *options: str) -> None:
    assert CHROMIUM is not None
    source = folder / "audit.html"
    source.write_text(text, encoding="utf-8")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *options, source.as_uri()]
    subprocess.run(command, check=True, capture_output=True, timeout=90)


def pixels(path: Path) -> tuple[int, Counter[tuple[int, ...]], tuple[int, ...]]:
    """Return the width of a PNG of 8 bits a channel, how often each colour occurs, and that of its first pixel."""
    data, position, packed, header = path.read_bytes(), 8, b"", b""
    while position < len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        kind, body = data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        header, packed = (body, packed) if kind == b"IHDR" else (header, packed + body if kind == b"IDAT" else packed)
        position += 12 + length
    width, height, _, colour = struct.unpack(">IIBB", header[:10])
    step = {2: 3, 6: 4}[colour]
    raw, before, found = zlib.decompress(packed), bytes(width * step), Counter[tuple[int, ...]]()
    first: tuple[int, ...] = ()
    for line in range(height):
        start = line * (width * step + 1)
        before = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + width * step]), before, step)
        found.update(zip(before[0::step], before[1::step], before[2::step], strict=True))
        first = first or tuple(before[:3])
    return width, found, first


def _unfiltered(kind: int, line: bytearray, above: bytes, step: int) -> bytes:
    for index in range(len(line)):
        left = line[index - step] if index >= step else 0
        up, corner = above[index], above[index - step] if index >= step else 0
        nearest = min(
            (abs(up - corner), 0, left), (abs(left - corner), 1, up), (abs(left + up - 2 * corner), 2, corner)
        )
        line[index] = (line[index] + (0, left, up, (left + up) // 2, nearest[2])[kind]) & 255
    return bytes(line)


@in_a_browser
def test_a_browser_shows_it_light_and_dark_with_colours_of_its_own(tmp_path: Path) -> None:
    text = html()
    size = "--window-size=760,1000"
    browse(text, tmp_path, size, f"--screenshot={tmp_path / 'light.png'}")
    browse(text, tmp_path, size, f"--screenshot={tmp_path / 'dark.png'}", "--blink-settings=preferredColorScheme=0")

    (_, light, light_paper), (_, dark, dark_paper) = pixels(tmp_path / "light.png"), pixels(tmp_path / "dark.png")

    assert (light_paper, dark_paper) == (LIGHT_PAPER, DARK_PAPER)
    assert light[LIGHT_STEP_5] > 500
    assert dark[LIGHT_STEP_5] == 0
    assert (0, 0, 0) not in light.keys() | dark.keys()  # what SVG paints where a colour is not understood


@in_a_browser
@pytest.mark.parametrize(
    ("days", "stages"), [(1, (0,)), (60, (-7, -3, 0, 3)), (400, (-30, -14, -7, -3, -1, 0, 3, 7, 14, 30))]
)
def test_it_prints_on_one_page_of_a4(tmp_path: Path, days: int, stages: tuple[int, ...]) -> None:
    browse(html(past(days, stages)), tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'audit.pdf'}")

    printed = (tmp_path / "audit.pdf").read_bytes()

    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    (width, height) = re.findall(rb"/MediaBox\s*\[0 0 ([0-9.]+) ([0-9.]+)\]", printed)[0]
    assert (round(float(width)), round(float(height))) == (595, 842)
