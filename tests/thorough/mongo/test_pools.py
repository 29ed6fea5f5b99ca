"""Pools and their commands on MongoDB: what holds of any store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.shop import Shop
from tests.acceptance.test_pool_commands import *  # noqa: F403 - the same tests, on another store
from tests.support.mongo_server import MongoServer


@pytest.fixture
def shop(tmp_path: Path, mongod: MongoServer, dbname: str) -> Iterator[Shop]:
    with Shop(tmp_path, mongod.url(dbname)) as made:
        yield made
