"""Sends letters by e-mail, over any provider's SMTP server."""

from __future__ import annotations

import re
import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from typing import Any

import idna
from letters import Letter, Refused, to_first_address
from sender import SettingsError

PORTS = {"starttls": 587, "tls": 465, "none": 25}
SECONDS = 20  # for each answer of the server
# Answers to our commands, our login and our parameters; they would be the same for every customer.
ABOUT_THE_RELAY = {500, 501, 502, 503, 504, 530, 534, 535, 538, 555}
_ENHANCED_CODE = re.compile(r"5\.\d{1,3}\.\d{1,3}")


class _Policy(EmailPolicy):
    """Keeps List-Unsubscribe on one line as it is; long links would otherwise be encoded beyond recognition."""

    def fold(self, name: str, value: Any) -> str:
        if name.lower() == "list-unsubscribe":
            return f"{name}: {value}{self.linesep}"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower() == "list-unsubscribe":
            return self.fold(name, value).encode("ascii")
        return bytes(super().fold_binary(name, value))


@dataclass(frozen=True, slots=True)
class SmtpSender:
    """One connection for each letter: nothing to keep alive, nothing that half a letter could spoil."""

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    sender: Address
    unsubscribe: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> SmtpSender:
        """Read the settings. Raises SettingsError, which names all that is wrong."""
        security = environ.get("SMTP_SECURITY") or "starttls"
        port = environ.get("SMTP_PORT") or str(PORTS.get(security, ""))
        name, address = parseaddr(environ.get("MAIL_FROM", ""))
        local, _, domain = address.rpartition("@")
        unsubscribe = environ.get("MAIL_UNSUBSCRIBE", "")
        problems = [
            *([] if environ.get("SMTP_HOST") else ["SMTP_HOST is missing: the name of your mail server"]),
            *([] if security in PORTS else ["SMTP_SECURITY may be starttls, tls or none"]),
            *([] if port.isdecimal() else ["SMTP_PORT is not a number"]),
            *([] if local and domain else ["MAIL_FROM is missing: such as Example Ltd <billing@example.com>"]),
            *([] if not unsubscribe or _is_list_of_links(unsubscribe) else ["MAIL_UNSUBSCRIBE is not <link>, <link>"]),
        ]
        if problems:
            raise SettingsError("; ".join(problems))
        return cls(
            host=environ["SMTP_HOST"],
            port=int(port),
            security=security,
            user=environ.get("SMTP_USER", ""),
            password=environ.get("SMTP_PASSWORD", ""),
            sender=Address(name, local, domain),
            unsubscribe=unsubscribe,
        )

    def __call__(self, letter: Letter) -> None:
        """Hand over to the mail server. Raises Refused, or what smtplib raises where it may go well another time."""
        to_first_address(letter, lambda address: self._send(letter, address))

    def _send(self, letter: Letter, address: str) -> None:
        to = recipient(letter.name, address)
        mail = self.mail(letter, to)
        session = self._connect()
        try:
            session.send_message(mail, self.sender.addr_spec, [to.addr_spec])
        except smtplib.SMTPRecipientsRefused as error:
            ((code, reply),) = error.recipients.values()
            if refusal := _refusal(code, reply):
                raise refusal from error
            raise
        except smtplib.SMTPDataError as error:
            if refusal := _refusal(error.smtp_code, error.smtp_error):
                raise refusal from error
            raise
        finally:
            with suppress(smtplib.SMTPException, OSError):  # what was taken stays taken, however the connection ends
                session.quit()

    def _connect(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.security == "tls":
            session: smtplib.SMTP = smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=context)
        else:
            session = smtplib.SMTP(self.host, self.port, timeout=SECONDS)
        try:
            if self.security == "starttls":
                session.starttls(context=context)
            if self.user:
                session.login(self.user, self.password)
        except BaseException:
            session.close()
            raise
        return session

    def mail(self, letter: Letter, to: Address) -> EmailMessage:
        """Return the letter as an e-mail to one address."""
        mail = EmailMessage(policy=_Policy())
        mail["From"] = self.sender
        mail["To"] = to
        mail["Subject"] = letter.subject
        mail["Date"] = format_datetime(letter.at)
        mail["Message-ID"] = f"<{letter.key}@{self.sender.domain}>"  # the same for a repeat
        mail["Auto-Submitted"] = "auto-generated"  # no automatic answers, please (RFC 3834)
        if self.unsubscribe:
            mail["List-Unsubscribe"] = self.unsubscribe
        mail.set_content(letter.text, cte="quoted-printable")
        mail["Content-Language"] = letter.language  # set_content would clear it
        return mail


def recipient(name: str, address: str) -> Address:
    """Return the address for the To header. Raises Refused where its domain can be none.

    Built of its parts: the modern header classes misread what `formataddr` makes of some names, and refuse a local
    part beyond ASCII in `addr_spec`. The domain by UTS 46, which the standard library's codec does not know.
    """
    local, _, domain = address.rpartition("@")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError) as error:
        raise Refused("no valid domain") from error
    return Address(name, local, ascii_domain)


def _refusal(code: int, reply: bytes | str) -> Refused | None:
    """Return the refusal if this answer is about the customer and for good.

    The answer's text is not repeated: it has the address in it. A server that does not relay would refuse everybody.
    """
    text = reply.decode("ascii", "replace") if isinstance(reply, bytes) else reply
    if not 500 <= code <= 599 or code in ABOUT_THE_RELAY or "relay" in text.lower():  # noqa: PLR2004 (SMTP)
        return None
    enhanced = _ENHANCED_CODE.search(text)
    return Refused(f"{code} {enhanced[0]}" if enhanced else str(code))


def _is_list_of_links(text: str) -> bool:
    return re.fullmatch(r"<(mailto|https):[!-;=?-~]+>(, *<(mailto|https):[!-;=?-~]+>)*", text) is not None
