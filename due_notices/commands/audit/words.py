"""An audit's figures in sentences, for the page and for those to whom it is read out. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import date
from enum import StrEnum

from due_notices.calendars import ONE_DAY
from due_notices.commands.audit.figures import DayFacts, Outage, Overview, Subject

_NAMED = 3
_NO_BREAK = "\u00a0"


class Gravity(StrEnum):
    """How grave a verdict is."""

    GOOD = "good"
    ODD = "odd"
    BAD = "bad"


def count_of(count: int, noun: str) -> str:
    """Return a number with its noun: 1 notice, 2 notices."""
    return f"{count:,}{_NO_BREAK}{noun}{'' if count == 1 else 's'}"


def day_in_words(day: date) -> str:
    """Return a day as people write it, which no end of a line breaks: 21 October 2026."""
    return f"{day.day}{_NO_BREAK}{day:%B}{_NO_BREAK}{day.year}"


def span(first: date, last: date) -> str:
    """Return days from the first to the last, without saying month or year twice: 21 to 25 October 2026."""
    if first == last:
        return day_in_words(last)
    begin = f"{first.day}"
    if (first.year, first.month) != (last.year, last.month):
        begin += f"{_NO_BREAK}{first:%B}"
    if first.year != last.year:
        begin += f"{_NO_BREAK}{first.year}"
    return f"{begin} to {day_in_words(last)}"


def spans(days: Sequence[date]) -> str:
    """Return days in words: neighbours as one span, and the first few spans."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and day - found[-1][1] == ONE_DAY:
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return _listed([span(*each) for each in found])


def _listed(texts: Sequence[str]) -> str:
    shown = list(texts)
    if len(shown) > _NAMED + 1:
        shown[_NAMED:] = [f"{len(shown) - _NAMED:,} more times"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))


def _when(outages: Sequence[Outage]) -> str:
    """Return outages as the end of a sentence: on 21 October 2026 and from 2 to 4 November 2026."""
    return _listed([f"{'on' if each.first == each.last else 'from'} {span(each.first, each.last)}" for each in outages])


def heading(overview: Overview) -> str:
    """Return what the page is about."""
    return f"Due notices, {span(overview.period.first, overview.period.last)}"


def about(subject: Subject) -> str:
    """Return whose notices these are; empty for those of all customers."""
    parts = (f"{name} {text}" for name, text in (("customer", subject.user), ("reference", subject.reference)) if text)
    return ", ".join(parts)


def verdict(overview: Overview) -> tuple[Gravity, str]:
    """Return what matters most, in one sentence with its consequence."""
    if not overview.subject.everybody:
        return Gravity.GOOD if overview.notices else Gravity.ODD, _of_subject(overview)
    if not overview.recorded:
        return Gravity.ODD, _without_record(overview)
    if overview.outages and not overview.outages[-1].ended:
        return Gravity.BAD, _running(overview, overview.outages[-1])
    if overview.never_sent:
        lost = overview.never_sent
        return Gravity.BAD, f"{count_of(lost, 'reminder')} {_were(lost)} never sent{_cost(overview)}."
    if overview.late or overview.outages:
        return Gravity.ODD, _late(overview)
    return _undisturbed(overview)


def _undisturbed(overview: Overview) -> tuple[Gravity, str]:
    if not overview.completed:
        return Gravity.ODD, "No run has completed yet, and no business day is over without one."
    if not overview.notices:
        return Gravity.GOOD, "Every run completed, and none of them had a reminder to send."
    days = "a run completed on every business day" if len(overview.days) > 1 else "the day's run completed"
    return Gravity.GOOD, f"Every reminder left on time, and {days}."


def _were(count: int) -> str:
    return "was" if count == 1 else "were"


def _without_record(overview: Overview) -> str:
    if not overview.notices:
        return "No run is recorded, and nothing was sent."
    return f"No run is recorded, although {count_of(overview.notices, 'notice')} {_were(overview.notices)} sent."


def _running(overview: Overview, outage: Outage) -> str:
    lost = overview.never_sent
    before = f", and before that {count_of(lost, 'reminder')} {_were(lost)} never sent" if lost else ""
    sent = any(day.notices for day in overview.days if day.day >= outage.first)  # by runs that broke off
    if overview.up_to_now:
        fate = "was sent in part" if sent else "was not sent"
        return f"No run has completed since {day_in_words(outage.first)}: what fell due since then {fate}{before}."
    until = "on" if outage.first == outage.last else "from"
    return (
        f"No run completed {until} {span(outage.first, outage.last)}, where this period ends: what fell due then was "
        f"sent {'in part, ' if sent else ''}later or never{before}."
    )


def _cost(overview: Overview) -> str:
    """Return why reminders were never sent, as the end of a sentence."""
    guilty = [outage for outage in overview.outages if outage.given_up]
    others = sum(day.given_up for day in overview.days) - sum(outage.given_up for outage in guilty)
    if not guilty:
        return f", as the run of {spans([day.day for day in overview.days if day.given_up])} found"
    rest = f", besides {others:,} that other runs found too late to send" if others else ""
    return f": no run completed {_when(guilty)}{rest}"


def _late(overview: Overview) -> str:
    late = overview.late
    left = f"{count_of(late, 'reminder')} left late, and none was lost" if late else "No reminder was late or lost"
    guilty = [outage for outage in overview.outages if outage.late or outage.given_up or not late]
    if not guilty:
        return f"{left}."
    return (
        f"{left}: no run completed {_when(guilty)}." if late else f"{left}, although no run completed {_when(guilty)}."
    )


def _of_subject(overview: Overview) -> str:
    one = overview.subject.user is not None
    what = "" if overview.subject.reference is None else " of this reference"
    if not overview.notices:
        return f"{'This customer was not' if one else 'No customer was'} notified{what} in this period."
    who = "This customer was" if one else f"{count_of(overview.customers, 'customer')} {_were(overview.customers)}"
    times = f"{count_of(overview.notices, 'time')} about {count_of(overview.due_dates, 'due date')}"
    return f"{who} notified{what} {times}, most recently on {day_in_words(overview.sending_days[-1])}."


def lead(overview: Overview) -> str:
    """Return what stands below the verdict: the runs, and since when there are any."""
    parts = []
    if overview.recorded and overview.subject.everybody:
        parts.append(f"{count_of(overview.completed, 'run')} completed.")
    if overview.first_run is not None and overview.subject.everybody:
        parts.append(f"First run on {day_in_words(overview.first_run)}.")
    said = verdict(overview)[1]
    unsaid = [outage for outage in overview.outages if span(outage.first, outage.last) not in said]
    if unsaid:
        parts.append(f"No run completed {_when(unsaid)}{' either' if len(unsaid) < len(overview.outages) else ''}.")
    if overview.unconfirmed:
        count = overview.unconfirmed
        parts.append(f"{count_of(count, 'notice')} {_were(count)} claimed and never confirmed as sent.")
    if not overview.recorded and not overview.notices and overview.subject.everybody:
        parts.append("If there should be runs, LEDGER_TABLE or NOTICE_STORAGE names another ledger.")
    return " ".join(parts)


def calendar_told(overview: Overview) -> str:
    """Return the calendar in words."""
    busiest, sending = overview.busiest, [day.notices for day in overview.days if day.notices]
    if busiest is None or not sending:
        return "Nothing was sent."
    parts = [f"{count_of(overview.notices, 'notice')} on {count_of(len(sending), 'day')}"]
    if overview.subject.everybody and len(sending) > 1:
        usual = f"{statistics.median(sending):,.0f}"
        parts.append(f"{usual} on a usual day; most on {day_in_words(busiest.day)}: {busiest.notices:,}")
    parts[-1] += "."
    late = [day.day for day in overview.days if day.late]
    never = [day.day for day in overview.days if day.given_up]
    text = ", ".join(parts)
    if late and late == never:
        return f"{text} Late ones, and some found too late to send, on {spans(late)}."
    text += f" Late ones on {spans(late)}." if late else ""
    return text + (f" Some found too late to send on {spans(never)}." if never else "")


def day_told(day: DayFacts) -> str:
    """Return a day in words."""
    parts = [count_of(day.notices, "notice")]
    parts += [f"{day.late:,} late"] if day.late else []
    parts += [f"{day.given_up:,} found too late to send"] if day.given_up else []
    parts += ["no run completed"] if day.silent else []
    parts += [day.closed] if day.closed and not day.notices else []
    return f"{day.day:%a} {day_in_words(day.day)}: {', '.join(parts)}"


def run_told(day: DayFacts) -> str:
    """Return a day's run in words."""
    took = f", {day.seconds:,.1f} s" if day.seconds else ""
    return f"{day.day:%a} {day_in_words(day.day)}: {day.outcome or 'no run'}{took}"


def stage_name(stage: int) -> str:
    """Return a stage in words."""
    if stage == 0:
        return "on the day"
    return f"{abs(stage)} before" if stage < 0 else f"{stage} after"


def stages_told(overview: Overview) -> str:
    """Return the stages in words."""
    if not overview.by_stage:
        return "Nothing was sent."
    named = (f"{stage_name(stage)}: {count:,}" for stage, count in overview.by_stage.items())
    return f"In days before or after the due date. {'; '.join(named)}."


def stages_shown(overview: Overview) -> str:
    """Return what explains the picture of the stages."""
    if not overview.by_stage:
        return stages_told(overview)
    scale = f" The highest bar is {overview.most_of_a_week:,}." if len(overview.mondays) > 1 else ""
    return f"In days before or after the due date.{scale}"


def skipped_told(overview: Overview) -> str:
    """Return the reasons to skip in words."""
    if not overview.skipped:
        return "No run skipped anything."
    reason, count = next(iter(overview.skipped.items()))
    average = "On average of the runs. " if sum(day.outcome is not None for day in overview.days) > 1 else ""
    return f"{average}Most often {reason}: {short(count)}."


def durations_told(overview: Overview) -> str:
    """Return how long the runs took, in words."""
    took = [day.seconds for day in overview.days if day.seconds is not None]
    parts = []
    if len(took) > 1:
        parts.append(f"{statistics.median(took):,.1f} s on a usual day, {max(took):,.1f} s at the most.")
    elif took:
        parts.append(f"{took[0]:,.1f} s.")
    if overview.silent_days:
        parts.append("A triangle marks a business day on which no run completed.")
    return " ".join(parts) or "No run is recorded."


def short(count: float) -> str:
    """Return an average with as many digits as help."""
    return f"{count:,.0f}" if count >= 10 or count == int(count) else f"{count:.1f}"  # noqa: PLR2004 (enough digits)


def fitting(count: int, characters: int) -> str:
    """Return a number in at most so many characters, if need be in thousands or millions: 1,234 or 1.2k or 1k."""
    text = f"{count:,}"
    for power, letter in ((0, ""), (3, "k"), (6, "M")):
        for digits in (1, 0) if letter else (0,):
            text = f"{count / 10**power:,.{digits}f}{letter}"
            if len(text) <= characters:
                return text
    return text
