"""The Redis backend, held to the contract: on the oldest Redis, and on a cluster."""

from __future__ import annotations

import pytest

from skunkqueue.contract import BackendContract
from skunkqueue.persistence import BackendConfig
from tests.support.redis_cluster import RedisCluster
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf


class TestRedis62(BackendContract):
    """The oldest Redis that we promise to run on."""

    @pytest.fixture
    def config(self, redis62: RedisServer, config_of: ConfigOf) -> BackendConfig:
        return config_of(redis62.url())


class TestCluster(BackendContract):
    """Three masters: what belongs to one queue must be in one place, and what does not may not."""

    @pytest.fixture
    def config(self, cluster: RedisCluster, config_of: ConfigOf) -> BackendConfig:
        return config_of(cluster.url())
