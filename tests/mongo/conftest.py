"""The servers that the tests of this folder run against, and stores opened there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from skunkqueue.config import open_backend
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import (
    mongo_config_of,
    mongod,
    mongod_binary,
    new_mongo_proxy,
    new_mongod,
    new_replica_set,
    replica_set,
)
from tests.support.store_fixtures import config_of, dbname

__all__ = [
    "config_of",
    "dbname",
    "mongo_config_of",
    "mongod",
    "mongod_binary",
    "new_mongo_proxy",
    "new_mongod",
    "new_replica_set",
    "replica_set",
]


@pytest.fixture
def open_store() -> Iterator[OpenStore]:
    """Open stores that are closed when the test ends, before its servers are."""
    with ExitStack() as stack:

        def make(config: BackendConfig) -> Backend:
            opened = open_backend(config)
            stack.callback(opened.close)
            return opened

        yield make
