"""Whole lives of obligations by the second calculation: day after day, what is owed fed back as history."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from local.expected import Past, Rules, decide
from tests.random_questions import draw

DUE = date(2026, 12, 1)
ONE_DAY = timedelta(days=1)
World = tuple[Rules, date | None, set[date]]
STAGES = st.lists(st.integers(-10, 20), min_size=1, max_size=5, unique=True).map(sorted).map(tuple)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return rules, a pause and the days on which nobody runs."""
    weekend = draw(st.sets(st.integers(0, 6), max_size=4))
    begin, length = draw(st.integers(-30, 60)), draw(st.integers(0, 120))
    holiday = {DUE + timedelta(days=number) for number in range(begin, begin + length)}
    rules = Rules(
        draw(STAGES),
        draw(st.integers(0, 5)),
        draw(st.sampled_from((54, 60))),
        lambda day: day.weekday() in weekend or day in holiday,
    )
    pause = draw(st.none() | st.integers(-20, 40).map(lambda days: DUE + timedelta(days=days)))
    outage = draw(st.integers(-30, 60))
    down = {DUE + timedelta(days=number) for number in range(outage, outage + draw(st.integers(0, 20)))}
    return rules, pause, down


@given(worlds())
@settings(max_examples=300, deadline=None)
def test_a_life_climbs_keeps_its_distances_and_never_ends_in_silence(
    world: World,
) -> None:
    rules, pause, down = world
    sent: dict[int, date] = {}
    figures: set[str] = set()
    today = DUE - timedelta(days=40)
    past = Past(today)
    while today < DUE + timedelta(days=300):
        if not rules.closed(today) and today not in down:
            decision = decide(today, DUE, pause, rules, past, sent)
            figures.add(decision.figure)
            notice = decision.sending
            assert (notice is not None) == (decision.figure == "owed")
            if notice is not None:
                assert notice.stage > max(sent, default=-99)
                assert notice.stage_date <= today < notice.expires
                assert pause is None or today > pause
                steps = [stage for stage in sent if stage > 0]
                if notice.stage > 0 and steps:
                    assert (today - sent[max(steps)]).days >= notice.stage - max(steps)
                assert not [step for step in rules.stages if max(0, 0, *sent) < step < notice.stage]
                sent[notice.stage] = today
            past = replace(past, resumes=today + ONE_DAY)
        today += ONE_DAY
    assert len(set(sent.values())) == len(sent)
    assert sent or "missed" in figures


def test_every_random_question_has_one_answer_and_nothing_owed_is_expired_at_birth() -> None:
    rng, figures = random.Random(15), Counter[str]()  # noqa: S311 (seeded)

    for _ in range(3_000):
        question = draw(rng)
        decision = question.answer()

        figures[decision.figure] += 1
        assert (decision.sending is not None) == (decision.figure == "owed")
        assert decision.if_missed is None or decision.figure in {"missed", "expired"}
        for sending in filter(None, (decision.sending, decision.if_missed)):
            assert sending.stage in question.stages
            assert sending.expires > question.today
            assert sending.stage not in question.sent
            assert all(stage < sending.stage for stage in sending.superseded)

    assert figures.keys() == {"not yet", "over", "owed", "already sent", "expired", "missed", "paused"}
    assert min(figures.values()) > 30
