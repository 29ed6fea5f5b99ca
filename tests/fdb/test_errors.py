"""What is said of a cluster that does not answer."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.config import resolve
from skunkqueue.contract.makers import audit_entry
from skunkqueue.errors import (
    BackendError,
    BackendFullError,
    BackendLoginError,
    BackendUnavailableError,
    ConfigError,
)
from skunkqueue.persistence.fdb import errors
from skunkqueue.persistence.fdb.opening import open_link
from skunkqueue.persistence.fdb.settings import settings_of
from tests.fdb.bindings import fdb_binding
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.errors import FDBError
from tests.support.fdb_standin.faults import Fault
from tests.support.fdb_standin.process import StandInServer
from tests.support.server_process import free_port
from tests.support.store_fixtures import ConfigOf


def status(*connections: dict[str, object]) -> bytes:
    return json.dumps({"Healthy": False, "Connections": connections}).encode()


def test_servers_that_are_not_reached_are_named() -> None:
    told = status(
        {"Address": "10.0.0.1:4500", "Compatible": True, "Status": "connected"},
        {"Address": "10.0.0.2:4500", "Compatible": True, "Status": "connecting"},
        {"Address": "10.0.0.3:4500", "Compatible": True, "Status": "failed"},
    )
    assert errors.reached(told) == " 10.0.0.2:4500, 10.0.0.3:4500 is not reached."


def test_locked_database_is_told_with_the_way_out() -> None:
    error = errors.explained("fdb://", FDBError(1038), 3.0)
    assert isinstance(error, BackendUnavailableError)
    assert "the database is locked after 3.0 s" in str(error)
    assert "`unlock UID` in `fdbcli`" in str(error)
    assert "TLS" not in str(error)


@pytest.mark.parametrize(
    ("code", "kind", "way_out"),
    [
        (1217, BackendFullError, "no room left"),
        (1950, BackendLoginError, "tls_certificate_file, tls_key_file and tls_ca_file"),
        (2015, BackendFullError, "no room left"),
        (2101, BackendError, "hand in less at once"),
        (2104, ConfigError, "DESCRIPTION:ID@HOST:PORT"),
        (2300, BackendLoginError, "tls_certificate_file, tls_key_file and tls_ca_file"),
    ],
)
def test_what_cannot_pass_by_itself_is_an_error_of_its_kind_with_the_way_out(
    server: StandInServer, config_of: ConfigOf, code: int, kind: type[Exception], way_out: str
) -> None:
    with closing(StandInBackend.open(config_of(server.url()))) as store:
        server.fail(Fault(call="commit", code=code))
        with pytest.raises(kind, match=way_out):
            store.log_entry(audit_entry())
        assert server.clear_faults() == 1


@pytest.mark.parametrize(
    "code", [1007, 1009, 1020, 1021, 1031, 1037, 1038, 1039, 1042, 1051, 1078, 1213, 1223, 1235]
)
def test_what_may_pass_by_itself_is_tried_again(
    server: StandInServer, config_of: ConfigOf, code: int
) -> None:
    with closing(StandInBackend.open(config_of(server.url()))) as store:
        server.fail(Fault(call="commit", code=code, times=2))
        store.log_entry(audit_entry())
        assert server.clear_faults() == 2
        assert len(store.audit().entries) == 1


def test_servers_of_another_version_are_named() -> None:
    told = status({"Address": "10.0.0.1:4500", "Compatible": False, "Status": "connected"})
    assert errors.reached(told).startswith(" 10.0.0.1:4500 speaks another version of the protocol: install")


@pytest.mark.parametrize("told", [b"", b"{}", b"[]", b"{", status()])
def test_nothing_is_said_of_a_status_that_says_nothing(told: bytes) -> None:
    assert errors.reached(told) == ""


def test_server_that_is_away_is_named(tmp_path: Path) -> None:
    fdb_binding()
    port = free_port()
    file = tmp_path / "fdb.cluster"
    file.write_text(f"a:b@127.0.0.1:{port}")
    settings = settings_of(resolve(conn_url=f"fdb://{file}?retry_for=0.5"))
    with pytest.raises(
        BackendUnavailableError, match=rf"does not answer after .*127\.0\.0\.1:{port} is not reached"
    ):
        open_link(settings, SYSTEM_CLOCK, None, create=True)
