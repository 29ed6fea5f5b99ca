"""The servers that the tests of this folder run against."""

from __future__ import annotations

import pytest

from tests.fdb.bindings import Bound, of_fdb, of_stand_in
from tests.support.fdb_fixtures import fdb_server, new_fdb_server, new_stand_in, stand_in
from tests.support.store_fixtures import config_of, dbname

__all__ = ["config_of", "dbname", "fdb_server", "new_fdb_server", "new_stand_in", "stand_in"]


@pytest.fixture(params=["stand-in", "fdb"])
def bound(request: pytest.FixtureRequest, dbname: str) -> Bound:
    """Give each binding in turn, with keys of the test's own."""
    if request.param == "fdb":
        return of_fdb(request.getfixturevalue("fdb_server"), dbname)
    return of_stand_in(request.getfixturevalue("stand_in"), dbname)
