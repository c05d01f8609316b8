"""The functions of an app with SCALE_OUT: the timer that starts the day, its orchestrator, and the activities.

This module has only triggers and bindings; what they do is in `fan_out`. Without SCALE_OUT it is not loaded. The
functions import the program themselves: an error at the app's start would leave an app without functions, and no log.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.durable_functions as df
import azure.functions as func

blueprint = df.Blueprint()
_logger = logging.getLogger("due_notices")

REMEMBERED = timedelta(days=30)  # for which the histories of orchestrations are kept
_EVER = datetime(2020, 1, 1, tzinfo=UTC)  # before any orchestration: purging needs a first moment


@blueprint.timer_trigger(schedule="%NOTICE_SCHEDULE%", arg_name="timer", run_on_startup=False, use_monitor=True)
@blueprint.durable_client_input(client_name="client")
async def due_notices(timer: func.TimerRequest, client: Any) -> None:
    """Start the day's orchestration unless it is at work or done.

    The worker awaits what a function with a durable client returns: a plain `def` would run to its end and then fail.
    An `async def` loses the log lines of what it does in a thread, so this one starts the day and does no work itself.
    """
    if timer.past_due:
        _logger.info("this tick is late: the host was down when it was due")
    failure = None
    try:
        from due_notices import bootstrap
        from due_notices.fan_out import start_day
        from due_notices.services import LogProgress

        settings, services = bootstrap.app()
        started = await start_day(
            client, settings.policy, settings.scale_out, bootstrap.app_name(), services.clock, LogProgress()
        )
        if started:
            await _forget(client, services.clock.now() - REMEMBERED)
    except Exception as error:  # noqa: BLE001 (the last resort)
        failure = _said(error)
    if failure is not None:  # raised out here, it has neither cause nor context for the host to log
        raise RuntimeError(failure)


@blueprint.orchestration_trigger(context_name="context")
def due_notices_day(context: df.DurableOrchestrationContext) -> Any:
    """Do a day in shards."""
    from due_notices.fan_out import whole_day

    return (yield from whole_day(context))


def _activity(step: str) -> None:
    """Register an activity that calls the method of `Shards` with this name.

    It is a plain `def`: the worker runs it in a thread of its own, whose log lines stay with the invocation. It answers
    with an error instead of raising it: the history would keep the texts of an exception and of its causes unencrypted.
    """

    def do(given: dict) -> dict:
        try:
            from due_notices import bootstrap
            from due_notices.fan_out import Shards
            from due_notices.services import LogProgress

            settings, services = bootstrap.app()
            answer: dict[str, Any] = getattr(Shards(settings.policy, services, LogProgress()), step)(given)
        except Exception as error:  # noqa: BLE001 (the last resort)
            part: dict[str, Any] = {name: given[name] for name in ("shard", "prefixes") if name in given}
            return {**part, "outcome": "failed", "error": _said(error)}
        return answer

    do.__name__ = f"due_notices_{step}"
    blueprint.activity_trigger(input_name="given")(do)


for _step in ("prepare", "count", "judge", "send", "record"):
    _activity(_step)


async def _forget(client: Any, before: datetime) -> None:
    """Delete the histories of old orchestrations; where that fails, the next day's start tries again."""
    status = df.OrchestrationRuntimeStatus
    try:
        await client.purge_instance_history_by(_EVER, before, [status.Completed, status.Failed, status.Terminated])
    except Exception as error:  # noqa: BLE001 (the day has begun, and that counts)
        _logger.warning("the histories of orchestrations from before %s were not deleted: %s", before, _said(error))


def _said(error: Exception) -> str:
    """Log an error in one line and return the line. No stack is logged: it holds the texts of all causes."""
    from due_notices.errors import sentence_of

    said = sentence_of(error)
    _logger.error("%s", said)
    return said
