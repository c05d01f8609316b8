"""Builds the rotation from the settings, with the operator's own login."""

from __future__ import annotations

from collections.abc import Callable

from due_notices import bootstrap
from due_notices.adapters.clock import SystemClock
from due_notices.adapters.graph_http import GraphHttp
from due_notices.adapters.identity import IdentityToken
from due_notices.adapters.key_vault import KeyVault
from due_notices.commands.rotate_secret.app_registration import GraphApplication
from due_notices.commands.rotate_secret.rotation import Place, Rotation
from due_notices.credentials import AppCredential, CredentialKind
from due_notices.errors import SettingsError
from due_notices.ports import Clock
from due_notices.secret import Secret
from due_notices.settings import Settings


def secret_rotation(settings: Settings, say: Callable[[str], None], clock: Clock | None = None) -> Rotation:
    """Return a rotation of the client secret with the operator's own login, idle. Raises SettingsError."""
    if settings.credential is not CredentialKind.SECRET:
        raise SettingsError([f"GRAPH_CREDENTIAL: is {settings.credential}: there is no client secret to rotate"])
    clock = clock or SystemClock()
    login = bootstrap.identity(settings, otherwise="dev")

    def prove(secret: Secret) -> None:
        # A new application for each try: MSAL answers some failures from memory.
        bootstrap.graph_token_by(settings, clock, lambda: AppCredential(secret, "", None))()

    token = IdentityToken(login, settings.graph_endpoint)
    graph = GraphHttp(settings.graph_endpoint, token, clock, names=bootstrap.graph_names(settings))
    return Rotation(
        GraphApplication(graph, settings.client_id, token),
        KeyVault(settings.vault_url, login),
        prove,
        clock,
        Place(settings.vault_name, settings.secret_name),
        say,
    )
