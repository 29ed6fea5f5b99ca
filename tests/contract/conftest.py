"""Makes the example backend importable where it is not installed, starts servers for the others, and divides the kit.

Marks: ``long`` are the kit's tests that the quick tests leave to the thorough ones; ``once`` those that the quick tests run
and that are the same at every effort, so that the thorough ones need not run them again.
"""

from __future__ import annotations

import pytest

from skunkqueue.contract.order import stage_of
from tests.contract.heart import Heart
from tests.support.fdb_fixtures import fdb_server, stand_in
from tests.support.memory_example import make_importable
from tests.support.mongo_fixtures import (
    mongo_config_of,
    mongod,
    mongod_binary,
    new_mongo_proxy,
    new_mongod,
    used_mongo_config_of,
)
from tests.support.redis_fixtures import new_proxy, new_server, valkey
from tests.support.sqlite_fixtures import empty_store
from tests.support.store_fixtures import config_of, dbname

__all__ = [
    "config_of",
    "dbname",
    "empty_store",
    "fdb_server",
    "mongo_config_of",
    "mongod",
    "mongod_binary",
    "new_mongo_proxy",
    "new_mongod",
    "new_proxy",
    "new_server",
    "stand_in",
    "used_mongo_config_of",
    "valkey",
]

make_importable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the kit's tests before ``-m`` chooses among them."""
    for item in items:
        if not isinstance(item, pytest.Function) or not item.nodeid.startswith("tests/contract/"):
            continue
        suite = item.cls
        if suite is None or not hasattr(suite, "stage"):
            continue
        if getattr(suite, "takes_its_time", False) and not hasattr(Heart, item.originalname):
            item.add_marker("long")
        elif stage_of(suite, item) == 0:
            item.add_marker("once")
