"""Takes a Key Vault certificate apart, as the vault's secret of the same name holds it: PKCS#12 or PEM.

https://learn.microsoft.com/azure/key-vault/certificates/about-certificates#exportable-or-non-exportable-key
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    pkcs12,
)

from due_notices.credentials import Certificate
from due_notices.errors import CredentialError
from due_notices.refusals import VAULT, refusal_of
from due_notices.secret import Secret, StoredSecret

_PEM_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.+?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL)


def certificate_of(stored: StoredSecret, name: str) -> Certificate:
    """Return the certificate with its private key and chain. Raises CredentialError."""
    try:
        key, own, others = _parts(stored.value.reveal())
    except (ValueError, TypeError):
        # The library's words might quote what it could not read.
        said = f"the vault's secret {name!r} (version {stored.version}, {_shown(stored.content_type)}) cannot be used"
        raise CredentialError(refusal_of(VAULT, "no certificate").sentence(said, KEY_VAULT_SECRET_NAME=name)) from None
    return Certificate(
        private_key=Secret(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()),
        chain="".join(each.public_bytes(Encoding.PEM).decode() for each in (own, *_ordered(own, others))),
        not_before=own.not_valid_before_utc,
        expires_on=own.not_valid_after_utc,
    )


def _parts(text: str) -> tuple[RSAPrivateKey, x509.Certificate, Sequence[x509.Certificate]]:
    """Return key, own certificate and the others; ValueError or TypeError for anything else."""
    pem = _PEM_KEY.search(text)
    if pem is not None:
        key = load_pem_private_key(pem[0].encode(), password=None)
        found = x509.load_pem_x509_certificates(text.encode())
    else:
        key_or_none, first, more = pkcs12.load_key_and_certificates(base64.b64decode(text, validate=True), None)
        found = [*([first] if first else []), *more]
        if key_or_none is None:
            raise ValueError("no private key")
        key = cast("RSAPrivateKey", key_or_none)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("Entra wants RSA")
    numbers = key.public_key().public_numbers()
    own = next((each for each in found if _numbers(each) == numbers), None)
    if own is None:
        raise ValueError("no certificate of this key")
    return key, own, [each for each in found if each != own]


def _numbers(certificate: x509.Certificate) -> object:
    public = certificate.public_key()
    return getattr(public, "public_numbers", lambda: None)()


def _ordered(own: x509.Certificate, others: Sequence[x509.Certificate]) -> list[x509.Certificate]:
    """Return the chain upwards from `own`: each certificate the issuer of the one before; strangers are left out."""
    chain: list[x509.Certificate] = []
    current, left = own, list(others)
    while current.issuer != current.subject:
        issuer = next((each for each in left if _issued(each, current)), None)
        if issuer is None:
            break
        chain.append(issuer)
        left.remove(issuer)
        current = issuer
    return chain


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether `issuer` signed the certificate; a renewed authority has the same name and another key."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _shown(content_type: str | None) -> str:
    known = {"application/x-pkcs12", "application/x-pem-file", "text/plain"}
    return content_type if content_type in known else "no known content type"
