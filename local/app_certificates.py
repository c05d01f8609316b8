"""Certificates with which an app signs in, as Key Vault makes and keeps them."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from local.clock import now
from local.vault import SecretVersion


@dataclass(frozen=True)
class AppCertificate:
    """A certificate with its private key and the authority that issued it."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey = field(repr=False)
    authority: x509.Certificate

    def stored(self, *, pem: bool = False) -> SecretVersion:
        """Return the vault's secret behind the certificate: PKCS#12 in base64, or PEM, the key first."""
        if pem:
            key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            chain = [each.public_bytes(Encoding.PEM) for each in (self.certificate, self.authority)]
            text, content_type = b"".join([key, *chain]).decode(), "application/x-pem-file"
        else:
            packed = pkcs12.serialize_key_and_certificates(
                None, self.key, self.certificate, [self.authority], NoEncryption()
            )
            text, content_type = base64.b64encode(packed).decode(), "application/x-pkcs12"
        return SecretVersion(
            text,
            content_type=content_type,
            not_before=self.certificate.not_valid_before_utc,
            expires_on=self.certificate.not_valid_after_utc,
        )


def issue_app_certificate(lasts: dt.timedelta) -> AppCertificate:
    """Make a certificate that began a while ago and lasts so long from now, and an authority for it."""
    authority_key, key = _new_key(), _new_key()
    authority_name, name = _name("Due Notices local authority"), _name("due-notices")
    authority = _signed(authority_name, authority_name, authority_key, authority_key, dt.timedelta(days=3650), ca=True)
    return AppCertificate(_signed(name, authority_name, key, authority_key, lasts, ca=False), key, authority)


def _new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _signed(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPrivateKey,
    issuer_key: rsa.RSAPrivateKey,
    lasts: dt.timedelta,
    *,
    ca: bool,
) -> x509.Certificate:
    ends = now() + lasts
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now(), ends) - dt.timedelta(days=30))
        .not_valid_after(ends)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer_key, SHA256())
    )
