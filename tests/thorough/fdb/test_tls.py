"""A server that speaks TLS only: with certificates that both sides trust, and with others.

Each store is opened by a process of its own, since a process has one set of certificates.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

from cryptography.hazmat.primitives import serialization

from tests.support.certificates import Files, issue_files
from tests.support.fdb_fixtures import NewFdbServer
from tests.support.server_process import HOST

PROGRAM = """
import sys
from skunkqueue.config import open_backend, resolve
from skunkqueue.contract.makers import firing
from skunkqueue.errors import SkunkQueueError
try:
    store = open_backend(resolve(conn_url=sys.argv[1]))
    made = firing()
    print("put in", store.enqueue([made]) == [made.id])
    store.close()
except SkunkQueueError as error:
    print(type(error).__name__, error)
"""


def url_with(url: str, files: Files) -> str:
    """Name a client's certificate in a URL."""
    given = {
        "tls_certificate_file": str(files.certificate),
        "tls_key_file": str(files.key),
        "tls_ca_file": str(files.authority),
        "timeout": "2",
        "retry_for": "3",
    }
    return f"{url}&{urlencode(given)}"


def said(url: str) -> str:
    """Put a firing into a store, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, url], capture_output=True, text=True, check=False, timeout=120
    )
    return done.stdout + done.stderr


def test_certificate_decides_who_is_let_in(tmp_path: Path, new_fdb_server: NewFdbServer, dbname: str) -> None:
    good, bad = issue_files(tmp_path / "good"), issue_files(tmp_path / "bad")
    url = new_fdb_server(tls=good).url(dbname)
    assert said(url_with(url, good)) == "put in True\n"
    for wrong in (url_with(url, bad), f"{url}&timeout=2&retry_for=3"):
        told = said(wrong)
        assert told.startswith(("BackendUnavailableError", "BackendLoginError")), told
        assert "tls_ca_file" in told


def test_rule_decides_which_servers_are_trusted(
    tmp_path: Path, new_fdb_server: NewFdbServer, dbname: str
) -> None:
    good = issue_files(tmp_path)
    url = url_with(new_fdb_server(tls=good).url(dbname), good)
    assert said(f"{url}&{urlencode({'tls_verify_peers': f'S.CN={HOST}'})}") == "put in True\n"
    told = said(f"{url}&{urlencode({'tls_verify_peers': 'S.CN=elsewhere'})}")
    assert told.startswith("BackendUnavailableError"), told
    assert "tls_verify_peers" in told


def test_key_under_a_password_is_used(tmp_path: Path, new_fdb_server: NewFdbServer, dbname: str) -> None:
    good = issue_files(tmp_path)
    url = url_with(new_fdb_server(tls=good).url(dbname), good)
    key = serialization.load_pem_private_key(good.key.read_bytes(), password=None)
    good.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert said(f"{url}&tls_password=secret") == "put in True\n"
    assert said(f"{url}&tls_password=wrong").startswith("ConfigError")


def test_missing_certificate_is_named(tmp_path: Path, new_fdb_server: NewFdbServer, dbname: str) -> None:
    good = issue_files(tmp_path / "good")
    url = new_fdb_server(tls=good).url(dbname)
    good.certificate.unlink()
    told = said(url_with(url, good))
    assert told.startswith("ConfigError")
    assert f"tls_certificate_file='{good.certificate}'" in told
