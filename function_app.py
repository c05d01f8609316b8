"""The Azure Functions entry: an hourly timer that runs Due Notices. Importing it builds nothing."""

from __future__ import annotations

import logging
import os

import azure.functions as func

app = func.FunctionApp()
_logger = logging.getLogger("due_notices")


def due_notices(timer: func.TimerRequest) -> None:
    """Send what is owed now; raise, so that the invocation counts as failed, unless all is well."""
    if timer.past_due:
        _logger.info("this tick is late: the host was down when it was due")
    try:
        from due_notices import bootstrap
        from due_notices.run import send_due_notices
        from due_notices.services import LogProgress

        report = send_due_notices(*bootstrap.for_whole_runs(), LogProgress())
        failure = None if report.ok else f"the run ended as {report.outcome}: {report.error}"
    except Exception as error:  # noqa: BLE001 (the last resort)
        from due_notices.errors import sentence_of

        failure = sentence_of(error)
        _logger.error("%s", failure)  # noqa: TRY400 (a stack holds the texts of causes, whatever they say)
    if failure is not None:  # raised out here, it has neither cause nor context for the host to log
        raise RuntimeError(failure)


def _scale_out_functions() -> func.FunctionRegister | None:
    """Return the functions for SCALE_OUT; None where it is off, or where they cannot be loaded (each tick says so)."""
    if not os.environ.get("SCALE_OUT", "").strip().strip("0"):  # noqa: TID251 (to load the program for it would slow a start)
        return None
    try:
        from due_notices.fan_out_app import blueprint
    except ImportError:
        return None
    functions: func.FunctionRegister = blueprint
    return functions


if (_functions := _scale_out_functions()) is not None:
    app.register_functions(_functions)
else:
    app.timer_trigger("timer", "%NOTICE_SCHEDULE%", run_on_startup=False, use_monitor=True)(due_notices)
