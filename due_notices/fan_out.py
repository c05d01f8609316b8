"""A day's run in shards, by Durable Functions, for a directory that is too large for one instance.

A shard is all users whose principal names begin with some prefixes. The orchestrator decides only the order of the
activities. Durable Functions replays it from the beginning after each of them, so it reads its input and their answers,
but no clock and no settings. Both are stored unencrypted as the orchestration's history, so they hold prefixes and
figures, never a customer. Activities may run twice and in any order; the claims in the ledger make that harmless.
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
CHAINS_OF_A_SHARD = 4  # threads that read; a process works on four shards, so it has as many of them as a whole run
CHUNKS_OF_A_SHARD = 1  # chunks of claims under way; likewise
DRIFT_PERCENT, DRIFT_LEAST = 5, 20  # a shard may send so many percent, or notices, more than were counted
ATTEMPTS = 3  # at an activity whose process ended before it, or which failed after Graph asked it to wait
WHOLE: Mapping[str, Any] = {"shard": 0, "prefixes": []}  # one shard of all users, read one page after another
AT_WORK = frozenset({"Pending", "Running", "ContinuedAsNew", "Suspended"})
COMPLETED = "Completed"  # the orchestrator has returned; its output says how the day ended
DIED = f"a process ended before its work did, {ATTEMPTS} times; the next tick goes on"

Answer = Mapping[str, Any]
Steps = Generator[Any, Any, Any]


class Context(Protocol):
    """What is used of Durable Functions' orchestration context."""

    def get_input(self, expected_type: type) -> Any:
        """Return the orchestration's input. Without `expected_type` Durable Functions warns."""
        ...

    def set_custom_status(self, status: Any) -> None:
        """Set the status that a query of the orchestration shows."""
        ...

    def call_activity(self, name: str, input_: Any, expected_type: type) -> Any:
        """Return the task of an activity, which is scheduled when it is yielded."""
        ...

    def task_all(self, activities: list[Any]) -> Any:
        """Return one task for all of these; it fails as soon as one of them fails."""
        ...


def whole_day(context: Context) -> Steps:
    """Run the activities, and return how the day ended: what `prepare` answers if it was done before, else `record`."""
    day: Answer = context.get_input(expected_type=dict)
    context.set_custom_status({"phase": "preparing"})
    verdict = prepared = yield from _surely(context, PREPARE, day)
    if prepared.get("outcome") == Outcome.ALREADY_COMPLETED.value:
        return prepared
    counts: Sequence[Answer] = ()
    sends: Sequence[Answer] = ()
    most = SHARDS_AT_A_TIME
    while shards := verdict.get("shards"):  # `judge` names shards again if all users must be counted in one shard
        counts, most = yield from _in_shards(context, COUNT, [{**day, **shard} for shard in shards], most)
        context.set_custom_status({"phase": "judging", "shards": len(counts)})
        verdict = yield from _surely(context, JUDGE, {**day, "shards": shards, "counts": counts})
    if verdict.get("send"):
        asked = [{**day, **{name: count[name] for name in ("shard", "prefixes", "owed")}} for count in counts]
        sends, _ = yield from _in_shards(context, SEND, asked, most)
    context.set_custom_status({"phase": "recording", "shards": len(counts)})
    ended = {**day, "began": prepared.get("began"), "verdict": verdict, "counts": counts, "sends": sends}
    return (yield from _surely(context, RECORD, ended))


def _in_shards(context: Context, name: str, asked: Sequence[Answer], most: int) -> Steps:
    """Run an activity for each shard, at most `most` at a time; return the answers, and `most` for what follows."""
    phase = "counting" if name == COUNT else "sending"
    answers: list[Answer] = []
    waiting = [(each, 1) for each in asked]
    while waiting:
        context.set_custom_status({"phase": phase, "shards": len(asked), "ended": len(answers)})
        now, waiting = waiting[:most], waiting[most:]
        tasks = [context.call_activity(name, each, expected_type=dict) for each, _ in now]
        with contextlib.suppress(Exception):  # it fails with the first task that does; each is awaited below
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
        if slower:  # all shards share Graph's quota, which is the app's
            most = max(1, most // 2)
    return sorted(answers, key=lambda answer: answer["shard"]), most


def _surely(context: Context, name: str, given: Answer) -> Steps:
    """Run one activity, and again where its process ended before it; return its answer, or a failure in its place."""
    for _ in range(ATTEMPTS):
        with contextlib.suppress(Exception):
            return (yield context.call_activity(name, given, expected_type=dict))
    return {"outcome": Outcome.FAILED.value, "error": DIED}


class Found(Protocol):
    """What is used of Durable Functions' status of an orchestration."""

    @property
    def runtime_status(self) -> Any:
        """Its state, an enumeration of texts; None where there is no such orchestration."""
        ...

    @property
    def created_time(self) -> datetime | None:
        """When it was created."""
        ...

    @property
    def custom_status(self) -> Any:
        """What the orchestrator has set as its status."""
        ...

    @property
    def output(self) -> Any:
        """What the orchestrator returned."""
        ...


class Client(Protocol):
    """What is used of Durable Functions' client."""

    async def get_status(self, instance_id: str) -> Found:
        """Return the status of an orchestration."""
        ...

    async def start_new(self, orchestration_function_name: str, instance_id: str, client_input: Any) -> Any:
        """Start an orchestration; one with the same id that has ended is replaced."""
        ...


def instance_id(app: str, day: date) -> str:
    """Return the id of a day's orchestration; `app` is the function app's name, empty on a laptop."""
    return f"{app.lower() or 'due-notices'}-{day}"


async def start_day(client: Client, policy: Policy, shards: int, app: str, clock: Clock, progress: Progress) -> bool:
    """Start the day's orchestration unless it is at work or done; return whether it was started.

    An orchestration that failed, was terminated or left something to do is started anew. A tick outside the send
    window, or on a day that is done, logs a report that says so. `app` is the function app's name.
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
    """Return when an orchestration was created, in UTC; the query of an alarm reads this text."""
    return "?" if found.created_time is None else f"{found.created_time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _is_done(output: Answer, policy: Policy, now: datetime) -> bool:
    """Whether an orchestration completed the day with the same filter, and no new look is due yet."""
    done = output.get("outcome") in {Outcome.COMPLETED, Outcome.ALREADY_COMPLETED}
    same = output.get("filterDigest") == policy.rules.filter_digest
    at = output.get("at")
    return done and same and not policy.looks_again(now, datetime.fromisoformat(at) if isinstance(at, str) else None)


class Shards:
    """The activities: each does some steps of a run, with the code of `run`; `count` and `send` do it for one shard.

    An answer holds figures and names its shard. An error is in it as `error`: `fan_out_app` puts there what is raised.
    """

    def __init__(self, policy: Policy, services: Services, progress: Progress) -> None:
        """Take what runs work with; each activity opens its own directory and storage."""
        self._policy = policy
        self._services = services
        self._progress = progress

    def prepare(self, given: Answer) -> Answer:
        """Record that the day's run has begun, and return its shards: several by prefixes, or one of all users."""
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
        """Decide by the sum of the counts whether everything that is owed is sent, or nothing.

        Where the shards do not prove to hold all users, it names one shard of all users, to be counted instead.
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
        """Send the notices that are owed in a shard, unless they are many more than were counted."""

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
        """Record the day's run, log its report, and delete old rows. What was sent is counted in the ledger."""
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
        """Put into the report the figures of each shard's last reading, and how many notices the ledger has as sent."""
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
        """Find what is owed in a shard, and do `work` with it; an error is in the answer."""
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
        except Exception as error:  # noqa: BLE001 (the answer has it)
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
        """Raise DueNoticesError where the settings have changed, the day is over, or the send window is closed."""
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
    """Return a shard's figures by its last reading, with `sent`: how many notices the ledger has as sent by this run.

    Of an attempt that broke off, the next one reads what was sent as already sent. This run sent it all the same, so it
    counts as owed and sent.
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
    """Return a report for the history, without what is zero or empty."""
    return {name: value for name, value in report.to_dict().items() if value}


def _errors(answers: Sequence[Answer]) -> str:
    """Return what went wrong, each sentence once."""
    return "; ".join(dict.fromkeys(answer["error"] for answer in answers if answer.get("error")))


def _part(answer: Answer) -> tuple[int, Sequence[str]]:
    return answer["shard"], answer["prefixes"]


def _mark(given: Answer) -> str:
    """Return the beginning that the ids of all claims of a day's run have in common."""
    return str(given["run"])[:12]


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _ended(report: RunReport) -> dict[str, Any]:
    """Return how a day ended, for the orchestration's output."""
    return {
        "outcome": report.outcome.value,
        "run": report.run_id,
        "at": _text(report.at),
        "filterDigest": report.filter_digest,
        "error": report.error,
    }
