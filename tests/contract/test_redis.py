"""The Redis backend, held to the contract: on Valkey."""

from __future__ import annotations

import pytest

from skunkqueue.contract import BackendContract
from skunkqueue.persistence import BackendConfig
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf


class TestValkey9(BackendContract):
    """The server of the session, and a name of its own for every test."""

    @pytest.fixture
    def config(self, valkey: RedisServer, config_of: ConfigOf) -> BackendConfig:
        return config_of(valkey.url())
