"""A day in shards, by Durable Functions: prepare, count, judge, send, record. For what has outgrown one instance.

The orchestrator decides nothing but the order, and is played again from its beginning after each step: it looks at
nothing but its input and what the activities answered. What goes through its history lies there in clear: parts and
figures, never a customer. Activities may run twice and in any order; the ledger makes that harmless.
"""

from __future__ import annotations

import contextlib
import functools
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any, Protocol, cast

from due_notices import VERSION
from due_notices.errors import DueNoticesError, PartRefused, sentence_of
from due_notices.falls import why_short
from due_notices.parts import Parts, rolled_up, shards_of
from due_notices.planning import Plan
from due_notices.policy import Policy
from due_notices.ports import Clock, Progress
from due_notices.reading import count_users, parts_of, past_runs, read_shard
from due_notices.report import SHARDS_AT_A_TIME, Outcome, RunReport
from due_notices.run import (
    Run,
    begin,
    carry_out,
    deliver,
    find_owed,
    judge,
    name_all,
    new_report,
    take_fall,
    take_rules,
    working,
)
from due_notices.services import Services

ORCHESTRATOR = "due_notices_day"
PREPARE, COUNT, JUDGE, SEND, RECORD = (
    f"due_notices_{step}" for step in ("prepare", "count", "judge", "send", "record")
)
CHAINS_OF_A_SHARD = 4  # a process has four shards under way, and so as many chains as a run
CHUNKS_OF_A_SHARD = 1  # likewise of claims at risk
DRIFT_PERCENT, DRIFT_LEAST = 5, 20  # by which a shard may find more than was counted of it
ATTEMPTS = 3  # of an activity whose process ended before it did
WHOLE: Mapping[str, Any] = {"shard": 0, "prefixes": []}  # all users, one page after another
AT_WORK = frozenset({"Pending", "Running", "ContinuedAsNew", "Suspended"})
COMPLETED = "Completed"  # its function has returned, whatever it returned
DIED = f"a process ended before its work did, {ATTEMPTS} times; the next tick goes on"

Answer = Mapping[str, Any]
Steps = Generator[Any, Any, Any]


class Context(Protocol):
    """What an orchestrator asks for, as Durable Functions has it."""

    def get_input(self, expected_type: type) -> Any:
        """Return what the orchestration was started with. Without its type Durable Functions warns."""
        ...

    def set_custom_status(self, status: Any) -> None:
        """Set the status that a query of the orchestration shows: how far it is."""
        ...

    def call_activity(self, name: str, input_: Any, expected_type: type) -> Any:
        """Return the task of an activity, which is scheduled when it is yielded."""
        ...

    def task_all(self, activities: list[Any]) -> Any:
        """Return the task of all of some tasks, which fails as soon as one of them does."""
        ...


def whole_day(context: Context) -> Steps:
    """Do a day; return how it ended: what `prepare` says where nothing is left to do, else what `record` says."""
    day: Answer = context.get_input(expected_type=dict)
    context.set_custom_status({"phase": "preparing"})
    verdict = prepared = yield from _surely(context, PREPARE, day)
    if prepared.get("outcome") == Outcome.ALREADY_COMPLETED.value:
        return prepared
    counts: Sequence[Answer] = ()
    sends: Sequence[Answer] = ()
    most = SHARDS_AT_A_TIME  # at first; fewer once Graph has asked one of them to wait
    while shards := verdict.get("shards"):  # the first verdict that names none is the last
        counts, most = yield from _in_shards(context, COUNT, [{**day, **shard} for shard in shards], most)
        context.set_custom_status({"phase": "judging", "shards": len(counts)})
        verdict = yield from _surely(context, JUDGE, {**day, "shards": shards, "counts": counts})
    if verdict.get("send"):
        # By what each answer says of itself, not by its place.
        asked = [{**day, **{name: count[name] for name in ("shard", "prefixes", "owed")}} for count in counts]
        sends, _ = yield from _in_shards(context, SEND, asked, most)
    context.set_custom_status({"phase": "recording", "shards": len(counts)})
    ended = {**day, "began": prepared.get("began"), "verdict": verdict, "counts": counts, "sends": sends}
    return (yield from _surely(context, RECORD, ended))


def _in_shards(context: Context, name: str, asked: Sequence[Answer], most: int) -> Steps:
    """Do an activity for each shard, `most` at a time; return the answers, and how many at a time Graph allows."""
    phase = "counting" if name == COUNT else "sending"
    answers: list[Answer] = []
    waiting = [(each, 1) for each in asked]
    while waiting:
        context.set_custom_status({"phase": phase, "shards": len(asked), "ended": len(answers)})
        now, waiting = waiting[:most], waiting[most:]
        tasks = [context.call_activity(name, each, expected_type=dict) for each, _ in now]
        with contextlib.suppress(Exception):  # each of them is looked at next, also those that still run
            yield context.task_all(tasks)
        slower = False
        for (each, attempt), task in zip(now, tasks, strict=True):
            try:
                answer = yield task
            except Exception:  # noqa: BLE001 (whatever ended it, the others go on)
                answer = {"shard": each["shard"], "prefixes": each["prefixes"], "error": DIED, "again": True}
            slower = slower or bool(answer.get("throttled"))
            if answer.get("again") and attempt < ATTEMPTS:
                waiting.append((each, attempt + 1))
            else:
                answers.append(answer)
        if slower:  # the quota is the app's, so what one is asked to wait holds for all
            most = max(1, most // 2)
    return sorted(answers, key=lambda answer: answer["shard"]), most


def _surely(context: Context, name: str, given: Answer) -> Steps:
    """Do one activity, again where its process ended before it did."""
    for _ in range(ATTEMPTS):
        with contextlib.suppress(Exception):
            return (yield context.call_activity(name, given, expected_type=dict))
    return {"outcome": Outcome.FAILED.value, "error": DIED}


class Found(Protocol):
    """What Durable Functions says of an orchestration."""

    @property
    def runtime_status(self) -> Any:
        """What state it is in, an enumeration of texts; None where there is no such orchestration."""
        ...

    @property
    def created_time(self) -> datetime | None:
        """When it was created."""
        ...

    @property
    def custom_status(self) -> Any:
        """What it says of how far it is."""
        ...

    @property
    def output(self) -> Any:
        """What it returned."""
        ...


class Client(Protocol):
    """Starts orchestrations and says what is known of them, as Durable Functions has it."""

    async def get_status(self, instance_id: str) -> Found:
        """Return what is known of an orchestration."""
        ...

    async def start_new(self, orchestration_function_name: str, instance_id: str, client_input: Any) -> Any:
        """Start an orchestration; one with the same id that has ended is replaced."""
        ...


def instance_id(app: str, day: date) -> str:
    """Return the id of a day's orchestration; `app` is what the function app is called, empty on a laptop."""
    return f"{app.lower() or 'due-notices'}-{day}"


async def start_day(client: Client, policy: Policy, shards: int, app: str, clock: Clock, progress: Progress) -> bool:
    """Start the day's orchestration unless it is at work or done; return whether it was started.

    One that has failed, was terminated, or ended with something left to do is started anew. `app` is what the function
    app is called. A tick that finds nothing to do for today reports so.
    """
    now = clock.now()
    report = new_report(policy, now)
    if report.outcome is Outcome.OUTSIDE_WINDOW:
        progress.ended(report)
        return False
    name = instance_id(app, report.business_date)
    found = await client.get_status(name)
    status = "" if found.runtime_status is None else str(found.runtime_status.value)
    if status in AT_WORK:
        phase = found.custom_status.get("phase") if isinstance(found.custom_status, Mapping) else None
        progress.detail(f"the orchestration {name} has been at work since {_since(found)}: {phase or status}")
        return False
    output: Answer = found.output if isinstance(found.output, Mapping) else {}
    if status == COMPLETED and _is_done(output, policy, now):
        report.outcome = Outcome.ALREADY_COMPLETED
        progress.ended(report)
        return False
    if status:
        progress.say(f"the orchestration {name} ended as {output.get('outcome', status)}; it is started anew")
    day = {"day": report.business_date.isoformat(), "run": report.run_id}
    given = {**day, "shards": shards, "settings": policy.digest}
    await client.start_new(ORCHESTRATOR, name, given)
    progress.detail(f"the orchestration {name} is started, run {report.run_id}")
    return True


def _since(found: Found) -> str:
    """Return when it was created, in UTC; an alarm reads it."""
    return "?" if found.created_time is None else f"{found.created_time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _is_done(output: Answer, policy: Policy, now: datetime) -> bool:
    """Whether a day's orchestration left nothing to do for runs with this filter, and it is not time to look again."""
    done = output.get("outcome") in {Outcome.COMPLETED, Outcome.ALREADY_COMPLETED}
    same = output.get("filterDigest") == policy.rules.filter_digest
    at = output.get("at")
    return done and same and not policy.looks_again(now, datetime.fromisoformat(at) if isinstance(at, str) else None)


class Shards:
    """What the activities do: with the code of a run, on the users of some parts, answering in figures.

    An answer says of itself which shard it is about. What fails is an answer, too, with an `error`.
    """

    def __init__(self, policy: Policy, services: Services, progress: Progress) -> None:
        """Take what runs work with; each activity opens its own directory and storage."""
        self._policy = policy
        self._services = services
        self._progress = progress

    def prepare(self, given: Answer) -> Answer:
        """Record that the day's run has begun, and make its shards: sorted beginnings of names."""
        report = self._report(given)
        report.shards = given["shards"]
        with working(self._policy, self._services, self._progress) as run:
            runs = begin(run, report)
            if runs is None:
                self._progress.ended(report)
                return _ended(report)
            parts = self._parts(run, report, runs, given["shards"])
            why = parts.why_serial(self._services.open_directory().count(deadline=run.deadline.at))
            if why is not None:
                self._progress.say(f"{why}: all users are read one page after another, in one shard")
            found = [()] if why is not None else shards_of(parts.prefixes, parts.counts, given["shards"])
            shards = [{"shard": number, "prefixes": [*prefixes]} for number, prefixes in enumerate(found)]
        return {"began": _text(report.at), "shards": shards}

    def count(self, given: Answer) -> Answer:
        """Count what is owed in a shard; nothing is sent."""

        def work(run: Run, report: RunReport, plan: Plan) -> None:
            name_all(plan, run.progress)
            report.late, report.superseded = sum(notice.late for notice in plan.notices), plan.superseded
            report.outcome = Outcome.BEGAN

        return self._in_shard(given, work)

    def judge(self, given: Answer) -> Answer:
        """Judge the sum of what was counted: all of it is sent, or nothing.

        Where the parts prove nothing it names one shard of all users instead.
        """
        report, counts = self._report(given), given["counts"]
        whole = given["shards"] == [WHOLE]
        if not whole and any(count.get("refused") for count in counts):
            return {"shards": [WHOLE]}
        if errors := _errors(counts):
            return {"error": f"{errors}. Nothing was sent"}
        if [_part(count) for count in counts] != [_part(shard) for shard in given["shards"]]:
            return {"error": "the shards that were counted are not those that were asked for, so nothing was sent"}
        for count in counts:
            report.add(RunReport.from_dict(count["report"]))
        with working(self._policy, self._services, self._progress) as run:
            runs = run.within(past_runs(run.storage.ledger, report.business_date), "asking for the runs before")
            take_rules(report, self._policy, runs)
            directory = self._services.open_directory()
            report.users_counted = count_users(directory, report.users_read, run.deadline.at)
            if not whole:
                why = self._parts(run, report, runs, len(counts)).why_unproved(report.users_read, report.users_counted)
                if why is not None:
                    self._progress.say(f"{why}: all users are read one page after another")
                    return {"shards": [WHOLE]}
            fallen = judge(report, runs, self._policy, self._progress)
        if report.owed > self._policy.limit:
            report.stop_at(self._policy.limit, missed=False)
        return {"send": report.outcome is not Outcome.LIMIT, "fallen": fallen, "report": _figures(report)}

    def send(self, given: Answer) -> Answer:
        """Send what is owed in a shard, unless it is much more than what was counted."""

        def work(run: Run, report: RunReport, plan: Plan) -> None:
            counted = given["owed"]
            if report.owed > counted + max(DRIFT_LEAST, counted * DRIFT_PERCENT // 100):
                raise DueNoticesError(
                    f"{report.owed:,} notices are owed in shard {given['shard']}, and {counted:,} were counted before: "
                    "none of them was sent, the next tick counts again"
                )
            mark = f"{_mark(given)}{given['shard']:02x}"
            deliver(run, report, plan.notices, mark=mark, chunks_at_a_time=CHUNKS_OF_A_SHARD)

        return self._in_shard(given, work)

    def record(self, given: Answer) -> Answer:
        """Record the day's run, report it, and forget what is old. What was sent is what the ledger says."""
        verdict, names = given["verdict"], Counter[str]()
        report = RunReport.from_dict(verdict["report"]) if "report" in verdict else self._report(given)
        for count in given["counts"]:
            names.update(count.get("names", {}))
        report.shards, report.name_counts = len(given["counts"]), rolled_up(names)

        def work(run: Run, report: RunReport) -> None:
            runs = run.within(past_runs(run.storage.ledger, report.business_date), "asking for the runs before")
            if "report" not in verdict:
                take_rules(report, self._policy, runs)
                report.fail(verdict["error"])
            elif verdict["send"]:
                self._take_sends(run, report, given)
                if verdict["fallen"] is not None:
                    take_fall(report, verdict["fallen"], runs, self._policy)

        began = given["began"]
        before = (self._services.clock.now() - datetime.fromisoformat(began)).total_seconds() if began else 0.0
        carry_out(self._policy, self._services, self._progress, report, work, before=before)
        return _ended(report)

    def _take_sends(self, run: Run, report: RunReport, given: Answer) -> None:
        """Take what became of the owed notices: the figures of each shard's last reading, and the ledger's count."""
        counts, sends = given["counts"], given["sends"]
        dues = {date.fromisoformat(due) for answer in (*counts, *sends) for due in answer.get("dues", ())}
        found = run.within(run.storage.ledger.sent_by_claims(dues, _mark(given)), "counting what was sent")
        sent, stages = Counter[int](), Counter[int]()
        for (shard, stage), number in found.items():
            sent[int(shard, 16)] += number
            stages[stage] += number
        last = {answer["shard"]: RunReport.from_dict(answer["report"]) for answer in sends if "report" in answer}
        total = self._report(given)
        for count in counts:
            shard = count["shard"]
            total.add(_settled(RunReport.from_dict(count["report"]), last.get(shard), sent[shard]))
        counted = replace(report)
        report.take_sum(total)
        report.stages = {str(stage): stages[stage] for stage in sorted(stages)}
        report.error = _errors(sends) or why_short(report, counted)
        report.outcome = Outcome.FAILED if report.error or report.failed else Outcome.COMPLETED
        if report.failed and not report.error:
            report.fail(f"{report.failed:,} notices are not on the queue; the next tick sends them")

    def _in_shard(self, given: Answer, work: Callable[[Run, RunReport, Plan], None]) -> Answer:
        """Find what is owed in a shard and do something about it; whatever fails is in the answer."""
        report = self._report(given)
        answer: dict[str, Any] = {"shard": given["shard"], "prefixes": given["prefixes"]}
        way = functools.partial(read_shard, prefixes=given["prefixes"], chains=CHAINS_OF_A_SHARD)
        try:
            self._check(report, given)
            with working(self._policy, self._services, self._progress) as run:
                runs = run.within(past_runs(run.storage.ledger, report.business_date), "asking for the runs before")
                take_rules(report, self._policy, runs)
                plan = find_owed(run, report, runs, way)
                answer["dues"] = sorted({notice.partition for notice in plan.notices})
                work(run, report, plan)
        except Exception as error:  # noqa: BLE001 (an answer says it)
            report.fail(sentence_of(error))
            answer["refused"] = isinstance(error, PartRefused)
        answer |= {"owed": report.owed, "throttled": report.throttled, "names": report.name_counts}
        if report.error is not None:
            answer |= {"error": report.error, "again": report.throttled > 0}
        return {**answer, "report": _figures(report)}

    def _report(self, given: Answer) -> RunReport:
        day, digest = date.fromisoformat(given["day"]), self._policy.rules.filter_digest
        return RunReport(given["run"], day, version=VERSION, at=self._services.clock.now(), filter_digest=digest)

    def _check(self, report: RunReport, given: Answer) -> None:
        """Refuse to go on with a day that is over, or outside its window, or was begun with other settings."""
        if given.get("settings") != self._policy.digest:
            raise DueNoticesError(
                "the settings are not those with which the day's orchestration began: they were changed, and the next "
                "tick goes on with the new ones, or another app has the same task hub (hubName in host.json)"
            )
        now = self._services.clock.now()
        if self._policy.business_date(now) != report.business_date:
            raise DueNoticesError(f"{report.business_date} is over; the next day's first tick sends what is left")
        if (why := self._policy.why_closed(now)) is not None:
            raise DueNoticesError(f"{why}; the next tick inside it goes on")

    def _parts(self, run: Run, report: RunReport, runs: Sequence[RunReport], shards: int) -> Parts:
        policy = replace(self._policy, read_parts=shards * CHAINS_OF_A_SHARD)
        asked = parts_of(policy, runs, report.business_date, run.storage.ledger)
        return cast("Parts", run.within(asked, "asking how the users were read before"))


def _settled(count: RunReport, send: RunReport | None, sent: int) -> RunReport:
    """Return the figures of a shard's last reading, given how many of its notices are sent by the ledger.

    What an attempt sent before it broke off is already sent in the eyes of the next one.
    """
    seen = count if send is None or not send.users_read else send
    before = min(max(sent - seen.sent, 0), seen.already_sent) if seen is send else 0
    owed = max(seen.owed + before, sent)
    as_counted = sent == count.owed
    return replace(
        seen,
        owed=owed,
        already_sent=seen.already_sent - before,
        sent=sent,
        failed=owed - sent,
        late=count.late if as_counted else seen.late,
        superseded=count.superseded if as_counted else seen.superseded,
        graph_requests=count.graph_requests + (send.graph_requests if send else 0),
        throttled=count.throttled + (send.throttled if send else 0),
    )


def _figures(report: RunReport) -> dict[str, Any]:
    """Return a report as it goes through the history: nothing that is zero or empty."""
    return {name: value for name, value in report.to_dict().items() if value}


def _errors(answers: Sequence[Answer]) -> str:
    """Return what went wrong, each sentence once."""
    return "; ".join(dict.fromkeys(answer["error"] for answer in answers if answer.get("error")))


def _part(answer: Answer) -> tuple[int, Sequence[str]]:
    return answer["shard"], answer["prefixes"]


def _mark(given: Answer) -> str:
    """Return what the ids of all claims of a day's run begin with."""
    return str(given["run"])[:12]


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _ended(report: RunReport) -> dict[str, Any]:
    """Return how a day ended, as a query of its orchestration shows it."""
    return {
        "outcome": report.outcome.value,
        "run": report.run_id,
        "at": _text(report.at),
        "filterDigest": report.filter_digest,
        "error": report.error,
    }
