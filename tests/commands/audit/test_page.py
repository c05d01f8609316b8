"""The page of pictures: what is in it, and what a real browser makes of it, light, dark and on paper."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from due_notices.commands.audit.figures import EVERYBODY, Overview, Period, Subject, Tally, overview
from due_notices.commands.audit.page import MOST_LISTED, Origin, page
from due_notices.ports import PastNotice
from tests.command_line import ROOT
from tests.factories import ALICE, BOB, policy, run_report

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


ORIGIN = Origin("tenant-1", "storage account stexample", "duenotices", f"extension_{'0' * 32}_dueDate")


def past(
    days: int = 60,
    stages: tuple[int, ...] = (-7, -3, 0, 3),
    subject: Subject = EVERYBODY,
    last: date = LAST,
) -> Overview:
    """A made-up period in which everything happens that the page can show."""
    period = Period(last - timedelta(days=days - 1), last, ZoneInfo("UTC"))
    tally = Tally(period)
    records = []
    for number, day in enumerate(period.days):
        if number in {20, 21, 22}:
            continue
        for stage in stages:
            count = 200 if number == 23 else 10 + (number * 7 + stage) % 30
            tally.by_day[day] += count
            tally.by_week[day - timedelta(days=day.weekday()), stage] += count
        late: dict[str, Any] = {"late": 500} if number == 23 else {}
        skipped = {"malformed": 24, "paid": 11, "unreachable": 3}
        named = 80 if number >= 23 else 0
        records.append(run_report(day, skipped=skipped, seconds={"total": 2.0 + number % 5}, expired=named, **late))
    return overview(tally, records, policy(), MADE, subject)


def html(figures: Overview | None = None, listed: Sequence[PastNotice] = ()) -> str:
    return page(figures or past(), ORIGIN, MADE, listed)


def told(text: str) -> str:
    """Return the words of a page, without its style and its pictures."""
    text = re.sub("<style>.*?</style>|<svg.*?</svg>", "", text, flags=re.DOTALL)
    return unescape(re.sub("<[^>]+>", " ", text)).replace("\u00a0", " ")


def notices(count: int) -> list[PastNotice]:
    at = datetime(2026, 11, 24, 23, 30, tzinfo=UTC)
    due = date(2026, 12, 1)
    return [
        PastNotice(f"{number:032x}", ALICE, due, -7, bool(number), "sent", LAST, "claim", at, at)
        for number in range(count)
    ]


def of_one(listed: Sequence[PastNotice], subject: Subject, zone: str = "UTC", days: int = 60) -> Overview:
    """A customer's or a reference's notices, beside runs that had much to report of others."""
    tally = Tally(Period(LAST - timedelta(days=days - 1), LAST, ZoneInfo(zone)))
    for each in listed:
        tally.add(each)
    records = [run_report(LAST - timedelta(days=n), late=77, expired=88, seconds={"total": 9.9}) for n in (5, 3, 0)]
    return overview(tally, records, policy(), MADE, subject)


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


def test_every_mark_says_under_the_pointer_what_it_is() -> None:
    titles = [unescape(title).replace("\u00a0", " ") for title in re.findall("<title>([^<]*)</title>", html())]

    assert "Mon 19 October 2026: 800 notices, 500 late, 80 found too late to send" in titles
    assert "Fri 16 October 2026: 0 notices, no run completed" in titles
    assert "Fri 16 October 2026: no run" in titles
    assert "Thu 15 October 2026: completed, 6.0 s" in titles
    assert "malformed: 24" in titles
    assert any(title.startswith("week of 19 October 2026, 7 before: ") for title in titles)


def test_what_is_out_of_the_ordinary_is_said_in_words_too() -> None:
    text = told(html())

    assert "80 reminders were never sent: no run completed from 16 to 18 October 2026." in text
    assert "Late ones, and some found too late to send, on 19 October 2026." in text


def test_whose_figures_these_are_is_said() -> None:
    text = told(html())

    for each in ("tenant-1", "storage account stexample", "ledger duenotices", ORIGIN.attribute):
        assert each in text


def test_every_day_is_there_in_numbers() -> None:
    rows = re.findall("<tr><td>(.*?)</td><td>(.*?)</td>.*?</tr>", html())

    figures = past()
    assert len(rows) == 60
    assert rows[-1] == (LAST.isoformat(), f"{figures.days[-1].notices:,}")


def test_what_users_wrote_is_text_and_no_markup() -> None:
    text = html(past(subject=Subject(reference="<img src=x onerror=alert(1)>")))

    assert "<img" not in text
    assert "&lt;img src=x" in text


def test_an_empty_ledger_makes_a_page_that_says_so_and_shows_nothing_else() -> None:
    period = Period(LAST - timedelta(days=55), LAST, ZoneInfo("UTC"))

    text = html(overview(Tally(period), [], policy(), MADE))

    assert "No run is recorded, and nothing was sent." in told(text)
    assert not {"svg", "table", "figure", "li"} & {tag for tag, _ in Outline(text).elements}


def test_one_day_is_shown_without_pictures_of_a_single_mark() -> None:
    text = html(past(1))

    assert "Every reminder left on time, and the day's run completed." in told(text)
    assert "Notices per day" not in text
    assert "Notices, by stage" in text


def test_shades_are_shown_where_there_are_five_different_numbers_and_only_then() -> None:
    def shades(*counts: int) -> list[str]:
        period = Period(LAST - timedelta(days=6), LAST, ZoneInfo("UTC"))
        tally = Tally(period)
        tally.by_day.update(dict(zip(period.days, counts, strict=False)))
        text = html(overview(tally, [run_report(day) for day in period.days], policy(), MADE))
        legend = re.search('<ul class="legend">(.*?)</ul>', text)
        assert legend is not None
        return re.findall("</svg>(.*?)</li>", legend[1])

    assert shades(1, 2, 3, 4, 4, 4) == ["some", "none"]
    assert len(shades(10, 20, 30, 40, 50)) == 6


def test_the_legend_explains_the_symbols_that_are_there() -> None:
    assert "no run completed" in told(html())
    assert "some were late" not in told(html(past(10)))


@pytest.mark.parametrize("subject", [Subject(user=ALICE), Subject(reference="INV-1"), Subject(ALICE, "INV-1")])
def test_of_one_customer_or_reference_there_are_their_own_figures_alone(subject: Subject) -> None:
    listed = notices(3)

    text = html(of_one(listed, subject), listed)

    assert not {"77", "88", "9.9"} & set(re.findall(r"[0-9.]+", told(text)))
    assert "Skipped obligations" not in text
    assert "3 times about 1 due date" in told(text)
    assert re.findall("<h2>(.*?)</h2>", text) == ["Notices per day", "Every notice"]


def test_of_one_customer_every_date_is_there_in_business_time() -> None:
    listed = notices(1)

    text = html(of_one(listed, Subject(user=ALICE), "Europe/Berlin"), listed)

    assert ["2026-11-25 00:30", "2026-12-01", "7 before", "sent"] in [
        re.findall("<td>(.*?)</td>", row) for row in re.findall("<tr>.*?</tr>", text)
    ]


def test_of_a_reference_many_notices_are_cut_short_and_said_to_be() -> None:
    listed = notices(MOST_LISTED + 2)

    text = html(of_one(listed, Subject(reference="")), listed[:MOST_LISTED])

    assert f"The newest {MOST_LISTED} of {MOST_LISTED + 2} notices" in told(text)
    assert text.count(ALICE) == MOST_LISTED
    assert BOB not in text


# With Mondays on the first of a month and of a year: a day early, they would be in the one before.
IN_ANOTHER_ZONE = """
from datetime import date
from tests.commands.audit.test_page import html, past
print(html(past(300)))
print(html(past(180)))
print(html(past(366, last=date(2024, 9, 30))))
"""


def test_labels_are_the_tables_days_in_every_zone_of_the_machine() -> None:
    pages = [
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_ZONE],
            cwd=ROOT,
            env={**os.environ, "TZ": zone},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for zone in ("America/Los_Angeles", "UTC", "Pacific/Kiritimati")
    ]

    assert pages[0] == pages[1] == pages[2]
    labels = re.findall("<text [^>]*>([^<]*)</text>", pages[0])
    assert labels.count("28 Sep") >= 2  # a Monday: of the narrow calendar, and of the weeks
    assert {"Jun 2026", "2024", "Oct 2026", "Nov 2026", "Jun", "29 May"} <= set(labels)
    assert not {"27 Sep", "28 May", "May 2026"} & set(labels)


def browse(text: str, folder: Path, *options: str) -> str:
    assert CHROMIUM is not None
    source = folder / "audit.html"
    source.write_text(text, encoding="utf-8")
    command = [CHROMIUM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *options, source.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=90).stdout


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
    ("days", "stages", "pages"),
    [
        (1, (0,), range(1, 2)),
        (56, (-7, -3, 0, 3), range(2, 4)),
        (400, (-30, -14, -7, -3, -1, 0, 3, 7, 14, 30), range(5, 9)),
    ],
)
def test_it_prints_on_a4_with_the_days_on_pages_of_their_own(
    tmp_path: Path, days: int, stages: tuple[int, ...], pages: range
) -> None:
    browse(html(past(days, stages)), tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'audit.pdf'}")

    printed = (tmp_path / "audit.pdf").read_bytes()

    assert len(re.findall(rb"/Type\s*/Page\b", printed)) in pages
    (width, height) = re.findall(rb"/MediaBox\s*\[0 0 ([0-9.]+) ([0-9.]+)\]", printed)[0]
    assert (round(float(width)), round(float(height))) == (595, 842)


@in_a_browser
def test_days_that_were_folded_away_are_printed_too(tmp_path: Path) -> None:
    def size(text: str) -> int:
        browse(text, tmp_path, "--no-pdf-header-footer", f"--print-to-pdf={tmp_path / 'audit.pdf'}")
        return len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "audit.pdf").read_bytes()))

    text = html()

    assert size(text.replace('<details class="days" open>', '<details class="days">')) == size(text) > 1


MEASURE = """<pre id="found"></pre><script>
onload = () => {
  const page = frames[0].document
  const boxes = [...page.querySelectorAll("body *")].map((each) => each.getBoundingClientRect())
  const labels = [...page.querySelectorAll("svg text")].map((label) => {
    const drawing = label.ownerSVGElement
    const scale = drawing.getBoundingClientRect().width / drawing.viewBox.baseVal.width
    return parseFloat(frames[0].getComputedStyle(label).fontSize) * scale
  })
  found.textContent = JSON.stringify([
    page.documentElement.scrollWidth,
    Math.max(...boxes.map((each) => each.right)),
    Math.min(...boxes.map((each) => each.left)),
    Math.min(...labels.filter((size) => size > 0)),
  ])
}
</script>"""


@in_a_browser
@pytest.mark.parametrize("days", [1, 56, 366])
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen_and_every_label_is_legible(tmp_path: Path, days: int, width: int) -> None:
    (tmp_path / "page.html").write_text(re.sub("<meta http-equiv[^>]*>", "", html(past(days))), encoding="utf-8")
    frame = f'<iframe src="page.html" style="border:0;width:{width}px;height:3000px"></iframe>{MEASURE}'

    done = browse(frame, tmp_path, "--window-size=1400,3000", "--allow-file-access-from-files", "--dump-dom")

    found = re.search('<pre id="found">(.*?)</pre>', done)
    assert found is not None
    scroll, right, left, smallest = json.loads(found[1])
    assert scroll <= width
    assert right <= width
    assert left >= 0
    assert smallest >= 9
