"""Whom the connections trust, and what is said where they do not."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from due_notices import bootstrap
from due_notices.adapters.connections import distrusted, is_loopback, ssl_context
from due_notices.adapters.key_vault import KeyVault
from due_notices.errors import DueNoticesError
from due_notices.settings import Settings
from local.certificates import issue_certificates
from local.stack import LocalStack
from tests.fakes import MovableClock

VARIABLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")


def with_trust(monkeypatch: pytest.MonkeyPatch, variable: str | None, path: Path) -> None:
    for name in (*VARIABLES, "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv(variable, str(path))


@pytest.mark.parametrize("variable", VARIABLES)
def test_either_variable_serves_identity_vault_login_and_graph(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with_trust(monkeypatch, variable, stack.certificates.authority)
    settings = Settings.from_mapping(stack.environ)

    assert list(bootstrap.build_services(settings, MovableClock()).open_directory().pages())


@pytest.mark.parametrize("variable", [*VARIABLES, None])
def test_a_certificate_that_is_not_trusted_is_named_with_its_reason_and_both_variables(
    stack: LocalStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str | None
) -> None:
    with_trust(monkeypatch, variable, issue_certificates(tmp_path).authority)
    stack.federate()
    settings = Settings.from_mapping({**stack.environ, "GRAPH_CREDENTIAL": "federated"})

    with pytest.raises(DueNoticesError) as refused:
        list(bootstrap.build_services(settings, MovableClock()).open_directory().pages())

    text = str(refused.value)
    assert "certificate is not trusted" in text
    assert all(name in text for name in VARIABLES)
    assert "firewall and the network" not in text


def test_a_bundle_that_is_not_there_is_named(stack: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    with_trust(monkeypatch, "REQUESTS_CA_BUNDLE", Path("/nowhere/bundle.pem"))
    stack.federate()
    settings = Settings.from_mapping({**stack.environ, "GRAPH_CREDENTIAL": "federated"})

    with pytest.raises(DueNoticesError, match="REQUESTS_CA_BUNDLE or SSL_CERT_FILE names no file"):
        list(bootstrap.build_services(settings, MovableClock()).open_directory().pages())


def issued(*, critical: bool, folder: Path) -> tuple[Path, Path, Path]:
    """Write an authority, whose basic constraints are critical or not, and a server certificate from it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "made-up authority")])
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    key, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begin, end = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2036, 1, 1, tzinfo=dt.UTC)

    def builder(subject: x509.Name, public: Any) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(name).public_key(public)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)
        made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        return made.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)

    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    authority = (
        builder(name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=critical)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    leaf = builder(own, server.public_key()).add_extension(address, critical=False).sign(key, hashes.SHA256())
    files = folder / "authority.pem", folder / "server.pem", folder / "server.key"
    files[0].write_bytes(authority.public_bytes(Encoding.PEM))
    files[1].write_bytes(leaf.public_bytes(Encoding.PEM))
    files[2].write_bytes(server.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def handshake(chain: Path, key: Path, client: ssl.SSLContext) -> BaseException | None:
    """Shake hands in memory; return what the client raises."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(chain, key)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(8):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError as error:
                return error if side is ours else None
    return None


def test_an_authority_that_python_refuses_is_named_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    authority, chain, key = issued(critical=False, folder=tmp_path)
    with_trust(monkeypatch, "SSL_CERT_FILE", authority)
    context = ssl_context("https://127.0.0.1")
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # as by default from Python 3.13 on

    error = handshake(chain, key, context)

    assert error is not None
    assert "Basic Constraints" in distrusted(RuntimeError("wrapped", error))


def test_a_good_authority_is_trusted_by_either_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority, chain, key = issued(critical=True, folder=tmp_path)
    for variable in VARIABLES:
        with_trust(monkeypatch, variable, authority)
        assert handshake(chain, key, ssl_context("https://127.0.0.1")) is None


def test_a_failure_other_than_distrust_is_not_reported_as_distrust() -> None:
    assert distrusted(ConnectionResetError("peer")) == ""


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("https://127.0.0.1:8443", True),
        ("https://[::1]:1", True),
        ("https://localhost:1", True),
        ("https://v.vault.azure.net", False),
        ("https://v.vault.azure.com", False),
        ("https://10.0.0.4", False),
        ("https://localhost.example.com", False),
    ],
)
def test_the_vaults_challenge_is_checked_for_every_host_but_this_machine(url: str, here: bool) -> None:  # noqa: FBT001
    class Login:
        def get_token(self, *scopes: str, **options: object) -> Any:
            raise AssertionError((scopes, options))

    vault = KeyVault(url, Login())

    assert is_loopback(url) is here
    policies: Iterator[Any] = (each for each in vault._client._client._client._pipeline._impl_policies)
    (challenge,) = [each for each in policies if type(each).__name__ == "ChallengeAuthPolicy"]
    assert challenge._verify_challenge_resource is not here
