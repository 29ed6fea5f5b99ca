"""The options of TLS, as the binding is given them."""

from __future__ import annotations

from pathlib import Path

from tests.support.certificates import issue_files
from tests.support.fdb_standin import binding as stand_in_binding
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf


def test_options_of_tls_reach_the_binding_and_the_password_comes_first(
    server: StandInServer, config_of: ConfigOf, tmp_path: Path
) -> None:
    files = issue_files(tmp_path)
    given = {
        "tls_verify_peers": "Check.Valid=1",
        "tls_ca_file": str(files.authority),
        "tls_key_file": str(files.key),
        "tls_certificate_file": str(files.certificate),
        "tls_password": "secret",
    }
    StandInBackend.open(config_of(server.url(), **given)).close()
    found = [(name, value) for name, value in stand_in_binding.options.given if name.startswith("tls_")][-5:]
    assert found[0] == ("tls_password", b"secret")
    assert dict(found) == {
        "tls_password": b"secret",
        "tls_cert_path": str(files.certificate).encode(),
        "tls_key_path": str(files.key).encode(),
        "tls_ca_path": str(files.authority).encode(),
        "tls_verify_peers": b"Check.Valid=1",
    }
