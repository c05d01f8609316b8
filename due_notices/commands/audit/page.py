"""An audit as one page for a browser or a printer: self-contained, without a script, closed to the network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from importlib import resources
from string import Template

from due_notices.commands.audit import pictures, words
from due_notices.commands.audit.figures import DayFacts, Overview
from due_notices.ports import PastNotice

MOST_LISTED = 500
"""How many notices a page about one customer or reference lists at the most."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose figures a page shows: the organisation by its tenant, the environment by account and ledger."""

    tenant: str
    account: str
    ledger: str
    attribute: str


def page(overview: Overview, origin: Origin, made: datetime, listed: Sequence[PastNotice] = ()) -> str:
    """Return the HTML. `listed` are the newest notices of the overview's customer or reference, if it has one."""
    style = _resource("page.css")
    gravity, verdict = words.verdict(overview)
    heading, about = words.heading(overview), words.about(overview.subject)
    return Template(_resource("page.html")).substitute(
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        title=escape(f"{heading}, {about}" if about else heading),
        heading=escape(heading),
        about=_paragraph("about", about.capitalize()),
        origin="".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in _origin(origin)),
        gravity=gravity.value,
        verdict=escape(verdict),
        lead=_paragraph("lead", words.lead(overview)),
        content="\n".join(_content(overview, listed)),
        footer=escape(_footer(overview, made)),
    )


def _resource(name: str) -> str:
    return resources.files("due_notices.commands.audit").joinpath(name).read_text("utf-8")


def _paragraph(kind: str, text: str) -> str:
    return f'<p class="{kind}">{escape(text)}</p>' if text else ""


def _origin(origin: Origin) -> Iterator[tuple[str, str]]:
    yield "organisation", f"tenant {origin.tenant}"
    yield "environment", f"{origin.account}, ledger {origin.ledger}"
    yield "attribute", origin.attribute


def _content(overview: Overview, listed: Sequence[PastNotice]) -> Iterator[str]:
    if not overview.notices and not overview.recorded:
        return
    yield _figures(overview)
    several, everybody = len(overview.days) > 1, overview.subject.everybody  # one day's picture would be one mark
    if several:
        drawn = _for_every_width(pictures.calendar(overview), pictures.narrow_calendar(overview))
        yield _figure("Notices per day", words.calendar_told(overview), drawn, "".join(_legend(overview)))
    if not everybody:
        yield _notices(overview, listed)
        return
    by_week = len(overview.mondays) > 1
    drawn = pictures.stages(overview) if overview.by_stage else ""
    shown = words.stages_shown(overview)
    title = "Notices per week, by stage" if by_week else "Notices, by stage"
    yield '<div class="pair">'
    yield _figure(title, words.stages_told(overview), drawn, shown=shown)
    drawn = pictures.skipped(overview) if overview.skipped else ""
    yield _figure("Skipped obligations, by reason", words.skipped_told(overview), drawn)
    yield "</div>"
    if several:
        drawn = _for_every_width(pictures.durations(overview), pictures.durations(overview, pictures.NARROW))
        yield _figure("How long the runs took, and outages", words.durations_told(overview), drawn)
    yield _days(overview)


def _figures(overview: Overview) -> str:
    numbers = _of_all(overview) if overview.subject.everybody else _of_subject(overview)
    items = "".join(f"<li><strong>{escape(number)}</strong>{escape(name)}</li>" for name, number in numbers.items())
    return f'<ul class="figures of-{len(numbers)}">{items}</ul>'


def _of_all(overview: Overview) -> Mapping[str, str]:
    unreachable = "–" if overview.unreachable is None else f"{overview.unreachable:,}"
    return {
        "notices sent": f"{overview.notices - overview.unconfirmed:,}",
        "customers reached": f"{overview.customers:,}",
        "not reachable, last run": unreachable,
        "left late": f"{overview.late:,}",
        "never sent": f"{overview.never_sent:,}",
        "days without a run": f"{len(overview.silent_days):,}",
    }


def _of_subject(overview: Overview) -> Mapping[str, str]:
    return {
        "notices sent": f"{overview.notices - overview.unconfirmed:,}",
        "due dates": f"{overview.due_dates:,}",
        "days with a notice": f"{len(overview.sending_days):,}",
        "customers" if overview.subject.user is None else "not confirmed": (
            f"{overview.customers if overview.subject.user is None else overview.unconfirmed:,}"
        ),
    }


def _for_every_width(wide: str, narrow: str) -> str:
    return f'<div class="wide">{wide}</div><div class="narrow">{narrow}</div>'


def _figure(title: str, told: str, drawn: str, legend: str = "", shown: str = "") -> str:
    """Return a picture with its words. `shown` are those that are enough for people who see the picture."""
    label = escape(f"Picture. {told}", quote=True)
    picture = f'<div class="picture" role="img" aria-label="{label}">{drawn}</div>' if drawn else ""
    signs = f'<ul class="legend">{legend}</ul>' if legend else ""
    caption = f"<figcaption><h2>{escape(title)}</h2><p>{escape(shown or told)}</p></figcaption>"
    return f"<figure>{caption}{picture}{signs}</figure>"


def _legend(overview: Overview) -> Iterator[str]:
    """Yield the signs that the calendar has."""
    shades = pictures.calendar_shades(overview)
    for step, numbers in shades.items():
        yield _legend_item(f'<rect width="13" height="13" rx="2" fill="var(--step-{step})"/>', numbers)
    yield _legend_item('<rect width="13" height="13" rx="2" fill="var(--none)"/>', "none")
    if overview.late:
        yield _legend_item('<circle cx="6.5" cy="6.5" r="3.5" fill="var(--ink)"/>', "some were late")
    if any(day.given_up for day in overview.days):
        cross = '<path d="M2 5h3v-3h3v3h3v3h-3v3h-3v-3h-3z" fill="var(--ink)"/>'
        yield _legend_item(cross, "some found too late to send")
    if overview.silent_days:
        box = '<rect x="1" y="1" width="11" height="11" fill="none" stroke="var(--ink)" stroke-dasharray="3 2"/>'
        yield _legend_item(box, "no run completed")


def _legend_item(sign: str, text: str) -> str:
    return f'<li><svg width="13" height="13" aria-hidden="true">{sign}</svg>{escape(text)}</li>'


def _days(overview: Overview) -> str:
    rows = [
        (
            day.day.isoformat(),
            f"{day.notices:,}",
            f"{day.late:,}",
            f"{day.given_up:,}",
            _run(day),
            "" if day.seconds is None else f"{day.seconds:,.1f}",
        )
        for day in overview.days
        if day.notices or day.outcome or day.silent
    ]
    columns = ("day", "notices", "late", "too late", "run", "seconds")
    return _table("days", "Every day in numbers", columns, rows)


def _run(day: DayFacts) -> str:
    return day.outcome or ("no run" if day.silent else "")


def _notices(overview: Overview, listed: Sequence[PastNotice]) -> str:
    zone = overview.period.time_zone
    one = overview.subject.user is not None
    rows = [
        (
            f"{past.at.astimezone(zone):%Y-%m-%d %H:%M}",
            past.due.isoformat(),
            words.stage_name(past.stage),
            past.state,
            *(() if one else (past.user_id,)),
        )
        for past in listed
    ]
    title = "Every notice"
    if overview.notices > len(listed):
        title = f"The newest {len(listed):,} of {words.count_of(overview.notices, 'notice')}"
    columns = ("when", "due", "stage", "state", *(() if one else ("customer",)))
    return _table("notices", title, columns, rows)


def _table(kind: str, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table that may be folded away on a screen, and is on paper in any case."""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return (
        f'<details class="{kind}" open>\n<summary><h2>{escape(title)}</h2></summary>\n'
        f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>\n</details>"
    )


def _footer(overview: Overview, made: datetime) -> str:
    zone = overview.period.time_zone
    text = (
        f"Made on {made.astimezone(zone):%Y-%m-%d at %H:%M} ({zone}). Notices count on the business date of their run. "
    )
    if not overview.subject.everybody:
        return (
            f"{text}The runs' reports count all customers together, so only the days without a run are taken from them."
        )
    return (
        f"{text}Late, skipped and seconds are those of the runs' reports. Too late: the obligations that a run found "
        "too late to send, each counted when a run first named it. Never sent: those, but for the ones that left late "
        "after all. Not reachable: the obligations of customers without an address or number."
    )
