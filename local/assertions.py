"""Client assertions: a JWT that an app signed with its certificate, or a token of an identity that it trusts.

Certificates: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
Federation: https://learn.microsoft.com/entra/workload-id/workload-identity-federation
"""

from __future__ import annotations

import base64
from typing import Any, cast

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from local.clock import now
from local.registrations import AppRegistration, EntraError
from local.tokens import TokenAuthority


class AssertionChecks:
    """The token endpoint's check of `client_assertion`; the issuer shows which of the two kinds it is."""

    def __init__(self, tokens: TokenAuthority, base_url: str) -> None:
        """Take the authority that signs identities' tokens, and the token endpoint's host."""
        self._tokens = tokens
        self._token_endpoint = f"{base_url}/{tokens.tenant_id}/oauth2/v2.0/token"

    def check(self, app: AppRegistration, assertion: str) -> None:
        """Raise `EntraError` unless the assertion proves the app."""
        try:
            header = jwt.get_unverified_header(assertion)
            claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
        except jwt.InvalidTokenError as error:
            raise EntraError(401, "invalid_client", 50027, "JWT token is invalid or malformed.") from error
        if claims.get("iss") == app.client_id:
            self._check_certificate(app, assertion, header)
        else:
            self._check_federated(app, assertion, claims)

    def _check_certificate(self, app: AppRegistration, assertion: str, header: dict[str, Any]) -> None:
        named = str(header.get("x5t#S256", "")).rstrip("=")  # MSAL pads it, and Entra does not mind
        certificate = next((each for each in app.certificates if thumbprint(each) == named), None)
        if certificate is None:
            raise _unsigned(f"The key was not found., Thumbprint of key used by client: '{named}'")
        span = f"Start={certificate.not_valid_before_utc}, End={certificate.not_valid_after_utc}"
        if certificate.not_valid_after_utc <= now():
            raise _unsigned(
                f"The key used is expired., Thumbprint of key used by client: '{named}', Found key '{span}'"
            )
        chain = header.get("x5c")
        if chain is not None and _leaf(chain) != certificate:
            raise _unsigned("The x5c header is not the certificate that x5t#S256 names.")
        public = cast("RSAPublicKey", certificate.public_key())
        try:
            jwt.decode(
                assertion,
                public,
                algorithms=["PS256"],
                audience=self._token_endpoint,
                issuer=app.client_id,
                subject=app.client_id,
                options={"require": ["exp", "aud", "iss", "sub", "jti"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise _outdated() from error
        except jwt.InvalidTokenError as error:
            raise _unsigned(f"The assertion does not hold ({type(error).__name__}).") from error

    def _check_federated(self, app: AppRegistration, assertion: str, claims: dict[str, Any]) -> None:
        issuer, subject, audience = (str(claims.get(name, "")) for name in ("iss", "sub", "aud"))
        left = [each for each in app.federated if each.issuer == issuer]
        if not left:
            raise _unmatched(700211, "issuer", issuer)
        left = [each for each in left if each.subject == subject]
        if not left:
            raise _unmatched(700213, "subject", subject)
        if not any(each.audience == audience for each in left):
            raise _unmatched(700212, "audience", audience)
        try:
            self._tokens.verified(assertion)
        except jwt.ExpiredSignatureError as error:
            raise _outdated() from error
        except jwt.InvalidTokenError as error:
            raise EntraError(401, "invalid_client", 50013, "Assertion failed signature validation.") from error


def thumbprint(certificate: x509.Certificate) -> str:
    """Return x5t#S256 of a certificate (RFC 7515, 4.1.8)."""
    return base64.urlsafe_b64encode(certificate.fingerprint(SHA256())).rstrip(b"=").decode()


def _leaf(chain: list[str]) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode("".join(chain[0].split())))


def _unsigned(reason: str) -> EntraError:
    message = f"Client assertion contains an invalid signature. [Reason - {reason}]"
    return EntraError(401, "invalid_client", 700027, message)


def _outdated() -> EntraError:
    return EntraError(401, "invalid_client", 700024, "Client assertion is not within its valid time range.")


def _unmatched(code: int, what: str, value: str) -> EntraError:
    message = f"No matching federated identity record found for presented assertion {what} '{value}'."
    return EntraError(401, "invalid_client", code, message)
