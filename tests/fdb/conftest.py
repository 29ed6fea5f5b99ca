"""The servers that the tests of this folder run against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from skunkqueue.persistence.fdb.backend import FdbBackend
from tests.fdb.application_shop import Shop
from tests.fdb.bindings import Bound, Either, of_fdb, of_stand_in
from tests.support.fdb_fixtures import fdb_server, new_fdb_server, new_stand_in, stand_in
from tests.support.fdb_server import FdbServer
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf, config_of, dbname

__all__ = ["config_of", "dbname", "fdb_server", "new_fdb_server", "new_stand_in", "stand_in"]


@pytest.fixture(params=["stand-in", "fdb"])
def bound(request: pytest.FixtureRequest, dbname: str) -> Bound:
    """Give each binding in turn, with keys of the test's own."""
    if request.param == "fdb":
        return of_fdb(request.getfixturevalue("fdb_server"), dbname)
    return of_stand_in(request.getfixturevalue("stand_in"), dbname)


@pytest.fixture
def server(stand_in: StandInServer) -> Iterator[StandInServer]:
    """Give the stand-in, with nothing that goes wrong before and after."""
    stand_in.clear_faults()
    yield stand_in
    stand_in.clear_faults()


@pytest.fixture(params=["stand-in", "fdb"])
def either(request: pytest.FixtureRequest) -> Either:
    """Give where a store can be, in turn."""
    if request.param == "fdb":
        server: FdbServer = request.getfixturevalue("fdb_server")
        return Either(FdbBackend, server.url())
    standing: StandInServer = request.getfixturevalue("stand_in")
    return Either(StandInBackend, standing.url())


@pytest.fixture
def on_stand_in(stand_in: StandInServer, config_of: ConfigOf, dbname: str) -> Iterator[Shop]:
    """Give a shop on the stand-in, where commits can be made to fail."""
    stand_in.clear_faults()
    store = StandInBackend.open(config_of(stand_in.url()))
    yield Shop(store, of_stand_in(stand_in, dbname))
    stand_in.clear_faults()
    store.close()


@pytest.fixture(params=["stand-in", "fdb"])
def shop(request: pytest.FixtureRequest, config_of: ConfigOf, dbname: str) -> Iterator[Shop]:
    """Give a shop, on the stand-in and on a real server."""
    if request.param == "stand-in":
        yield request.getfixturevalue("on_stand_in")
        return
    server: FdbServer = request.getfixturevalue("fdb_server")
    bound = of_fdb(server, dbname)
    store = FdbBackend.open(config_of(server.url()))
    yield Shop(store, bound)
    store.close()
