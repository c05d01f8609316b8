"""Connections by `requests` that look at the environment once, and never at a netrc file.

Left to itself, requests looks for proxies and certificates at each request, which is a twentieth of what a page of
users costs, and lets a netrc file's entry for the host take the place of our Authorization header.
"""

from __future__ import annotations

from typing import Any

import requests


def session_to(service: str, session: requests.Session | None = None) -> requests.Session:
    """Return a session (a new one unless given) for one service, as the environment is now."""
    session = session or requests.Session()
    found = session.merge_environment_settings(service, {}, None, None, None)
    session.proxies, session.verify = found["proxies"], found["verify"]
    session.trust_env = False
    return session


def sdk_options(service: str) -> dict[str, Any]:
    """Return the same as keywords for a synchronous client of the Azure SDKs, which stand on requests too."""
    with session_to(service) as session:
        return {"use_env_settings": False, "proxies": session.proxies, "connection_verify": session.verify}
