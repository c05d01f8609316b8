"""Letters over Azure Communication Services: the real client, a service of our own behind TLS."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

from local.certificates import issue_certificates
from local.faults import Fault
from local.tls_server import Server, bound_socket, url_of
from tests.consumer.communication import KEY, CommunicationService
from tests.consumer.conftest import event, letter

import sender_communication  # isort: skip (from the example's folder)
from letters import Letter, Refused  # isort: skip
from sender import SettingsError, sender  # isort: skip


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[CommunicationService, str]]:
    certificates = issue_certificates(tmp_path_factory.mktemp("certificates"))
    with bound_socket() as listener:
        service = CommunicationService(url_of(listener))
        server = Server({listener: service}, certificates)
        server.start()
        yield service, str(certificates.authority)
        server.stop()


@pytest.fixture
def service(running: tuple[CommunicationService, str], monkeypatch: pytest.MonkeyPatch) -> CommunicationService:
    found, authority = running
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority)
    monkeypatch.setitem(sender_communication.LIMITS, "polling_interval", 0.01)
    found.reset()
    found.sent.clear()
    found.dropped.clear()
    found.statuses[:] = ["Running", "Succeeded"]
    return found


def send(service: CommunicationService, what: Letter, key: str = KEY, **settings: str) -> None:
    environ = {
        "SENDER": "communication",
        "COMMUNICATION_CONNECTION": f"endpoint={service.base_url};accesskey={key}",
        "MAIL_FROM": "billing@example.com",
    }
    sender(environ | settings)(what)


def test_a_letter_arrives_as_it_was_written(service: CommunicationService) -> None:
    what = letter(event(), event(reference="INV-2"))

    send(service, what, MAIL_UNSUBSCRIBE="<mailto:stop@example.com>")

    (message,) = service.sent.values()
    assert message == {
        "senderAddress": "billing@example.com",
        "recipients": {"to": [{"address": "alice@example.com", "displayName": "Alice Abel"}]},
        "content": {"subject": what.subject, "plainText": what.text},
        "headers": {"Auto-Submitted": "auto-generated", "List-Unsubscribe": "<mailto:stop@example.com>"},
    }


def test_a_repeat_of_the_same_letter_is_the_same_operation_and_another_letter_is_not(
    service: CommunicationService,
) -> None:
    for what in (letter(size=3), letter(size=4), letter(reference="INV-2", size=3)):
        send(service, what)

    assert len(service.sent) == 2
    assert all(uuid.UUID(identifier) for identifier in service.sent)
    assert sum(request.method == "POST" for request in service.requests) == 3


def test_a_verdict_that_takes_long_is_not_waited_for(
    service: CommunicationService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender_communication, "SECONDS", 0)
    service.statuses[:] = ["Running"] * 3 + ["Succeeded"]

    send(service, letter())

    assert len(service.sent) == 1


@pytest.mark.parametrize("code", ["EmailDropped", "EmailDroppedAllRecipientsSuppressed"])
def test_an_address_that_is_dropped_is_refused_for_good_and_the_next_one_tried(
    service: CommunicationService, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    service.dropped["alice@example.com"] = code

    send(service, letter(other_emails=("alice@example.org",)))
    with pytest.raises(Refused, match=f"^email {code}$"):
        send(service, letter())

    assert len(service.sent) == 2
    assert "email of user" in caplog.text
    assert "alice@" not in caplog.text


def test_another_end_of_an_operation_is_a_failure_for_now(service: CommunicationService) -> None:
    service.dropped["alice@example.com"] = "InternalError"

    with pytest.raises(HttpResponseError):
        send(service, letter())


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_a_refused_request_is_a_failure_for_now(service: CommunicationService, status: int) -> None:
    service.faults.add(Fault(path="/emails:send", status=status, headers={"retry-after": "3600"}))

    with pytest.raises(HttpResponseError) as refused:
        send(service, letter())

    assert refused.value.status_code == status
    assert len(service.requests) == 1


def test_a_wrong_key_is_a_failure_for_now_and_is_not_shown(service: CommunicationService) -> None:
    with pytest.raises(HttpResponseError) as refused:
        send(service, letter(), key="d3Jvbmc=")

    assert refused.value.status_code == 401
    assert "d3Jvbmc=" not in str(refused.value)


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    service: CommunicationService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")

    with pytest.raises(ServiceRequestError):
        send(service, letter())


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({"MAIL_FROM": ""}, ["COMMUNICATION_ENDPOINT", "MAIL_FROM"]),
        ({"MAIL_FROM": "Example <billing@example.com>"}, ["MAIL_FROM"]),
        ({"COMMUNICATION_CONNECTION": "accesskey=c2VjcmV0", "MAIL_FROM": "a@b.example"}, ["COMMUNICATION_CONNECTION"]),
    ],
)
def test_wrong_settings_are_named_and_not_repeated(settings: dict[str, str], names: list[str]) -> None:
    with pytest.raises(SettingsError) as wrong:
        sender({"SENDER": "communication"} | settings)

    assert all(name in str(wrong.value) for name in names)
    assert "c2VjcmV0" not in str(wrong.value)
