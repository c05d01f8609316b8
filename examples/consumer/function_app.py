"""A consumer as an Azure Functions queue trigger: the host polls, decodes base64, retries, and moves poison away."""

from __future__ import annotations

import functools
import logging
import os

import azure.functions as func

app = func.FunctionApp()
_logger = logging.getLogger("consumer")


@functools.cache
def _seen():  # type: ignore[no-untyped-def] # noqa: ANN202 (naming the type would import it)
    """Open the table of seen ids: by connection string, or by its endpoint and the app's identity."""
    from azure.data.tables import TableClient
    from seen_table import SeenTable

    name = os.environ.get("SEEN_TABLE", "seennotices")
    connection_string = os.environ.get("SEEN_STORAGE")
    if connection_string:
        return SeenTable(TableClient.from_connection_string(connection_string, name))
    from azure.identity import DefaultAzureCredential

    endpoint = os.environ["SEEN_STORAGE__tableServiceUri"]  # noqa: SIM112 (Azure's own spelling)
    return SeenTable(TableClient(endpoint, name, credential=DefaultAzureCredential()))


@app.queue_trigger(arg_name="message", queue_name="%NOTICE_QUEUE%", connection="NOTICE_STORAGE")
def remind(message: func.QueueMessage) -> None:
    """Tell one customer. An error lets the message come again; the fifth sends it to the poison queue."""
    from notices import handle, utc_now
    from sender import deliver

    handle(message.get_body(), seen=_seen(), deliver=deliver, now=utc_now())


@app.timer_trigger(schedule="0 30 3 * * *", arg_name="timer", run_on_startup=False)
def forget(timer: func.TimerRequest) -> None:
    """Forget, once a day, the ids of notices that have expired."""
    del timer
    from notices import utc_now

    _logger.info("forgot %s ids", _seen().forget_expired(utc_now()))
