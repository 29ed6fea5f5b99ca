"""Certificates for a server on loopback, one to be trusted and one not.

Knows nothing of servers: a ``Proxy`` uses them, in front of servers that may be built without TLS.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.support.server_process import HOST


@dataclass(frozen=True)
class Certificate:
    """One server's certificate, and who has signed it."""

    authority: Path
    """What a client is told to trust, as a PEM file."""
    context: ssl.SSLContext
    """What the server answers with."""


def issue(folder: Path, name: str = HOST) -> Certificate:
    """Make an authority of its own, and a certificate by it for a server of this name."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    path = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(context)
    return Certificate(path, context)


@dataclass(frozen=True)
class Files:
    """A certificate as files in PEM, for a server or for a client of it."""

    certificate: Path
    key: Path
    authority: Path
    """Who signed it."""


def issue_files(folder: Path, name: str = HOST) -> Files:
    """Make an authority of its own and a certificate by it, as files."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    made = authority.issue_cert(name, common_name=name)
    files = Files(folder / "certificate.pem", folder / "key.pem", folder / "authority.pem")
    authority.cert_pem.write_to_path(str(files.authority))
    made.private_key_pem.write_to_path(str(files.key))
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    return files
