"""The Redis backend, held to the contract: on Valkey."""

from __future__ import annotations

import pytest

from skunkqueue.contract import BackendContract, Outage
from skunkqueue.persistence import BackendConfig
from tests.support.outages import outage_of
from tests.support.redis_fixtures import NewProxy, NewServer
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf

PASSWORD = "pa/ss:w@rd"  # noqa: S105 - of a server that lives as long as its test


class TestValkey9(BackendContract):
    """The server of the session, and a name of its own for every test."""

    @pytest.fixture
    def config(self, valkey: RedisServer, config_of: ConfigOf) -> BackendConfig:
        return config_of(valkey.url())

    @pytest.fixture
    def outage(self, valkey: RedisServer, config_of: ConfigOf, new_proxy: NewProxy) -> Outage:
        proxy = new_proxy(valkey.port)
        return outage_of(config_of(valkey.url(port=proxy.port), retry_for="0.1"), proxy)

    @pytest.fixture
    def config_with_password(self, new_server: NewServer, config_of: ConfigOf) -> BackendConfig:
        return config_of(new_server(password=PASSWORD).url())
