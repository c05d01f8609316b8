"""A real SMTP server for the tests: takes what it is sent, and answers as a test plans it."""

from __future__ import annotations

import email
import email.policy
import ssl
from email.message import EmailMessage, Message
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from local.certificates import HOST, Certificates

USER, PASSWORD = "relay-user", "made-up-password"


class MailServer:
    """Listens between enter and exit. `refusals` has the answer to each command, or to RCPT TO an address."""

    def __init__(self, certificates: Certificates | None = None, *, at_once: bool = False) -> None:
        """Take the certificates for TLS: by STARTTLS and a login, or `at_once`."""
        self.refusals: dict[str, str] = {}
        self.envelopes: list[Envelope] = []
        self.sessions: list[Session] = []
        options: dict[str, Any] = {"enable_SMTPUTF8": True, "hostname": HOST, "port": 0}
        if certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificates.chain, certificates.key)
            login = {"require_starttls": True, "auth_required": True, "authenticator": _authenticate}
            options |= {"ssl_context": context} if at_once else {"tls_context": context, **login}
        self._controller = _Controller(self, **options)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()

    @property
    def environ(self) -> dict[str, str]:
        """The consumer's settings that name this server."""
        return {
            "SENDER": "smtp",
            "SMTP_HOST": HOST,
            "SMTP_PORT": str(self._controller.port),
            "SMTP_SECURITY": "none",
            "MAIL_FROM": "Example Ltd <billing@example.com>",
        }

    @property
    def mails(self) -> list[EmailMessage]:
        """What came, as a modern mail program reads it."""
        return [email.message_from_bytes(self._raw(each), policy=email.policy.default) for each in self.envelopes]

    @property
    def plain_mails(self) -> list[Message]:
        """What came, its headers as they were on the wire."""
        return [email.message_from_bytes(self._raw(each)) for each in self.envelopes]

    @staticmethod
    def _raw(envelope: Envelope) -> bytes:
        assert isinstance(envelope.content, bytes)
        return envelope.content

    async def handle_MAIL(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        """Answer MAIL FROM."""
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self.refusals.get("MAIL", "250 OK")

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, options: list[str]) -> str:  # noqa: N802
        """Answer RCPT TO."""
        assert options == []
        answer = self.refusals.get(address) or self.refusals.get("RCPT", "250 OK")
        if answer.startswith("2"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, _: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Answer the end of DATA."""
        answer = self.refusals.get("DATA", "250 OK")
        if answer.startswith("2"):
            self.envelopes.append(envelope)
            self.sessions.append(session)
        return answer

    async def handle_QUIT(self, server: SMTP, _: Session, __: Envelope) -> str:  # noqa: N802
        """Answer QUIT, or hang up."""
        answer = self.refusals.get("QUIT", "221 Bye")
        if answer == "hang up":
            transport: Any = server.transport
            transport.abort()
        return answer


class _Controller(Controller):
    """Its own look at itself wants a fixed port; this one takes any free one."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        self.port = server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]


def _authenticate(_: SMTP, __: Session, ___: Envelope, ____: str, data: LoginPassword) -> AuthResult:
    return AuthResult(success=data == LoginPassword(USER.encode(), PASSWORD.encode()), handled=False)
