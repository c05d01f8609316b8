"""Entra ID: discovery, the token endpoint for client credentials, and the signing keys of one tenant.

Contract: https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
Errors: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from local.assertions import AssertionChecks
from local.clock import now
from local.emulated_service import Service
from local.registrations import AppRegistration, ClientSecret, EntraError
from local.tokens import TokenAuthority, new_guid

GRAPH_RESOURCE = "https://graph.microsoft.com"
DEFAULT_SCOPE = "/.default"
TOKEN_LIFETIME = dt.timedelta(seconds=3599)


Form = Mapping[str, str]
CredentialCheck = Callable[[AppRegistration, str], None]
"""Raises `EntraError` unless this credential of a token request is one of the app's."""


class EntraService(Service):
    """The tenant's authority. `token_lifetime` holds for the tokens issued from then on."""

    def __init__(
        self, base_url: str, tokens: TokenAuthority, *, graph_url: str, tenant_domain: str = "contoso.onmicrosoft.com"
    ) -> None:
        """Make a tenant without apps; tokens for `graph_url` are tokens for Microsoft Graph."""
        super().__init__(base_url)
        self.token_lifetime = TOKEN_LIFETIME
        self._tokens = tokens
        self._tenant_names = {tokens.tenant_id.lower(), tenant_domain.lower()}
        self._audiences = {GRAPH_RESOURCE: GRAPH_RESOURCE, graph_url: GRAPH_RESOURCE}
        self._apps: dict[str, AppRegistration] = {}
        # By the form field that carries the credential.
        checks = AssertionChecks(tokens, base_url)
        self._credential_checks: dict[str, CredentialCheck] = {
            "client_secret": _check_client_secret,
            "client_assertion": checks.check,
        }

    def reset(self) -> None:
        """Return to the first state: no apps."""
        super().reset()
        self.token_lifetime = TOKEN_LIFETIME
        self._apps.clear()

    def accept(self, graph_url: str) -> None:
        """Take another address for Microsoft Graph, too: a server of a benchmark's own."""
        self._audiences[graph_url] = GRAPH_RESOURCE

    def register(self, app: AppRegistration) -> AppRegistration:
        """Add an app, or put a changed one in its place."""
        self._apps[app.client_id.lower()] = app
        return app

    @property
    def apps(self) -> Sequence[AppRegistration]:
        """Return all registered apps."""
        return tuple(self._apps.values())

    def find(self, client_id: str) -> AppRegistration | None:
        """Return an app, if it is registered."""
        return self._apps.get(client_id.lower())

    def app(self, client_id: str) -> AppRegistration:
        """Return a registered app."""
        return self._apps[client_id.lower()]

    def add_secret(self, client_id: str, secret: ClientSecret) -> ClientSecret:
        """Give an app a further secret."""
        app = self.app(client_id)
        self.register(replace(app, secrets=(*app.secrets, secret)))
        return secret

    def set_secrets(self, client_id: str, app_secrets: Collection[ClientSecret]) -> None:
        """Replace all of an app's secrets."""
        self.register(replace(self.app(client_id), secrets=tuple(app_secrets)))

    def change(self, client_id: str, **changes: Any) -> AppRegistration:
        """Change an app, for instance `enabled=False` or `certificates=(...)`."""
        return self.register(replace(self.app(client_id), **changes))

    def set_roles(self, client_id: str, roles: Collection[str]) -> None:
        """Replace the granted permissions; tokens that are out already keep theirs."""
        self.register(replace(self.app(client_id), roles=frozenset(roles)))

    def routes(self) -> Sequence[BaseRoute]:
        """Serve discovery, keys and tokens."""
        return [
            Route("/common/discovery/instance", self._get_instance),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", self._get_configuration),
            Route("/{tenant}/discovery/v2.0/keys", self._get_keys),
            Route("/{tenant}/oauth2/v2.0/token", self._post_token, methods=["POST"]),
        ]

    def error(self, status: int, request: Request) -> Response:
        """Return the error of an outage."""
        del request
        return EntraError(status, "temporarily_unavailable", 90033, "A transient error has occurred.").reply()

    async def _get_instance(self, request: Request) -> Response:
        del request
        host = self.base_url.removeprefix("https://")
        configuration = f"{self.base_url}/{self._tokens.tenant_id}/v2.0/.well-known/openid-configuration"
        return JSONResponse(
            {
                "tenant_discovery_endpoint": configuration,
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    async def _get_configuration(self, request: Request) -> Response:
        self._require_tenant(request, "invalid_tenant")
        tenant_url = f"{self.base_url}/{self._tokens.tenant_id}"
        return JSONResponse(
            {
                "issuer": f"{tenant_url}/v2.0",
                "authorization_endpoint": f"{tenant_url}/oauth2/v2.0/authorize",
                "token_endpoint": f"{tenant_url}/oauth2/v2.0/token",
                "device_authorization_endpoint": f"{tenant_url}/oauth2/v2.0/devicecode",
                "jwks_uri": f"{tenant_url}/discovery/v2.0/keys",
                "token_endpoint_auth_methods_supported": [
                    "client_secret_post",
                    "private_key_jwt",
                    "client_secret_basic",
                ],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
                "msgraph_host": "graph.microsoft.com",
            }
        )

    async def _get_keys(self, request: Request) -> Response:
        self._require_tenant(request, "invalid_tenant")
        return JSONResponse(self._tokens.key_set())

    async def _post_token(self, request: Request) -> Response:
        self._require_tenant(request, "invalid_request")
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        grant = _required(form, "grant_type")
        if grant != "client_credentials":
            message = f"The app requested an unsupported grant type '{grant}'."
            raise EntraError(400, "unsupported_grant_type", 70003, message)
        app = self._known_app(_required(form, "client_id"))
        if not app.enabled:
            message = f"Application '{app.client_id}'(due-notices) is disabled."
            raise EntraError(401, "unauthorized_client", 7000112, message)
        audience = self._audience(_required(form, "scope"))
        self._check_credential(app, form)
        token = self._tokens.issue(
            audience=audience,
            object_id=app.object_id,
            app_id=app.client_id,
            lifetime=self.token_lifetime,
            roles=app.roles,
        )
        seconds = int(self.token_lifetime.total_seconds())
        return JSONResponse(
            {"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": token},
            headers={"Cache-Control": "no-store, no-cache", "x-ms-request-id": new_guid()},
        )

    def _require_tenant(self, request: Request, error: str) -> None:
        tenant = request.path_params["tenant"]
        if tenant.lower() not in self._tenant_names:
            message = (
                f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into "
                "the correct cloud. Check with your subscription administrator, this may happen if there are no "
                "active subscriptions for the tenant."
            )
            raise EntraError(400, error, 90002, message)

    def _known_app(self, client_id: str) -> AppRegistration:
        app = self.find(client_id)
        if app is None:
            message = (
                f"Application with identifier '{client_id}' was not found in the directory 'Contoso'. This can happen "
                "if the application has not been installed by the administrator of the tenant or consented to by any "
                "user in the tenant. You may have sent your authentication request to the wrong tenant."
            )
            raise EntraError(400, "unauthorized_client", 700016, message)
        return app

    def _audience(self, scope: str) -> str:
        if " " in scope.strip():
            message = (
                f"The provided value for the input parameter 'scope' is not valid. The scope '{scope}' is not valid."
            )
            raise EntraError(400, "invalid_scope", 70011, message)
        resource = scope.removesuffix(DEFAULT_SCOPE)
        if resource == scope:
            message = (
                f"The provided value for scope {scope} is not valid. Client credential flows must have a scope value "
                "with /.default suffixed to the resource identifier (application ID URI)."
            )
            raise EntraError(400, "invalid_scope", 1002012, message)
        audience = self._audiences.get(resource.rstrip("/"))
        if audience is None:
            message = f"The resource principal named {resource} was not found in the tenant named Contoso."
            raise EntraError(400, "invalid_resource", 500011, message)
        return audience

    def _check_credential(self, app: AppRegistration, form: Form) -> None:
        for name, check in self._credential_checks.items():
            if name in form:
                check(app, form[name])
                return
        message = (
            "'client_assertion', 'client_secret' or 'request' is required for the 'client_credentials' grant type."
        )
        raise EntraError(401, "invalid_client", 7000216, message)


def _required(form: Form, name: str) -> str:
    if name not in form:
        message = f"The request body must contain the following parameter: '{name}'."
        raise EntraError(400, "invalid_request", 900144, message)
    return form[name]


def _check_client_secret(app: AppRegistration, value: str) -> None:
    match = next(
        (secret for secret in app.secrets if secrets.compare_digest(secret.value.encode(), value.encode())), None
    )
    if match is None or (match.accepted_from is not None and now() < match.accepted_from):
        message = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, "
            f"not the client secret ID, for a secret added to app '{app.client_id}'."
        )
        raise EntraError(401, "invalid_client", 7000215, message)
    if match.expires_on is not None and match.expires_on <= now():
        message = (
            f"The provided client secret keys for app '{app.client_id}' are expired. Visit the Azure portal to create "
            "new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for "
            "added security: https://aka.ms/certCreds."
        )
        raise EntraError(401, "invalid_client", 7000222, message)
