"""Whether it ran, what it did, and whether an operator must act: the verdict over what ledger and queues say. Pure.

`FINDINGS` names everything that can be found; docs/runbook.md has a section on each.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from functools import cached_property

from due_notices.commands.ahead import at_work_sentence
from due_notices.commands.counted import counted, verb
from due_notices.commands.days_without_tick import DaysWithoutTick
from due_notices.credentials import CredentialEnd, CredentialKind
from due_notices.policy import Policy
from due_notices.ports import QueueLook, QueueLooks
from due_notices.report import Outcome, RunReport, steps_of

SECRET_ACT_DAYS = 7
SECRET_LOOK_DAYS = 30
BACKLOG_AGE = timedelta(days=1)
GRACE = timedelta(hours=1)  # from the day's first tick until a run must have been recorded; a run takes half of it
MALFORMED_SHARE = 0.10  # of all obligations
MALFORMED_JUMP = 2.0  # times the usual share
MALFORMED_LEAST = 20  # obligations, below which a jump says nothing
RECENT = timedelta(days=7)  # so long a strange record is named
SLOW_SHARE = 0.8  # of the longest that a run may take


class Level(IntEnum):
    """How bad it is. `act`: customers are not notified, or soon will not be, unless an operator acts."""

    FINE = 0
    LOOK = 1
    ACT = 2

    def __str__(self) -> str:
        """Return the word that people and programs read."""
        return self.name.lower()


FINDINGS: Mapping[str, Level] = {
    "ledger-unreadable": Level.ACT,
    "run-failed": Level.ACT,
    "limit": Level.ACT,
    "fallen": Level.ACT,
    "no-completed-run": Level.ACT,
    "orchestration-stuck": Level.ACT,
    "secret-expired": Level.ACT,
    "secret-ends-now": Level.ACT,
    "poison": Level.ACT,
    "secret-near-expiry": Level.LOOK,
    "notices-missed": Level.LOOK,
    "notices-expired": Level.LOOK,
    "given-up-grew": Level.LOOK,
    "no-values": Level.LOOK,
    "values-fell": Level.LOOK,
    "skips-grew": Level.LOOK,
    "payments-stand-still": Level.LOOK,
    "unusual-number": Level.LOOK,
    "malformed": Level.LOOK,
    "backlog": Level.LOOK,
    "day-missed": Level.LOOK,
    "run-unfinished": Level.LOOK,
    "record-of-the-future": Level.LOOK,
    "other-filter": Level.LOOK,
    "no-run-today": Level.LOOK,
    "no-run-yet": Level.LOOK,
    "days-without-tick": Level.LOOK,
    "not-allowed": Level.LOOK,
    "slow-run": Level.LOOK,
    "queue-unseen": Level.LOOK,
    "directory-unreadable": Level.LOOK,
}


_ENDINGS = {Outcome.FAILED: "run-failed", Outcome.LIMIT: "limit", Outcome.FALLEN: "fallen"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that an operator should know, in a sentence."""

    name: str
    sentence: str

    @property
    def level(self) -> Level:
        """How bad it is."""
        return FINDINGS[self.name]


@dataclass(frozen=True)
class Situation:
    """What is known at a moment: the days on record of the last weeks, oldest first, and a look at the queues.

    `first_tick` is when the timer first ticks today within the send window (UTC); None where it does not.
    `without_tick` are the coming open days on which it does not. `last` is the run recorded last, alone: a day that was
    completed stays so, also where a later look at it failed. Of all other recorded runs, `others` have another filter
    or allow list, `later` are of days after today, and `unfinished` began and have not ended. `kind` is that of the
    credential by the settings.
    """

    now: datetime
    policy: Policy
    records: Sequence[RunReport]
    looks: QueueLooks
    first_tick: datetime | None = None
    without_tick: DaysWithoutTick | None = None
    last: RunReport | None = None
    others: Sequence[RunReport] = ()
    later: Sequence[RunReport] = ()
    unfinished: Sequence[RunReport] = ()
    kind: CredentialKind = CredentialKind.SECRET

    @cached_property
    def today(self) -> date:
        """The business date."""
        return self.policy.business_date(self.now)

    @cached_property
    def newest(self) -> RunReport | None:
        """The day recorded last."""
        return self.records[-1] if self.records else None

    @cached_property
    def ended(self) -> Sequence[RunReport]:
        """The days of which a run has ended."""
        return [record for record in self.records if record.outcome is not Outcome.BEGAN]

    @cached_property
    def at_work(self) -> str | None:
        """In a sentence, the run that is at work."""
        return at_work_sentence(self.unfinished, self.policy, self.now)

    @cached_property
    def completed(self) -> Sequence[date]:
        """The business dates whose runs completed, ascending."""
        return [record.business_date for record in self.records if record.completed]

    @cached_property
    def credential(self) -> CredentialEnd | None:
        """The end of the credential, by the newest report that knew it, less the days gone by since."""
        if self.kind is CredentialKind.FEDERATED:  # of which no report knows anything
            return CredentialEnd(self.kind, None)
        for record in reversed(self.records):
            if (end := record.credential) is not None:
                gone = (self.today - record.business_date).days
                return end if end.days_left is None else end._replace(days_left=end.days_left - gone)
        return None

    @cached_property
    def poison(self) -> int | None:
        """Messages in the poison queue, by the newest report where looking is not allowed."""
        return self._count(self.looks.poison, "poison")

    @cached_property
    def waiting(self) -> int | None:
        """Messages in the queue, by the newest report where looking is not allowed."""
        return self._count(self.looks.queue, "queue")

    def _count(self, look: QueueLook, name: str) -> int | None:
        if look.count is not None or not self.ended:
            return look.count
        count: int | None = getattr(self.ended[-1].waiting, name)
        return count


@dataclass(frozen=True, slots=True)
class Verdict:
    """The worst level found, with all findings, the worst first."""

    level: Level
    findings: tuple[Finding, ...]
    headline: str


def judge(situation: Situation, *more_findings: Finding) -> Verdict:
    """Return the verdict, with what was found elsewhere."""
    found = [
        *more_findings,
        *_silence(situation),
        *_coming_days(situation),
        *_strange_records(situation),
        *_newest_run(situation),
        *_secret(situation),
        *_queues(situation),
    ]
    order = list(FINDINGS)
    found.sort(key=lambda finding: (-finding.level, order.index(finding.name)))
    if not found:
        return Verdict(Level.FINE, (), _fine(situation))
    return Verdict(found[0].level, tuple(found), found[0].sentence)


def _silence(situation: Situation) -> Iterator[Finding]:
    """Days on which nothing completed."""
    if not situation.records:
        yield Finding(
            "no-run-yet", "no run was recorded in the last weeks; the first one comes with a tick in SEND_WINDOW"
        )
        return
    over, completed, today = situation.policy.last_day_over(situation.now), situation.completed, situation.today
    first = situation.records[0].business_date
    if over is not None and first <= over and over not in completed:
        if not completed or completed[-1] < over:
            since = f"the last one that did is that of {completed[-1]}" if completed else "none ever did"
            yield Finding("no-completed-run", f"no run completed on {over} and its send window is over; {since}")
        else:
            yield Finding("day-missed", f"no run completed on {over}; that of {completed[-1]} caught up")
    tick = situation.first_tick
    if tick is None or situation.now < tick + GRACE or situation.records[-1].business_date >= today:
        return
    if over != today and situation.policy.why_day_closed(today) is None:
        local = tick.astimezone(situation.policy.rules.time_zone)
        yield Finding(
            "no-run-today", f"no run is recorded today, although the timer should have ticked at {local:%H:%M}"
        )


def _coming_days(situation: Situation) -> Iterator[Finding]:
    if situation.without_tick is not None:
        yield Finding("days-without-tick", situation.without_tick.sentence)


def _strange_records(situation: Situation) -> Iterator[Finding]:
    """Find runs that began and never ended, of days to come, or with another filter: none counts as a day's run."""
    recent, zone = situation.today - RECENT, situation.policy.rules.time_zone
    last = situation.last or situation.newest
    unfinished = [
        run
        for run in situation.unfinished
        if run.business_date > recent and _never_ended(run, situation)
        if last is None or last.outcome is not Outcome.BEGAN or run.run_id != last.run_id
    ]
    if unfinished and (at := unfinished[-1].at) is not None:
        yield Finding(
            "run-unfinished",
            f"{counted(len(unfinished), 'run')} began and never ended, the last on {unfinished[-1].business_date} at "
            f"{at.astimezone(zone):%H:%M}: a deployment, a scale-in or a killed host; the runs after it went on",
        )
    if situation.later:
        yield Finding(
            "record-of-the-future",
            f"{counted(len(situation.later), 'run')} of days after {situation.today} on record, the last of "
            f"{situation.later[-1].business_date}: a machine whose clock was ahead ran with this ledger; what it sent "
            "counts as sent, the days do not count as completed",
        )
    others = [run for run in situation.others if run.business_date > recent]
    if others:
        yield Finding(
            "other-filter",
            f"{counted(len(others), 'run')} with another USER_FILTER or RECIPIENT_ALLOW_LIST, the last on "
            f"{others[-1].business_date}: another machine works with this ledger, or the setting was changed; they "
            "complete no day of this deployment",
        )


def _never_ended(run: RunReport, situation: Situation) -> bool:
    ends = run.ends_by(situation.policy.longest)
    return ends is not None and situation.now > ends


def _newest_run(situation: Situation) -> Iterator[Finding]:
    record = situation.newest
    if record is None:
        return
    day, policy, last = record.business_date, situation.policy, situation.last or record
    run = f"a later run of {day}, which was completed before," if record.completed else f"the run of {day}"
    if (name := _ENDINGS.get(last.outcome)) is not None:
        error = last.error or "its report does not say why"
        yield Finding(name, f"{run} ended as {last.outcome}: {error}")
    if _never_ended(last, situation) and last.at is not None:
        began = f"{last.at.astimezone(policy.rules.time_zone):%H:%M}"
        if last.shards:
            shards, minutes = counted(last.shards, "shard"), policy.longest.total_seconds() / 60
            yield Finding(
                "orchestration-stuck",
                f"the orchestration of {day}, in {shards}, began at {began}, and the time of its "
                f"{steps_of(last.shards)} steps, at most {minutes:.0f} minutes each, is over: killed, or stuck; "
                f"end the instance whose id ends with -{day}, and the next tick starts it anew: docs/runbook.md, "
                '"An orchestration is stuck"',
            )
        else:
            yield Finding(
                "run-failed",
                f"{run} that began at {began} never ended: its host was stopped or killed, or a request hangs; the "
                "next tick goes on where it stopped",
            )
    if situation.ended:
        yield from _figures(situation.ended[-1], situation)


def _figures(record: RunReport, situation: Situation) -> Iterator[Finding]:
    """Find what is odd in the figures of the last day of which there are any: one at work has none yet."""
    day, policy = record.business_date, situation.policy
    for name, count, what in (
        ("notices-missed", record.missed, "never notified"),
        ("notices-expired", record.expired, "notified before, but not of the rest"),
    ):
        if count:
            owed = "1 open obligation was" if count == 1 else f"{count:,} open obligations were"
            yield Finding(
                name,
                f"{owed} {what}, and by the rules nothing more comes, as of {day}: `due-notices preview` "
                "says whose, and what `due-notices run --missed` would send",
            )
    yield from (Finding(name, sentence) for name, sentence in record.signs.items() if name in FINDINGS)
    if record.unusual:
        usual = record.usual_owed
        compared = f"usually {usual:,}" if usual is not None else "and no run before it to compare with"
        yield Finding("unusual-number", f"{counted(record.owed, 'notice')} owed on {day}, {compared}")
    yield from _malformed(record, situation.records)
    if kept_out := record.skipped.get("not-allowed", 0):
        yield Finding(
            "not-allowed", f"RECIPIENT_ALLOW_LIST keeps {counted(kept_out, 'obligation')} from being notified"
        )
    took, longest = record.seconds.get("total"), policy.longest.total_seconds()
    if took is not None and took > SLOW_SHARE * longest:
        yield Finding("slow-run", f"the run of {day} took {took / 60:.0f} minutes, and may take {longest / 60:.0f}")


def _malformed(record: RunReport, records: Sequence[RunReport]) -> Iterator[Finding]:
    malformed, share = record.skipped.get("malformed", 0), _malformed_share(record)
    earlier = [_malformed_share(each) for each in records if each.completed and each is not record]
    usual = statistics.median(earlier) if earlier else share
    jumped = malformed >= MALFORMED_LEAST and share > MALFORMED_JUMP * usual
    if share > MALFORMED_SHARE or jumped:
        compared = f", usually {usual:.1%}" if jumped else ""
        yield Finding(
            "malformed",
            f"{malformed:,} values cannot be read, {share:.1%} of all{compared}; no notices are sent for them",
        )


def _malformed_share(record: RunReport) -> float:
    return record.skipped.get("malformed", 0) / max(record.obligations, 1)


def _secret(situation: Situation) -> Iterator[Finding]:
    end = situation.credential
    left = None if end is None else end.days_left
    if end is None or left is None or left > SECRET_LOOK_DAYS:
        return
    if left < 0:
        yield Finding("secret-expired", f"the {end.name} has expired, and no run can succeed: {end.remedy}")
    elif left <= SECRET_ACT_DAYS:
        yield Finding("secret-ends-now", f"the {end.name} has {counted(left, 'day')} left: {end.remedy}")
    else:
        yield Finding("secret-near-expiry", f"the {end.name} has {counted(left, 'day')} left: {end.remedy}")


def _queues(situation: Situation) -> Iterator[Finding]:
    if situation.poison:
        yield Finding(
            "poison",
            f"{counted(situation.poison, 'notice')} {verb(situation.poison)} in the poison queue: not notified",
        )
    oldest = situation.looks.queue.oldest
    if oldest is not None and situation.now - oldest > BACKLOG_AGE:
        waiting = "notices" if situation.waiting is None else counted(situation.waiting, "notice")
        yield Finding("backlog", f"{waiting} on the queue, the oldest for {age(situation.now - oldest)}")
    for name, look, count in (
        ("queue", situation.looks.queue, situation.waiting),
        ("poison queue", situation.looks.poison, situation.poison),
    ):
        if count is None:
            yield Finding("queue-unseen", f"what waits in the {name} is not known: {look.problem}")


def age(span: timedelta) -> str:
    """Return how long something waits, as people say it: in the largest unit that fits."""
    minutes = int(span.total_seconds()) // 60
    if minutes < 1:
        return "less than a minute"
    for unit, size in (("day", 1440), ("hour", 60)):
        if minutes >= size:
            return counted(minutes // size, unit)
    return f"{minutes} min"


def _fine(situation: Situation) -> str:
    ended, told = situation.ended, ["the first run is at work"]
    if ended:
        sent, late = ended[-1].sent, ended[-1].late
        told = [
            f"the run of {ended[-1].business_date} completed and sent {counted(sent, 'notice')}"
            + (f", {late:,} late" if late else "")
        ]
    if ended and situation.at_work is not None:
        told.append(situation.at_work)
    return "; ".join([*told, "nothing asks for attention"])
