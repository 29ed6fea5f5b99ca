"""The MongoDB backend, held to the contract on a replica set."""

from __future__ import annotations

from typing import ClassVar

import pytest

from skunkqueue.contract import BackendContract, Outage
from skunkqueue.contract.effort import EFFORT
from skunkqueue.contract.order import stage_of
from skunkqueue.persistence import BackendConfig
from tests.support.mongo_fixtures import MongoConfigOf, NewMongoProxy, NewReplicaSet, UsedMongoConfigOf
from tests.support.mongo_replica_set import MongoReplicaSet
from tests.support.mongo_server import User
from tests.support.outages import outage_of


class TestReplicaSet(BackendContract):
    """Change streams, and writes that a majority has."""

    drawn_among: ClassVar[str] = "servers of MongoDB"

    # Under a virtual clock nothing differs from the standalone.
    examples = EFFORT.examples // 5

    @pytest.fixture
    def config(
        self,
        request: pytest.FixtureRequest,
        replica_set: MongoReplicaSet,
        mongo_config_of: MongoConfigOf,
        used_mongo_config_of: UsedMongoConfigOf,
    ) -> BackendConfig:
        plain = stage_of(type(self), request.node) == 0
        return used_mongo_config_of(replica_set) if plain else mongo_config_of(replica_set)

    @pytest.fixture
    def outage(
        self, replica_set: MongoReplicaSet, mongo_config_of: MongoConfigOf, new_mongo_proxy: NewMongoProxy
    ) -> Outage:
        (server,) = replica_set.servers
        proxy = new_mongo_proxy(server)
        url = server.url(port=proxy.port)
        return outage_of(mongo_config_of(replica_set, url, retry_for="0", connect_timeout="1"), proxy)

    @pytest.fixture
    def config_with_password(
        self, new_replica_set: NewReplicaSet, mongo_config_of: MongoConfigOf
    ) -> BackendConfig:
        return mongo_config_of(new_replica_set(users=[User("worker", "secret")]))
