"""What Entra, Key Vault, the managed identity and Graph say when they refuse, what it likely means, and what fixes it.

`REFUSALS` is the one table: the adapters make their sentences from it and `docs/runbook.md` prints it. Codes of
Entra: https://learn.microsoft.com/entra/identity-platform/reference-error-codes. A name in angle brackets stands
for a setting; a sentence has the setting's value in its place, so that the command can be copied. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ENTRA, VAULT, IDENTITY, GRAPH = "Entra", "Key Vault", "Managed identity", "Graph"
OTHERWISE = "any other"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal of one service. `rotated` says that reading the credential once more may be the cure."""

    service: str
    code: str
    cause: str
    remedy: str
    rotated: bool = False

    def sentence(self, said: str, **values: str) -> str:
        """Return cause and remedy behind what was `said` (who refused what, with code and id), on one line."""
        text = f"{said}: {self.cause}: {self.remedy}"
        for name, value in values.items():
            text = text.replace(f"<{name}>", value)
        return " ".join(text.split())


_ROTATE = "`due-notices rotate-secret`"
_NEW_CERTIFICATE = (
    "make a new version with `az keyvault certificate create --vault-name <vault> -n <KEY_VAULT_SECRET_NAME> -p "
    '"$(az keyvault certificate get-default-policy)"`, and add it to the app with `az ad app credential reset --id '
    "<GRAPH_CLIENT_ID> --append --keyvault <vault> --cert <KEY_VAULT_SECRET_NAME>`"
)
_ADD_CERTIFICATE = (
    "add it with `az ad app credential reset --id <GRAPH_CLIENT_ID> --append --keyvault <vault> --cert "
    "<KEY_VAULT_SECRET_NAME>`"
)
_SHOW_FEDERATED = (
    "compare with `az ad app federated-credential list --id <GRAPH_CLIENT_ID>`, or deploy infra/ with "
    "graphCredential=federated, which makes it"
)
_ASSIGN_IDENTITY = (
    "on Azure assign it with `az functionapp identity assign -n <function app> -g <resource group> --identities "
    '"$(az identity list --query "[?clientId==\'<client id>\'].id" -o tsv)"` and set AZURE_CLIENT_ID to '
    "its client id; on a laptop run `az login` and set AZURE_TOKEN_CREDENTIALS=dev"
)
_RESTART = "restart the function app with `az functionapp restart -n <function app> -g <resource group>`"
_ASKED_WITH = (
    "correct USER_FILTER, DUE_DATE_ATTRIBUTE or OPT_OUT_ATTRIBUTE; `due-notices doctor` asks the same as a run, link "
    "by link"
)

REFUSALS = (
    Refusal(
        ENTRA,
        "AADSTS7000215",
        "the secret in the vault is not one of the app registration's",
        f"store a new one with {_ROTATE}",
        rotated=True,
    ),
    Refusal(
        ENTRA,
        "AADSTS7000222",
        "the client secret has expired",
        f"make a new one and store it with {_ROTATE}",
        rotated=True,
    ),
    Refusal(ENTRA, "AADSTS7000216", "the vault's secret is empty", f"store a new one with {_ROTATE}", rotated=True),
    Refusal(
        ENTRA,
        "AADSTS700016",
        "no app with GRAPH_CLIENT_ID is known in this tenant",
        "check GRAPH_CLIENT_ID and GRAPH_TENANT_ID with `az ad app show --id <GRAPH_CLIENT_ID>`",
    ),
    Refusal(
        ENTRA,
        "AADSTS7000229",
        "the app registration has no service principal in this tenant",
        "make it with `az ad sp create --id <GRAPH_CLIENT_ID>`",
    ),
    Refusal(
        ENTRA,
        "AADSTS7000112",
        "the app's service principal is disabled",
        "enable it with `az ad sp update --id <GRAPH_CLIENT_ID> --set accountEnabled=true`",
    ),
    Refusal(
        ENTRA,
        "AADSTS90002",
        "there is no such tenant in this cloud",
        "check GRAPH_TENANT_ID and AZURE_AUTHORITY_HOST with `az account show --query tenantId`",
    ),
    Refusal(
        ENTRA,
        "AADSTS53003",
        "a Conditional Access policy for workload identities blocks the app",
        "exclude the app, or allow the function's network, in Entra under Protection, Conditional Access",
    ),
    Refusal(
        ENTRA,
        "AADSTS500011",
        "GRAPH_ENDPOINT is not known in this tenant",
        "set GRAPH_ENDPOINT and AZURE_AUTHORITY_HOST to those of one cloud (docs/settings.md)",
    ),
    Refusal(
        ENTRA,
        "AADSTS700025",
        "the app registration is a public client",
        "turn that off with `az ad app update --id <GRAPH_CLIENT_ID> --is-fallback-public-client false`",
    ),
    Refusal(
        ENTRA,
        "AADSTS700027",
        "the certificate in the vault is not one of the app registration's, or has expired",
        f"if it has expired {_NEW_CERTIFICATE}; else {_ADD_CERTIFICATE}",
        rotated=True,
    ),
    Refusal(
        ENTRA,
        "AADSTS7000274",
        "the assertion's signature does not fit the certificate in the vault",
        _ADD_CERTIFICATE,
        rotated=True,
    ),
    Refusal(
        ENTRA,
        "AADSTS1000502",
        "the certificate in the vault has expired or is not yet valid",
        _NEW_CERTIFICATE,
        rotated=True,
    ),
    Refusal(ENTRA, "AADSTS7000214", "the certificate in the vault was revoked", _NEW_CERTIFICATE, rotated=True),
    Refusal(ENTRA, "AADSTS7000277", "the certificate in the vault was revoked", _NEW_CERTIFICATE, rotated=True),
    Refusal(
        ENTRA,
        "AADSTS700024",
        "the assertion is outside its time of validity",
        "set this machine's clock, whose skew `due-notices doctor` shows",
        rotated=True,
    ),
    Refusal(
        ENTRA, "AADSTS700211", "the app registration trusts no federated credential with this issuer", _SHOW_FEDERATED
    ),
    Refusal(
        ENTRA,
        "AADSTS700212",
        "the app registration's federated credential has another audience than the one of this cloud",
        _SHOW_FEDERATED,
    ),
    Refusal(
        ENTRA,
        "AADSTS700213",
        "the app registration's federated credential is for another identity than this one",
        _SHOW_FEDERATED,
    ),
    Refusal(
        ENTRA,
        "AADSTS70021",
        "no federated credential of the app registration fits issuer, subject and audience of this identity",
        _SHOW_FEDERATED,
    ),
    Refusal(
        ENTRA,
        OTHERWISE,
        "the sign-in log of the service principal says more under the correlation id",
        "look the code up at https://login.microsoftonline.com/error",
    ),
    Refusal(
        VAULT,
        "404 SecretNotFound",
        "the vault has no such secret",
        f"store it there with {_ROTATE}, or correct KEY_VAULT_SECRET_NAME",
    ),
    Refusal(
        VAULT,
        "403 ForbiddenByRbac",
        "the caller lacks the role",
        'assign it with `az role assignment create --role "Key Vault Secrets User" --assignee <caller> --scope '
        '"$(az keyvault show -n <vault> --query id -o tsv)"`; a new role can take some minutes to count',
    ),
    Refusal(
        VAULT,
        "403 ForbiddenByPolicy",
        "the vault's access policies do not name the caller",
        "allow it with `az keyvault set-policy -n <vault> --object-id <caller> --secret-permissions get`, or switch "
        "the vault to Azure roles",
    ),
    Refusal(
        VAULT,
        "403 ForbiddenByFirewall",
        "the vault's firewall does not let the caller's address in",
        "let it in with `az keyvault network-rule add -n <vault> --ip-address <address>`, or call from inside the "
        "network",
    ),
    Refusal(
        VAULT,
        "403 ForbiddenByConnection",
        "the vault is closed to the public network",
        "call from inside the network, through the vault's private endpoint",
    ),
    Refusal(
        VAULT,
        "403 SecretDisabled",
        "the newest version of the secret is disabled",
        "enable the secret with `az keyvault secret set-attributes --vault-name <vault> -n <KEY_VAULT_SECRET_NAME> "
        "--enabled true`",
    ),
    Refusal(
        VAULT,
        "401 Unauthorized",
        "the vault does not accept the identity's token, most likely because it belongs to another tenant",
        "compare `az keyvault show -n <vault> --query properties.tenantId` with the tenant of the identity",
    ),
    Refusal(
        VAULT,
        "429 TooManyRequests",
        "the vault is throttled: others read it too often",
        "try again; `az monitor activity-log list` and the vault's log show who reads it",
    ),
    Refusal(
        VAULT,
        "no answer",
        "the vault does not exist, or a firewall or a private DNS zone is in the way",
        "check KEY_VAULT_URL with `az keyvault show -n <vault> --query properties.vaultUri`, the vault's firewall and "
        "the network",
    ),
    Refusal(
        VAULT,
        "other form",
        "its answer did not arrive whole, or is not of the form that was asked for",
        "try again; if it lasts, check KEY_VAULT_URL and any proxy on the way",
    ),
    Refusal(
        VAULT,
        "no certificate",
        "what the vault holds under this name is not a certificate with its private key",
        "with GRAPH_CREDENTIAL=certificate KEY_VAULT_SECRET_NAME names a certificate of the vault, exportable, RSA: "
        "`az keyvault certificate show --vault-name <vault> -n <KEY_VAULT_SECRET_NAME>`",
    ),
    Refusal(
        VAULT,
        "409 ObjectIsDeletedButRecoverable",
        "a secret of this name was deleted and can still be recovered, so that no new one can be stored",
        "recover it with `az keyvault secret recover --vault-name <vault> -n <KEY_VAULT_SECRET_NAME>`, and call the "
        "command again",
    ),
    Refusal(VAULT, "5xx", "a server error of Key Vault", "try again, or ask https://azure.status.microsoft"),
    Refusal(
        VAULT,
        OTHERWISE,
        "the code says why",
        "look it up at https://learn.microsoft.com/azure/key-vault/general/rest-error-codes",
    ),
    Refusal(IDENTITY, "none", "there is no managed identity here", _ASSIGN_IDENTITY),
    Refusal(
        IDENTITY,
        "400",
        "no identity with this client id is assigned to the function app",
        f"correct <setting>, or {_ASSIGN_IDENTITY}",
    ),
    Refusal(IDENTITY, "403", "the endpoint does not know this process", _RESTART),
    Refusal(
        IDENTITY,
        "429 or 5xx",
        "the endpoint is overloaded or failing for the moment; the assigned identity is not the cause",
        "the next tick tries again; if it lasts, ask https://azure.status.microsoft",
    ),
    Refusal(IDENTITY, "no token", "its answer holds no token", _RESTART),
    Refusal(IDENTITY, "no answer", "it does not answer", _RESTART),
    Refusal(
        IDENTITY,
        "login",
        "none of the logins that AZURE_TOKEN_CREDENTIALS chooses was accepted",
        "on a laptop set AZURE_TOKEN_CREDENTIALS=dev and run `az login` again; on Azure remove the setting",
    ),
    Refusal(
        IDENTITY,
        OTHERWISE,
        "it refuses, and does not say why",
        "`az functionapp identity show -n <function app> -g <resource group>` shows which identities are assigned",
    ),
    Refusal(
        GRAPH,
        "401 InvalidAuthenticationToken",
        "the token is not accepted",
        "check that GRAPH_ENDPOINT and AZURE_AUTHORITY_HOST are of one cloud, and the clock with `due-notices doctor`",
    ),
    Refusal(
        GRAPH,
        "401 Authorization_IdentityNotFound",
        "Graph finds no service principal of the app in this tenant, or one without permissions so far",
        "make it with `az ad sp create --id <GRAPH_CLIENT_ID>`, and grant its permission with `az ad app permission "
        "admin-consent --id <GRAPH_CLIENT_ID>`",
    ),
    Refusal(
        GRAPH,
        "403 Authorization_RequestDenied",
        "the app registration lacks the application permission User.Read.All or an administrator's consent to it",
        "grant both with `az ad app permission admin-consent --id <GRAPH_CLIENT_ID>`",
    ),
    Refusal(
        GRAPH,
        "400 Request_UnsupportedQuery",
        "the directory does not support this filter or attribute",
        "check USER_FILTER and DUE_DATE_ATTRIBUTE",
    ),
    Refusal(
        GRAPH,
        "400 BadRequest",
        "Graph does not take a part of what it was asked: a filter, the name of an attribute or a value",
        _ASKED_WITH,
    ),
    Refusal(
        GRAPH,
        "400 Request_BadRequest",
        "the directory does not know a part of what it was asked, such as an extension that was deleted",
        _ASKED_WITH,
    ),
    Refusal(
        GRAPH,
        "400 CredentialInvalidLifetimeAsPerAppPolicy",
        "a policy of the tenant limits how long a client secret may be good",
        "ask for less, such as `due-notices rotate-secret --days 30`; "
        "`az rest --url <GRAPH_ENDPOINT>/v1.0/policies/defaultAppManagementPolicy` shows the limit",
    ),
    Refusal(
        GRAPH,
        "400 CredentialTypeNotAllowedAsPerAppPolicy",
        "a policy of the tenant forbids client secrets",
        "use no secret at all: deploy infra/ with graphCredential=federated, and set GRAPH_CREDENTIAL=federated",
    ),
    Refusal(GRAPH, OTHERWISE, "the code says why", "look it up at https://learn.microsoft.com/graph/errors"),
)

_BY_CODE: Mapping[tuple[str, str], Refusal] = {(refusal.service, refusal.code): refusal for refusal in REFUSALS}


def refusal_of(service: str, *codes: str) -> Refusal:
    """Return the first refusal of a service that the table has by one of these codes, else the service's "any other".

    `codes` are as the table writes them, the most specific first.
    """
    return next(_BY_CODE[service, code] for code in (*codes, OTHERWISE) if (service, code) in _BY_CODE)


def not_its_own(service: str, address: str, status: int) -> str:
    """Return the sentence for an answer that is not the service's own: it says nothing about the service."""
    return (
        f"HTTP {status} came instead of an answer of {service} at {address}: something between here and the "
        "service answered, a proxy or a firewall: check HTTPS_PROXY and NO_PROXY, and that the network lets this "
        "address through"
    )
