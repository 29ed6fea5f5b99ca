"""The MongoDB backend, held to the contract: on a server alone."""

from __future__ import annotations

from typing import ClassVar

import pytest

from skunkqueue.contract import BackendContract, Outage
from skunkqueue.contract.effort import EFFORT
from skunkqueue.contract.order import stage_of
from skunkqueue.persistence import BackendConfig
from tests.support.mongo_fixtures import MongoConfigOf, NewMongod, NewMongoProxy, UsedMongoConfigOf
from tests.support.mongo_server import MongoServer, User
from tests.support.outages import outage_of


class TestStandalone(BackendContract):
    """No transactions, no change streams."""

    drawn_among: ClassVar[str] = "servers of MongoDB"

    # As long as all other stores together.
    takes_its_time: ClassVar[bool] = True
    # Some hundred requests each; SQLite and Redis take six times as many walks.
    examples = EFFORT.examples // 6

    @pytest.fixture
    def config(
        self,
        request: pytest.FixtureRequest,
        mongod: MongoServer,
        mongo_config_of: MongoConfigOf,
        used_mongo_config_of: UsedMongoConfigOf,
    ) -> BackendConfig:
        plain = stage_of(type(self), request.node) == 0
        return used_mongo_config_of(mongod) if plain else mongo_config_of(mongod)

    @pytest.fixture
    def outage(
        self, mongod: MongoServer, mongo_config_of: MongoConfigOf, new_mongo_proxy: NewMongoProxy
    ) -> Outage:
        proxy = new_mongo_proxy(mongod)
        url = mongod.url(port=proxy.port)
        return outage_of(mongo_config_of(mongod, url, retry_for="0", connect_timeout="1"), proxy)

    @pytest.fixture
    def config_with_password(self, new_mongod: NewMongod, mongo_config_of: MongoConfigOf) -> BackendConfig:
        return mongo_config_of(new_mongod(users=[User("worker", "secret")]))
