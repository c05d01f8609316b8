"""The Azure Functions entry: an hourly timer that runs Due Notices. Importing it builds nothing."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING

import azure.functions as func

if TYPE_CHECKING:
    from due_notices.policy import Policy
    from due_notices.services import Services

app = func.FunctionApp()
_logger = logging.getLogger("due_notices")


@functools.cache
def _parts() -> tuple[Policy, Services]:
    from due_notices import bootstrap

    settings = bootstrap.load_settings()
    return settings.policy, bootstrap.build_services(settings)


@app.timer_trigger(schedule="%NOTICE_SCHEDULE%", arg_name="timer", run_on_startup=False, use_monitor=True)
def due_notices(timer: func.TimerRequest) -> None:
    """Send what is owed now; raise, so that the invocation counts as failed, unless all is well."""
    if timer.past_due:
        _logger.info("this tick is late: the host was down when it was due")
    try:
        from due_notices.run import send_due_notices
        from due_notices.services import LogProgress

        report = send_due_notices(*_parts(), LogProgress())
        failure = None if report.ok else f"the run ended as {report.outcome}: {report.error}"
    except Exception as error:  # noqa: BLE001 (the last border)
        from due_notices.errors import sentence_of

        failure = sentence_of(error)
        _logger.error("%s", failure)  # noqa: TRY400 (a stack holds the texts of causes, whatever they say)
    if failure is not None:  # raised out here, it has neither cause nor context for the host to log
        raise RuntimeError(failure)
