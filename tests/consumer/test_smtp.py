"""Letters over a real SMTP server."""

from __future__ import annotations

import email.header
import email.utils
import smtplib
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from local.certificates import Certificates, issue_certificates
from tests.consumer.conftest import NOW, event, letter
from tests.consumer.mail_server import PASSWORD, USER, MailServer

from letters import Letter, Refused  # isort: skip (from the example's folder)
from sender import SettingsError, sender  # isort: skip

LINK = "https://example.com/stop?" + "long=" * 60 + "%C3%A4&user=%7Bid%7D"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as running:
        yield running


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return issue_certificates(tmp_path_factory.mktemp("certificates"))


def send(server: MailServer, what: Letter, **settings: str) -> None:
    sender(server.environ | settings)(what)


def test_a_letter_arrives_as_it_was_written(server: MailServer) -> None:
    what = letter(event(), event(reference="RÉF-2", amount="1234.5"), at=NOW)

    send(server, what)

    (envelope,), (mail,) = server.envelopes, server.mails
    assert (envelope.mail_from, envelope.rcpt_tos) == ("billing@example.com", ["alice@example.com"])
    assert mail["From"] == "Example Ltd <billing@example.com>"
    assert mail["To"] == "Alice Abel <alice@example.com>"
    assert mail["Subject"] == what.subject
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "en"
    assert mail["Message-ID"] == f"<{what.key}@example.com>"
    assert mail["Date"].datetime == NOW
    assert mail.get_content().replace("\r\n", "\n") == what.text
    assert "List-Unsubscribe" not in mail


def test_a_repeat_has_the_same_message_id(server: MailServer) -> None:
    for _ in range(2):
        send(server, letter())

    assert len({mail["Message-ID"] for mail in server.mails}) == 1


NAMES = [
    "Alice Abel",
    "Ünal, Çağla (Şirket A.Ş.)",
    "Müller & Söhne <GmbH>",
    'Jean "le Grand" Dupont, père',
    "กัญญารัตน์ ทองคำสุขสวัสดิ์ประเสริฐวงศ์ไพบูลย์",
    "Παπαδοπούλου-Κωνσταντινίδου Αικατερίνη-Αλεξάνδρα",
    "Александра Константиновна Преображенская-Воскресенская",
    "عمر عبد العزيز بن محمد",
    "山田 太郎",
    "Ada; Bob, Carla: x@y.example",
    "A" * 200,
]


@pytest.mark.parametrize("name", NAMES)
def test_every_name_reads_back_as_it_is(server: MailServer, name: str) -> None:
    send(server, letter(display_name=name))

    (plain,) = server.plain_mails
    # As most mail programs do: take the header apart first, then decode. The modern policy puts blanks in long names.
    encoded, address = email.utils.parseaddr(" ".join(str(plain["To"]).split()))
    assert str(email.header.make_header(email.header.decode_header(encoded))) == name
    assert address == "alice@example.com"
    assert server.envelopes[0].rcpt_tos == ["alice@example.com"]


def test_no_name_adds_a_header_or_a_recipient(server: MailServer) -> None:
    hostile = event()
    hostile["data"]["customer"]["displayName"] = "Ada\r\nBcc: eve@example.com\r\n\r\n<h1>"
    hostile["data"]["obligation"]["reference"] = "INV\r\nBcc: eve@example.com"

    send(server, letter(hostile))

    assert server.mails[0]["Bcc"] is None
    assert server.envelopes[0].rcpt_tos == ["alice@example.com"]


@pytest.mark.parametrize(
    ("address", "on_the_wire"),
    [
        ("alice@bücher.example", "alice@xn--bcher-kva.example"),
        ("alice@straße.example", "alice@xn--strae-oqa.example"),  # the standard library's codec makes strasse of it
        ("alice@BÜCHER。example", "alice@xn--bcher-kva.example"),
        ("jörg@example.com", "jörg@example.com"),
        ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
        ("o'brien+tag@example.com", "o'brien+tag@example.com"),
    ],
)
def test_addresses_beyond_ascii_arrive(server: MailServer, address: str, on_the_wire: str) -> None:
    send(server, letter(email=address))

    assert server.envelopes[0].rcpt_tos == [on_the_wire]


@pytest.mark.parametrize(
    "address", ["alice@-.example", "alice@ex..example", "alice@a b.example", "alice@\u200d.example"]
)
def test_a_domain_that_can_be_none_is_refused_for_good(server: MailServer, address: str) -> None:
    with pytest.raises(Refused, match="email no valid domain"):
        send(server, letter(email=address))


@pytest.mark.parametrize("links", ["<mailto:stop@example.com>", f"<mailto:stop@example.com>, <{LINK}>"])
def test_the_way_to_unsubscribe_is_on_one_line(server: MailServer, links: str) -> None:
    send(server, letter(), MAIL_UNSUBSCRIBE=links)

    raw = server.envelopes[0].content
    assert isinstance(raw, bytes)
    assert f"\r\nList-Unsubscribe: {links}\r\n".encode() in raw
    assert max(map(len, raw.split(b"\r\n"))) <= 998


FOR_GOOD = {
    "550 5.1.1 <alice@example.com> no such user": "550 5.1.1",
    "550 No such user here": "550",
    "551 5.7.1 User not local": "551 5.7.1",
    "552 5.2.2 Mailbox full": "552 5.2.2",
    "553 5.1.3 Mailbox name not allowed": "553 5.1.3",
    "554 5.7.1 Rejected by policy": "554 5.7.1",
    "556 5.1.10 Domain does not accept mail": "556 5.1.10",
}
FOR_NOW = [
    *("421 4.3.2 Shutting down", "450 4.2.1 Greylisted", "451 4.3.0 Local error", "452 4.5.3 Too many recipients"),
    *("500 5.5.2 Syntax error", "501 5.5.4 Malformed parameter", "502 5.5.1 Not implemented", "503 5.5.1 Bad sequence"),
    *("504 5.5.4 Parameter not implemented", "530 5.7.0 Authentication required", "535 5.7.8 Authentication failed"),
    *("555 5.5.4 Parameters not recognized", "554 5.7.1 <alice@example.com>: Relay access denied"),
    *("550 5.7.54 Unable to relay recipient in non-accepted domain", "550 relay not permitted"),
]


@pytest.mark.parametrize("where", ["RCPT", "DATA"])
@pytest.mark.parametrize(("answer", "reported"), FOR_GOOD.items())
def test_a_refusal_of_the_recipient_or_the_letter_is_for_good_and_reported_by_its_code(
    server: MailServer, where: str, answer: str, reported: str
) -> None:
    server.refusals[where] = answer

    with pytest.raises(Refused) as refused:
        send(server, letter())

    assert str(refused.value) == f"email {reported}"


@pytest.mark.parametrize("where", ["RCPT", "DATA"])
@pytest.mark.parametrize("answer", FOR_NOW)
def test_any_other_refusal_is_for_now(server: MailServer, where: str, answer: str) -> None:
    server.refusals[where] = answer

    with pytest.raises(smtplib.SMTPException):
        send(server, letter())


@pytest.mark.parametrize("answer", [*FOR_GOOD, *FOR_NOW])
def test_whatever_is_said_to_the_sender_is_the_relays_matter(server: MailServer, answer: str) -> None:
    server.refusals["MAIL"] = answer

    with pytest.raises(smtplib.SMTPException):
        send(server, letter())


def test_the_next_address_is_tried_where_one_is_refused(server: MailServer, caplog: pytest.LogCaptureFixture) -> None:
    server.refusals["alice@example.com"] = "550 5.1.1 no such user"

    send(server, letter(other_emails=("alice@example.org",)))

    assert [envelope.rcpt_tos for envelope in server.envelopes] == [["alice@example.org"]]
    assert "email of user" in caplog.text
    assert "550 5.1.1" in caplog.text
    assert "alice@" not in caplog.text


def test_an_address_that_is_refused_for_now_is_waited_for_and_no_other_is_tried(server: MailServer) -> None:
    server.refusals["alice@example.com"] = "450 4.2.1 Greylisted"

    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(server, letter(other_emails=("alice@example.org",)))

    assert server.envelopes == []


@pytest.mark.parametrize("goodbye", ["421 4.3.2 Shutting down", "500 What?", "hang up"])
def test_a_letter_that_was_accepted_counts_whatever_the_answer_to_quit(server: MailServer, goodbye: str) -> None:
    server.refusals["QUIT"] = goodbye

    send(server, letter())

    assert len(server.envelopes) == 1


def test_without_an_address_the_customer_cannot_be_reached(server: MailServer) -> None:
    with pytest.raises(Refused, match="no e-mail address"):
        send(server, letter(email=None))


LOGIN = {"SMTP_USER": USER, "SMTP_PASSWORD": PASSWORD}


def test_it_logs_in_behind_starttls(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    with MailServer(certificates) as server:
        send(server, letter(), SMTP_SECURITY="starttls", **LOGIN)

        assert len(server.envelopes) == 1
        with pytest.raises(smtplib.SMTPAuthenticationError):
            send(server, letter(), SMTP_SECURITY="starttls", SMTP_USER=USER, SMTP_PASSWORD="wrong")
        with pytest.raises(smtplib.SMTPSenderRefused):
            send(server, letter(), SMTP_SECURITY="starttls")


def test_it_speaks_tls_from_the_first_byte(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.authority))
    with MailServer(certificates, at_once=True) as server:
        send(server, letter(), SMTP_SECURITY="tls")

        assert len(server.envelopes) == 1


@pytest.mark.parametrize(("security", "at_once"), [("starttls", False), ("tls", True)])
def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    certificates: Certificates, *, security: str, at_once: bool
) -> None:
    with MailServer(certificates, at_once=at_once) as server, pytest.raises(ssl.SSLCertVerificationError):
        send(server, letter(), SMTP_SECURITY=security, **LOGIN)


def test_a_server_without_starttls_gets_no_password(server: MailServer) -> None:
    with pytest.raises(smtplib.SMTPNotSupportedError):
        send(server, letter(), SMTP_SECURITY="starttls", **LOGIN)


def test_a_server_that_is_away_is_a_failure_for_now() -> None:
    with pytest.raises(OSError, match="refused"):
        sender({**RIGHT, "SMTP_HOST": "127.0.0.1", "SMTP_PORT": "1"})(letter())


RIGHT = {"SENDER": "smtp", "SMTP_HOST": "mail.example.com", "MAIL_FROM": "billing@example.com"}


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"SMTP_HOST": "", "MAIL_FROM": ""}, ["SMTP_HOST", "MAIL_FROM"]),
        ({"SMTP_SECURITY": "ssl"}, ["SMTP_SECURITY"]),
        ({"SMTP_PORT": "smtp"}, ["SMTP_PORT"]),
        ({"MAIL_FROM": "billing"}, ["MAIL_FROM"]),
        ({"MAIL_UNSUBSCRIBE": "https://example.com"}, ["MAIL_UNSUBSCRIBE"]),
        ({"MAIL_UNSUBSCRIBE": "<https://example.com>\r\nBcc: x"}, ["MAIL_UNSUBSCRIBE"]),
        ({"SENDER": "pigeon"}, ["SENDER"]),
    ],
)
def test_wrong_settings_are_named_all_at_once(changes: dict[str, str], names: list[str]) -> None:
    with pytest.raises(SettingsError) as wrong:
        sender(RIGHT | changes)

    assert all(name in str(wrong.value) for name in names)


def test_the_password_is_not_shown() -> None:
    assert PASSWORD not in repr(sender(RIGHT | LOGIN))


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_each_way_has_its_usual_port(security: str, port: int) -> None:
    found: Any = sender(RIGHT | {"SMTP_SECURITY": security})

    assert found.port == port


def test_the_sender_that_only_logs_reaches_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    sender({})(letter())

    assert "would go to user" in caplog.text
    assert "alice@" not in caplog.text
    with pytest.raises(Refused):
        sender({"SENDER": "log"})(letter(email=None))
