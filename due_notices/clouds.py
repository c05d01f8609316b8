"""Microsoft's clouds: where each logs in, and the names that differ from one to the next. Pure.

Sources: https://learn.microsoft.com/graph/deployments, the vaults' DNS suffixes under
https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates, and the audiences of federated
credentials in the sources of Microsoft's identity libraries. A test compares the hosts with MSAL's own. Of Singapore's
vaults no source was found: their domain is by analogy with France's and Germany's, as its storage's and Kusto's are.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Cloud:
    """One cloud. `authorities` and `graphs` are hosts, the first of each the one to write."""

    name: str
    authorities: tuple[str, ...]
    graphs: tuple[str, ...]
    vault_domain: str
    exchange_audience: str
    initial_domains: tuple[str, ...]


PUBLIC = Cloud(
    "the public cloud",
    (
        "login.microsoftonline.com",
        "login.microsoft.com",
        "login.windows.net",
        "sts.windows.net",
        "login-us.microsoftonline.com",
    ),
    ("graph.microsoft.com",),
    "vault.azure.net",
    "api://AzureADTokenExchange",
    (".onmicrosoft.com",),
)
CLOUDS = (
    PUBLIC,
    Cloud(
        "US Government",
        ("login.microsoftonline.us", "login.usgovcloudapi.net"),
        ("graph.microsoft.us", "dod-graph.microsoft.us"),
        "vault.usgovcloudapi.net",
        "api://AzureADTokenExchangeUSGov",
        (".onmicrosoft.us",),
    ),
    Cloud(
        "China",
        ("login.partner.microsoftonline.cn", "login.chinacloudapi.cn"),
        ("microsoftgraph.chinacloudapi.cn",),
        "vault.azure.cn",
        "api://AzureADTokenExchangeChina",
        (".partner.onmschina.cn",),
    ),
    Cloud(
        "France (Bleu)",
        ("login.sovcloud-identity.fr",),
        ("graph.svc.sovcloud.fr",),
        "vault.sovcloud-api.fr",
        "api://AzureADTokenExchangeFrance",
        (".onsovcloud.fr",),
    ),
    Cloud(
        "Germany (Delos)",
        ("login.sovcloud-identity.de",),
        ("graph.svc.sovcloud.de",),
        "vault.sovcloud-api.de",
        "api://AzureADTokenExchangeGermany",
        (".onsovcloud.de",),
    ),
    Cloud(
        "Singapore (GovSG)",
        ("login.sovcloud-identity.sg",),
        ("graph.svc.sovcloud.sg",),
        "vault.sovcloud-api.sg",
        "api://AzureADTokenExchangeGovSG",
        (),
    ),
    Cloud(
        "Microsoft Cloud Germany, closed in 2021",
        ("login.microsoftonline.de",),
        ("graph.microsoft.de",),
        "vault.microsoftazure.de",
        "api://AzureADTokenExchange",
        (".onmicrosoft.de",),
    ),
)
# No mailbox is behind a name below one of these.
INITIAL_DOMAINS = tuple(domain for cloud in CLOUDS for domain in cloud.initial_domains)


def cloud_of_authority(authority_host: str) -> Cloud | None:
    """Return the cloud that logs in there; None for a host that is none of Microsoft's, as the local stack's."""
    host = _host(authority_host)
    return next((cloud for cloud in CLOUDS if host in cloud.authorities), None)


def cloud_of_graph(endpoint: str) -> Cloud | None:
    """Return the cloud whose Graph that is; None for another host."""
    host = _host(endpoint)
    return next((cloud for cloud in CLOUDS if host in cloud.graphs), None)


def cloud_of_vault(vault_url: str) -> Cloud | None:
    """Return the cloud whose vault that is; None for a host that is none of Azure's vaults, as the local stack's."""
    host = _host(vault_url)
    return next((cloud for cloud in CLOUDS if host.endswith(f".{cloud.vault_domain}")), None)


def exchange_audience(authority_host: str) -> str:
    """Return the audience of a token that a cloud's Entra takes as federated assertion."""
    return (cloud_of_authority(authority_host) or PUBLIC).exchange_audience


def vault_resource(vault_url: str) -> str:
    """Return the resource that a token for a vault is for."""
    return f"https://{(cloud_of_vault(vault_url) or PUBLIC).vault_domain}"


def name_of_vault(vault_url: str) -> str:
    """Return a vault's name as `az` wants it; its whole host where that is none of Azure's vaults."""
    host = _host(vault_url)
    return host.partition(".")[0] if cloud_of_vault(vault_url) else host


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()
