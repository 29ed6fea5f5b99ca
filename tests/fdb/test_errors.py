"""What is said of a cluster that does not answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.config import resolve
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence.fdb import errors
from skunkqueue.persistence.fdb.opening import open_link
from skunkqueue.persistence.fdb.settings import settings_of
from tests.fdb.bindings import fdb_binding
from tests.support.fdb_standin.errors import FDBError
from tests.support.server_process import free_port


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
