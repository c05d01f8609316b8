"""The decision agrees with a second calculation, written from the rules alone, about random obligations.

`python -m tests.unit.test_two_calculations 100000` is the long form.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from dataclasses import replace
from datetime import date

from due_notices.calendars import ONE_DAY
from due_notices.ladder import Case, CompletedRun, Day, day_of, decide, is_asked, unasked
from due_notices.stages import Stages
from local.expected_decision import Sending
from tests.random_questions import Calendar, Question, draw

Said = tuple[str, tuple[object, ...] | None, tuple[object, ...] | None]
CASES = 4_000


class _Closed:
    """The question's calendar, as the program asks one."""

    def __init__(self, calendar: Calendar) -> None:
        self._calendar = calendar

    def why_closed(self, day: date) -> str | None:
        return "closed" if self._calendar.closed(day) else None


def said(question: Question) -> Said:
    """Return figure, notice and notice by hand as the program decides."""
    stages = Stages(
        question.stages, question.catch_up, _Closed(question.calendar), question.look_back, question.retention
    )
    day, due, paused_until = _day(question, stages), question.due, question.paused_until
    if paused_until is not None and paused_until >= question.today:
        return "paused", None, None
    if not is_asked(stages, day, due, paused_until):
        return unasked(stages, day, due), None, None
    case = Case(due, paused_until, question.sent, question.sent_itself)
    decision = decide(stages, day, case)
    notice: tuple[object, ...] | None = None
    if decision.stage is not None:
        notice = (
            *(decision.stage.stage, decision.stage.day, decision.late, decision.expires, decision.superseded),
            max(question.sent, default=None),
        )
    return (decision.state, notice, None) if decision.state == "owed" else (decision.state, None, notice)


def _day(question: Question, stages: Stages) -> Day:
    past = question.past
    if past.resumes is None:
        return day_of(question.today, stages)
    last = CompletedRun(past.resumes - ONE_DAY, "other rules" if past.rules_differ else "rules")
    day = day_of(question.today, stages, [last], "rules")
    return replace(day, reach=min(day.reach, past.asked_from or day.reach))


def expected(question: Question) -> Said:
    """Return the same as the second calculation says."""
    answer = question.answer()
    return answer.figure.replace(" ", "-"), _plain(answer.sending), _plain(answer.if_missed)


def _plain(sending: Sending | None) -> tuple[object, ...] | None:
    if sending is None:
        return None
    return (
        *(sending.stage, sending.stage_date, sending.late, sending.expires, len(sending.superseded)),
        sending.previous_stage,
    )


def compare(count: int, seed: int) -> Counter[str]:
    """Compare so many cases; return how many there were of each figure."""
    rng = random.Random(seed)  # noqa: S311 (seeded)
    figures: Counter[str] = Counter()
    for _ in range(count):
        question = draw(rng)
        program = said(question)
        assert program == expected(question), question
        figures[program[0]] += 1
    return figures


def test_two_calculations_agree_about_every_figure_and_every_notice() -> None:
    figures = compare(CASES, seed=1)

    assert figures.keys() == {"paused", "not-yet", "over", "owed", "already-sent", "missed", "expired"}
    assert min(figures.values()) > CASES / 200


if __name__ == "__main__":
    sys.stdout.write(f"{dict(compare(int(sys.argv[1]), seed=int(sys.argv[2]) if sys.argv[2:] else 0))}\n")
