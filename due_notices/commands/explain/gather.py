"""One customer as a run sees them, with what the ledger has of each stage."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from due_notices.commands.ahead import runs_before
from due_notices.commands.explain.views import ObligationView, Rows, UserView, Verdict, ask_about, sentence
from due_notices.model import user_key
from due_notices.policy import Policy
from due_notices.ports import Ledger, PastNotice
from due_notices.reading import days_to, past_runs
from due_notices.services import Services, opened


@dataclass(frozen=True, slots=True)
class Explanation:
    """One user as a run sees them. `listed` is false when USER_FILTER leaves the user out of a run's reading."""

    view: UserView
    listed: bool
    catch_up_days: int

    def verdict(self, obligation: ObligationView) -> Verdict:
        """Return what becomes of one of the user's obligations."""
        return obligation.verdict

    def verdict_sentence(self, obligation: ObligationView) -> str:
        """Return the same as one sentence."""
        return sentence(obligation, self.view, self.catch_up_days)


def explain_user(
    policy: Policy, services: Services, identifier: str, *, business_date: date | None = None
) -> Explanation | None:
    """Return why a user is, or is not, notified; None where Graph knows no such user. Writes nothing.

    For a later day every run from the next tick on is assumed to complete.
    """
    now = services.clock.now()
    today = business_date or policy.business_date(now)
    directory = services.open_directory()
    found = directory.user(identifier)
    if found is None:
        return None
    with opened(services.open_storage) as (storage, runner):
        runs = runner.run(past_runs(storage.ledger, policy.business_date(now)))
        days = days_to(today, runs, policy.rules, runs_before(policy, today, runs, now))
        question = ask_about(found, policy.rules, days)
        rows = runner.run(_rows(storage.ledger, question.due_dates, user_key(found.user.id)))
    return Explanation(question.view(rows), directory.lists(found.user.id), policy.rules.stages.catch_up_days)


async def _rows(ledger: Ledger, due_dates: Iterable[date], user: str) -> Rows:
    async def of(due: date) -> tuple[date, Sequence[PastNotice]]:
        return due, await ledger.of_user(due, user)

    return dict(await asyncio.gather(*(of(due) for due in due_dates)))
