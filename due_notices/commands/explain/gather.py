"""One customer as the next run sees them, with what the ledger has of each stage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from due_notices.commands.ahead import ComingRuns, at_work_sentence
from due_notices.commands.explain.views import ObligationView, Question
from due_notices.ladder import Day
from due_notices.model import User, user_key
from due_notices.policy import Policy
from due_notices.reading import days_to, past_runs
from due_notices.services import Services, opened


@dataclass(frozen=True, slots=True)
class Explanation:
    """One user as the run of a day sees them.

    On the day that was `asked` for no run comes where `no_run` says why. `listed` is false when USER_FILTER leaves the
    user out of what runs read. `at_work` says of a run that it is at work now.
    """

    user: User
    day: Day
    asked: date
    no_run: str | None
    listed: bool
    obligations: tuple[ObligationView, ...]
    at_work: str | None = None


def explain_user(
    policy: Policy, services: Services, identifier: str, *, business_date: date | None = None
) -> Explanation | None:
    """Return why a user is, or is not, notified; None where Graph knows no such user. Writes nothing.

    It is decided as the next run will, or the first one from `business_date` on. For a later day every run until then
    is assumed to complete.
    """
    now = services.clock.now()
    today = policy.business_date(now)
    asked = business_date or today
    directory = services.open_directory()
    found = directory.user(identifier)
    if found is None:
        return None
    listed = directory.lists(found.user.id)
    with opened(services.open_storage) as (storage, runner):
        runs = runner.run(past_runs(storage.ledger, today))
        coming = ComingRuns(policy, runs, now)
        day = coming.first_from(asked)
        days = days_to(day, runs, policy.rules, coming.before(day))
        question = Question.of(found, policy.rules, days, listed=listed)
        rows = runner.run(storage.ledger.of_user(question.due_dates, user_key(found.user.id)))
    return Explanation(
        found.user,
        days[-1],
        asked,
        coming.why_none(asked),
        listed,
        question.views(rows),
        at_work_sentence(runs, policy, now),
    )
