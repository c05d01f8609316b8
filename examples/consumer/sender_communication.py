"""Sends letters by e-mail, over Azure Communication Services."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from azure.communication.email import EmailClient
from azure.core.exceptions import HttpResponseError
from letters import Letter, Refused, to_first_address
from sender import SettingsError

SECONDS = 60  # for the service's verdict; it has the letter already then
# No retries of its own: the SDK would wait as long as a throttled service asks for, be it an hour. Letters come again.
LIMITS: Any = {"connection_timeout": 5, "read_timeout": 20, "retry_total": 0, "polling_interval": 2}


class CommunicationSender:
    """Needs a resource with a verified domain, and an address of that domain as sender."""

    def __init__(self, client: EmailClient, sender: str, unsubscribe: str = "") -> None:
        """Take an open client."""
        self._client = client
        self._sender = sender
        self._headers = {"Auto-Submitted": "auto-generated"} | (
            {"List-Unsubscribe": unsubscribe} if unsubscribe else {}
        )

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> CommunicationSender:
        """Read the settings: a connection string, or an endpoint and one's own identity. Raises SettingsError."""
        connection_string = environ.get("COMMUNICATION_CONNECTION")
        endpoint = environ.get("COMMUNICATION_ENDPOINT")
        sender = environ.get("MAIL_FROM", "")
        problems = [
            *([] if connection_string or endpoint else ["COMMUNICATION_ENDPOINT is missing: https://<resource>…"]),
            *([] if "@" in sender and "<" not in sender else ["MAIL_FROM is missing: the bare address of the sender"]),
        ]
        if problems:
            raise SettingsError("; ".join(problems))
        unsubscribe = environ.get("MAIL_UNSUBSCRIBE", "")
        if connection_string:
            try:
                return cls(EmailClient.from_connection_string(connection_string, **LIMITS), sender, unsubscribe)
            except ValueError:  # whose text may hold a part of the setting
                raise SettingsError("COMMUNICATION_CONNECTION is malformed: copy it again from the resource") from None
        from azure.identity import DefaultAzureCredential

        return cls(EmailClient(str(endpoint), DefaultAzureCredential(), **LIMITS), sender, unsubscribe)

    def __call__(self, letter: Letter) -> None:
        """Hand over to the service. Raises Refused, or what the SDK raises where it may go well another time."""
        to_first_address(letter, lambda address: self._send(letter, address))

    def _send(self, letter: Letter, address: str) -> None:
        message: Any = {
            "senderAddress": self._sender,
            "recipients": {"to": [{"address": address, "displayName": letter.name or address}]},
            "content": {"subject": letter.subject, "plainText": letter.text},
            "headers": self._headers,
        }
        # The service does one operation once, however often it is asked for.
        operation = uuid.uuid5(uuid.UUID(letter.key), address)
        try:
            poller = self._client.begin_send(message, operation_id=str(operation))
            poller.wait(SECONDS)
            if poller.done():
                poller.result()
        except HttpResponseError as error:
            code = error.error.code if error.error else None
            if code and code.startswith("EmailDropped"):  # the address bounced before, or did now
                raise Refused(code) from error
            raise
