"""An audit as one page for a browser or a printer: self-contained, without a script, closed to the network."""

from __future__ import annotations

import base64
import hashlib
import re
import statistics
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from html import escape
from importlib import resources
from string import Template

from due_notices.calendars import ONE_DAY
from due_notices.commands.audit import pictures
from due_notices.commands.audit.figures import DayFacts, Overview

_NAMED = 4


def page(overview: Overview, *, about: str, source: str, made: datetime) -> str:
    """Return the HTML. `about` tells whose notices these are, `source` where they come from."""
    style = _resource("page.css")
    period = overview.period
    told = {
        "calendar": _calendar_told(overview),
        "stages": _stages_told(overview),
        "skipped": _skipped_told(overview),
        "durations": _durations_told(overview),
    }
    of_all = ", of all customers" if about else ""  # the reports know no single customer
    local = made.astimezone(period.time_zone)
    return Template(_resource("page.html")).substitute(
        style=style,
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        heading=_text(f"Due notices {period.first} to {period.last}{about}"),
        title=escape(f"Due notices {period.first} to {period.last}{about}"),
        verdict=_text(_verdict(overview)),
        figures="".join(
            f"<li><strong>{number}</strong>{escape(name)}</li>" for name, number in _figures(overview, of_all)
        ),
        legend="".join(_legend(overview)),
        rows="\n".join(_row(day) for day in overview.days if day.notices or day.outcome or day.silent),
        made=escape(
            f"Made {local:%Y-%m-%d %H:%M} ({period.time_zone}) from {source}. Notices are counted on the day on which "
            "they were put on the queue; late, expired, skipped and durations are those of each day's last "
            f"report{of_all}."
        ),
        calendar=pictures.calendar(overview),
        stages=pictures.stages(overview) if overview.notices else "",
        skipped=pictures.skipped(overview) if overview.skipped else "",
        durations=pictures.durations(overview),
        **{f"{name}_told": _text(text) for name, text in told.items()},
        **{f"{name}_label": escape(f"Picture. {text}", quote=True) for name, text in told.items()},
    )


def _resource(name: str) -> str:
    return resources.files("due_notices.commands.audit").joinpath(name).read_text("utf-8")


def _verdict(overview: Overview) -> str:
    outages = len(overview.silent_days)
    runs = sum(1 for day in overview.days if day.outcome == "completed")
    if not outages:
        return f"{runs:,} runs completed, and no business day was missed."
    days = "1 business day was" if outages == 1 else f"{outages:,} business days were"
    return f"{runs:,} runs completed; {days} missed: {_dates(overview.silent_days)}."


def _figures(overview: Overview, of_all: str) -> Iterator[tuple[str, str]]:
    yield "notices sent", f"{overview.notices - overview.unconfirmed:,}"
    yield f"left late{of_all}", f"{overview.late:,}"
    yield f"expired unsent{of_all}", f"{overview.expired:,}"
    yield "days missed", f"{len(overview.silent_days):,}"
    if overview.unconfirmed:
        yield "claimed, not confirmed", f"{overview.unconfirmed:,}"


def _calendar_told(overview: Overview) -> str:
    busiest = overview.busiest
    if busiest is None or not overview.notices:
        return "Nothing was sent."
    sending = [day.notices for day in overview.days if day.notices]
    late = [day.day for day in overview.days if day.late]
    expired = [day.day for day in overview.days if day.expired]
    most = f"the most, {busiest.notices:,}, on {busiest.day}"
    usual = f"{statistics.median(sending):,.0f} on a middling day"
    parts = [f"{overview.notices:,} notices on {len(sending):,} days, {usual}; {most}."]
    parts += [f"Late ones on {_dates(late)}."] if late else []
    parts += [f"Expired unsent by {_dates(expired)}."] if expired else []
    return " ".join(parts)


def _stages_told(overview: Overview) -> str:
    totals = {
        stage: sum(count for (_, at), count in overview.weeks.items() if at == stage) for stage in overview.stages
    }
    if not totals:
        return "Nothing was sent."
    named = (f"{pictures.stage_name(stage)}: {count:,}" for stage, count in totals.items())
    return f"In days before or after the due date. {'; '.join(named)}."


def _skipped_told(overview: Overview) -> str:
    if not overview.skipped:
        return "No run skipped anything."
    reason, count = next(iter(overview.skipped.items()))
    return f"On average of the runs. Most often {reason}: {count:,.0f}."


def _durations_told(overview: Overview) -> str:
    took = [day.seconds for day in overview.days if day.seconds is not None]
    parts = [f"{statistics.median(took):,.1f} s on a middling day, {max(took):,.1f} s at the most."] if took else []
    if overview.silent_days:
        parts.append(f"A triangle marks a business day on which no run completed: {_dates(overview.silent_days)}.")
    return " ".join(parts) or "No run is recorded."


def _dates(days: Sequence[date]) -> str:
    """Return days in words: neighbours as one span, and the first few spans."""
    spans: list[list[date]] = []
    for day in days:
        if spans and day - spans[-1][1] == ONE_DAY:
            spans[-1][1] = day
        else:
            spans.append([day, day])
    told = [f"{first}" if first == last else f"{first} to {last}" for first, last in spans]
    if len(told) > _NAMED:
        told[_NAMED:] = [f"{len(told) - _NAMED:,} more times"]
    return " and ".join(filter(None, (", ".join(told[:-1]), told[-1])))


def _text(text: str) -> str:
    """Return a text as HTML, its dates marked as such, so that none of them is broken at the end of a line."""
    return re.sub("[0-9]{4}-[0-9]{2}-[0-9]{2}", r"<time>\g<0></time>", escape(text))


def _legend(overview: Overview) -> Iterator[str]:
    for step, numbers in enumerate(pictures.calendar_ranges(overview), 1):
        yield _legend_item(f'<rect width="13" height="13" rx="2" fill="var(--step-{step})"/>', numbers)
    yield _legend_item('<rect width="13" height="13" rx="2" fill="var(--none)"/>', "none")
    yield _legend_item('<circle cx="6.5" cy="6.5" r="3.5" fill="var(--ink)"/>', "some were late")
    cross = '<path d="M2 5h3v-3h3v3h3v3h-3v3h-3v-3h-3z" fill="var(--ink)"/>'
    yield _legend_item(cross, "stages expired unsent")
    box = '<rect x="1" y="1" width="11" height="11" fill="none" stroke="var(--ink)" stroke-dasharray="3 2"/>'
    yield _legend_item(box, "no run completed")


def _legend_item(sign: str, text: str) -> str:
    return f'<li><svg width="13" height="13" aria-hidden="true">{sign}</svg>{escape(text)}</li>'


def _row(day: DayFacts) -> str:
    took = "" if day.seconds is None else f"{day.seconds:,.1f}"
    run = day.outcome or "no run"
    cells = (day.day.isoformat(), f"{day.notices:,}", f"{day.late:,}", f"{day.expired:,}", run, took)
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
