"""The MongoDB backend, held to the contract on a replica set."""

from __future__ import annotations

import pytest

from skunkqueue.contract import BackendContract
from skunkqueue.persistence import BackendConfig
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_replica_set import MongoReplicaSet


class TestReplicaSet(BackendContract):
    """Change streams, and writes that a majority has."""

    # Under a virtual clock nothing differs from the standalone.
    examples = 30

    @pytest.fixture
    def config(self, replica_set: MongoReplicaSet, mongo_config_of: MongoConfigOf) -> BackendConfig:
        return mongo_config_of(replica_set)
