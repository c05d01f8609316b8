"""A consumer as an Azure Functions app: a queue trigger keeps what comes, a timer hands over the letters.

The host polls, decodes base64, tries again, and moves away what cannot be read.
"""

from __future__ import annotations

import functools
import logging
import os

import azure.functions as func

app = func.FunctionApp()
logging.getLogger("azure").setLevel(logging.WARNING)  # else two records for every request
_logger = logging.getLogger("consumer")


@functools.cache
def _store():  # type: ignore[no-untyped-def] # noqa: ANN202 (naming the type would import it)
    """Open the table of notices: by connection string, or by its endpoint and the app's identity."""
    from azure.data.tables import TableClient
    from store_table import TableStore

    name = os.environ.get("LETTER_TABLE") or "letters"
    connection_string = os.environ.get("LETTER_STORAGE")
    if connection_string:
        return TableStore(TableClient.from_connection_string(connection_string, name))
    from azure.identity import DefaultAzureCredential

    endpoint = os.environ["LETTER_STORAGE__tableServiceUri"]  # noqa: SIM112 (Azure's own spelling)
    return TableStore(TableClient(endpoint, name, credential=DefaultAzureCredential()))


@app.queue_trigger(arg_name="message", queue_name="%NOTICE_QUEUE%", connection="NOTICE_STORAGE")
def keep(message: func.QueueMessage) -> None:
    """Keep one notice. An error lets the message come again; the fifth sends it to the poison queue."""
    from notices import utc_now
    from post import receive

    receive(message.get_body(), _store(), utc_now())


@app.timer_trigger(schedule="0 * * * * *", arg_name="timer", run_on_startup=False)
def send(timer: func.TimerRequest) -> None:
    """Hand over, every minute, the letters that are ready."""
    del timer
    from post import post
    from queues import open_queue, to_poison
    from sender import language, sender

    poison = to_poison(open_queue(f"{os.environ['NOTICE_QUEUE']}-poison", os.environ))
    post(_store(), sender(os.environ), poison, language=language(os.environ))


@app.timer_trigger(schedule="0 30 3 * * *", arg_name="timer", run_on_startup=False)
def forget(timer: func.TimerRequest) -> None:
    """Forget, once a day, the ids of notices that can come no more."""
    del timer
    from notices import utc_now
    from post import REMEMBERED

    _logger.info("forgot %s ids", _store().forget(utc_now() - REMEMBERED))
