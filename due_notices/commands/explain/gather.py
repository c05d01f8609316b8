"""One customer as a run sees them, with what the ledger has of each stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from due_notices.commands.explain.views import ObligationView, UserView, Verdict, sentence, view, without
from due_notices.model import user_key
from due_notices.policy import Policy
from due_notices.ports import PastNotice, Progress
from due_notices.reading import LOOK_BACK, day_of, read_and_plan
from due_notices.report import by_day
from due_notices.services import Services, opened


@dataclass(frozen=True, slots=True)
class Explanation:
    """One user as a run sees them, with what the ledger has of each stage, by notice id.

    `listed` is false when USER_FILTER leaves the user out of a run's reading.
    """

    view: UserView
    entries: Mapping[str, PastNotice]
    listed: bool
    catch_up_days: int

    def verdict(self, obligation: ObligationView) -> Verdict:
        """Return what becomes of one of the user's obligations."""
        return obligation.verdict(self._current(obligation))

    def verdict_sentence(self, obligation: ObligationView) -> str:
        """Return the same as one sentence."""
        return sentence(obligation, self._current(obligation), self.view.day, self.catch_up_days)

    def _current(self, obligation: ObligationView) -> PastNotice | None:
        current = obligation.current
        return None if current is None else self.entries.get(current.notice_id)


def explain_user(
    policy: Policy,
    services: Services,
    identifier: str,
    progress: Progress | None = None,
    *,
    business_date: date | None = None,
) -> Explanation | None:
    """Return why a user is, or is not, notified; None where Graph knows no such user. Writes nothing.

    Whether another account tells the same person the same thing only a reading of all users can tell; it
    is done where the user is a candidate with an address and a reference.
    """
    today = business_date or policy.business_date(services.clock.now())
    directory, rules = services.open_directory(), policy.rules
    found = directory.user(identifier)
    if found is None:
        return None
    with opened(services.open_storage) as (storage, runner):
        day = day_of(today, by_day(runner.run(storage.ledger.runs(today - LOOK_BACK))))
        seen = view(found, rules, day)
        listed = directory.lists(seen.user.id)
        candidates = [view.notice for view in seen.obligations if view.notice is not None]
        if listed and any(notice.user.email and notice.obligation.reference for notice in candidates):
            plan = read_and_plan(policy, directory, services.clock, progress or Progress(), day)
            seen = without(seen, {notice.id for notice in plan.notices})
        dues = {reading.due for view in seen.obligations if (reading := view.reading.obligation) is not None}
        user = user_key(seen.user.id)
        entries = {
            past.notice_id: past for due in sorted(dues) for past in runner.run(storage.ledger.of_user(due, user))
        }
        return Explanation(seen, entries, listed, rules.stages.catch_up_days)
