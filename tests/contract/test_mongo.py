"""The MongoDB backend, held to the contract: on a server alone."""

from __future__ import annotations

import pytest

from skunkqueue.contract import BackendContract
from skunkqueue.contract.effort import EFFORT
from skunkqueue.persistence import BackendConfig
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer


class TestStandalone(BackendContract):
    """No transactions, no change streams."""

    # Some hundred requests each; the whole walk is taken on SQLite and Redis.
    examples = EFFORT.examples // 3

    @pytest.fixture
    def config(self, mongod: MongoServer, mongo_config_of: MongoConfigOf) -> BackendConfig:
        return mongo_config_of(mongod)
