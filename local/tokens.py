"""Access tokens as Entra issues them: RS256-signed JWTs, and the checks that a resource makes."""

from __future__ import annotations

import base64
import datetime as dt
import json
import secrets
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from local.clock import now

REMEMBERED_TOKENS = 1_000


class Flaw(Enum):
    """Why a resource does not accept a token."""

    MISSING = "missing"
    MALFORMED = "malformed"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    ISSUER = "issuer"
    AUDIENCE = "audience"


class TokenRejectedError(Exception):
    """The token is not good for this resource."""

    def __init__(self, flaw: Flaw, audience: str = "") -> None:
        """Keep the flaw and, where that is wrong, the token's audience."""
        super().__init__(flaw.value)
        self.flaw = flaw
        self.audience = audience


@dataclass(frozen=True)
class Caller:
    """Whom a checked token speaks for."""

    object_id: str
    app_id: str
    issuer: str
    roles: frozenset[str]


class TokenAuthority:
    """Issues and checks the tokens of one tenant, with a key that lives as long as this object."""

    def __init__(self, tenant_id: str) -> None:
        """Make a new signing key for the tenant."""
        self.tenant_id = tenant_id
        self.issuer = f"https://sts.windows.net/{tenant_id}/"
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key_id = secrets.token_urlsafe(20)
        self._checked: dict[str, dict[str, Any]] = {}

    def issue(
        self,
        *,
        audience: str,
        object_id: str,
        app_id: str,
        lifetime: dt.timedelta,
        roles: Collection[str] = (),
        not_before: dt.datetime | None = None,
        issuer: str | None = None,
    ) -> str:
        """Sign a token for an application or a managed identity.

        `not_before` defaults to now; together with `lifetime` it makes tokens that have expired.
        """
        start = int((not_before or now()).timestamp())
        claims = {
            "aud": audience,
            "iss": issuer or self.issuer,
            "iat": start,
            "nbf": start,
            "exp": start + int(lifetime.total_seconds()),
            "appid": app_id,
            "appidacr": "1",
            "idp": self.issuer,
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "tid": self.tenant_id,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
        }
        if roles:
            claims["roles"] = sorted(roles)
        return jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": self._key_id})

    def check(self, authorization: str | None, audiences: Collection[str]) -> Caller:
        """Return the caller that an `Authorization` header speaks for, or raise `TokenRejectedError`."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise TokenRejectedError(Flaw.MISSING)
        claims = self._verified_claims(token)
        # Checked on every request, as a token may run out while its claims are remembered.
        if claims["exp"] <= now().timestamp():
            raise TokenRejectedError(Flaw.EXPIRED)
        if claims["aud"] not in audiences:
            raise TokenRejectedError(Flaw.AUDIENCE, claims["aud"])
        return Caller(
            object_id=claims["oid"],
            app_id=claims["appid"],
            issuer=claims["iss"],
            roles=frozenset(claims.get("roles", ())),
        )

    def verified(self, token: str) -> dict[str, Any]:
        """Return the claims of a token for whomever it is; raises `jwt.InvalidTokenError`."""
        key = self._key.public_key()
        claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], options={"verify_aud": False})
        return claims

    def _verified_claims(self, token: str) -> dict[str, Any]:
        remembered = self._checked.get(token)
        if remembered is not None:
            return remembered
        try:
            claims = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["RS256"],
                issuer=self.issuer,
                options={"verify_aud": False, "verify_exp": False, "require": ["exp", "aud", "oid", "appid"]},
            )
        except jwt.InvalidSignatureError as error:
            raise TokenRejectedError(Flaw.SIGNATURE) from error
        except jwt.InvalidIssuerError as error:
            raise TokenRejectedError(Flaw.ISSUER) from error
        except jwt.InvalidTokenError as error:
            raise TokenRejectedError(Flaw.MALFORMED) from error
        if len(self._checked) >= REMEMBERED_TOKENS:
            self._checked.clear()
        self._checked[token] = claims
        return claims

    def key_set(self) -> Mapping[str, Any]:
        """Return the public key as a JSON Web Key Set (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        key = {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self._key_id,
            "n": _base64url(numbers.n),
            "e": _base64url(numbers.e),
            "issuer": self.issuer,
        }
        return {"keys": [key]}


def _base64url(number: int) -> str:
    data = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def new_guid() -> str:
    """Return a random GUID, as for ids of requests, apps and tenants."""
    return str(uuid.uuid4())


def compact_json(value: object) -> str:
    """Return JSON without spaces and with every letter as itself."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
