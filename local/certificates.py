"""A certificate authority of the local stack's own, and one server certificate from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme

HOST = "127.0.0.1"
"""Where everything listens: the number, since `localhost` may mean `::1` first and then a wait."""


@dataclass(frozen=True)
class Certificates:
    """PEM files: the authority that clients are to trust, and the server's chain and private key."""

    authority: Path
    chain: Path
    key: Path


def issue_certificates(directory: Path) -> Certificates:
    """Write a new authority and a server certificate for this machine's loopback names."""
    certificates = Certificates(
        authority=directory / "authority.pem", chain=directory / "server.pem", key=directory / "server.key"
    )
    authority = trustme.CA(organization_name="Due Notices local stack")
    server = authority.issue_cert(HOST, "localhost", "::1")
    authority.cert_pem.write_to_path(certificates.authority)
    for block in server.cert_chain_pems:
        block.write_to_path(certificates.chain, append=True)
    server.private_key_pem.write_to_path(certificates.key)
    return certificates
