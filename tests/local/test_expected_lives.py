"""Whole lives of obligations by the second calculation: day after day, what is owed fed back as history."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, replace
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from local.expected import CompletedRun, Rules, asked_by_its_own_rules, decide, past_of
from tests.random_questions import draw

DUE = date(2026, 12, 1)
STAGES = st.lists(st.integers(-10, 20), min_size=1, max_size=5, unique=True).map(sorted).map(tuple)
DAYS = st.integers(-30, 60).map(lambda days: DUE + timedelta(days=days))


@dataclass(frozen=True)
class World:
    """Settings that change on a day, the days on which nobody runs, and a value that appears, perhaps paused."""

    rules: Rules
    changed: Rules
    on: date
    down: frozenset[date]
    appears: date
    paused_until: date | None

    def rules_on(self, today: date) -> Rules:
        """The settings of a day."""
        return self.rules if today < self.on else self.changed


@st.composite
def worlds(draw: st.DrawFn) -> World:
    weekend = draw(st.sets(st.integers(0, 6), max_size=4))
    begin, length = draw(DAYS), draw(st.integers(0, 120))
    holiday = {begin + timedelta(days=number) for number in range(length)}
    rules = Rules(
        draw(STAGES),
        draw(st.integers(0, 5)),
        draw(st.sampled_from((54, 60))),
        lambda day: day.weekday() in weekend or day in holiday,
    )
    outage, days = draw(DAYS), draw(st.integers(0, 20))
    down = frozenset(outage + timedelta(days=number) for number in range(days))
    changed = draw(st.just(rules) | STAGES.map(lambda stages: replace(rules, stages=stages)))
    appears = DUE + timedelta(days=draw(st.integers(-30, 50)))  # within the look-back
    return World(rules, changed, draw(DAYS), down, appears, draw(st.none() | DAYS))


@given(worlds())
@settings(max_examples=150, deadline=None)
def test_a_life_climbs_keeps_its_distances_and_never_ends_in_silence(world: World) -> None:
    sent: dict[int, date] = {}
    figures: set[str] = set()
    runs: list[CompletedRun] = [CompletedRun(DUE - timedelta(days=61), str(world.rules.stages))]
    for number in range(-60, 330):
        today = DUE + timedelta(days=number)
        rules = world.rules_on(today)
        if rules.closed(today) or today in world.down:
            continue
        past = past_of(today, rules, runs[-40:], str(rules.stages))
        if today >= world.appears:
            decision = decide(today, DUE, world.paused_until, rules, past, sent)
            figures.add(decision.figure)
            notice = decision.sending
            assert (notice is not None) == (decision.figure == "owed")
            if notice is not None:
                assert notice.stage > max(sent, default=-99)
                assert notice.stage_date <= today < notice.expires
                assert world.paused_until is None or today > world.paused_until
                steps = [stage for stage in sent if stage > 0]
                if notice.stage > 0 and steps:
                    assert (today - sent[max(steps)]).days >= notice.stage - max(steps)
                assert not [step for step in rules.stages if max(0, 0, *sent) < step < notice.stage]
                sent[notice.stage] = today
        runs.append(CompletedRun(today, str(rules.stages), asked_from=asked_by_its_own_rules(today, rules, past)))
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
