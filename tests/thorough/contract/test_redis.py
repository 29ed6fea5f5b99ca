"""The Redis backend, held to the contract: on the oldest Redis, and on a cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from skunkqueue.contract import BackendContract, Outage
from skunkqueue.persistence import BackendConfig
from tests.support.outages import outage_of
from tests.support.redis_cluster import RedisCluster
from tests.support.redis_fixtures import NewProxy, NewServer
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf

PASSWORD = "pa/ss:w@rd"  # noqa: S105 - of servers that live as long as their test


class TestRedis62(BackendContract):
    """The oldest Redis that we promise to run on."""

    drawn_among: ClassVar[str] = "servers of Redis"

    @pytest.fixture
    def config(self, redis62: RedisServer, config_of: ConfigOf) -> BackendConfig:
        return config_of(redis62.url())

    @pytest.fixture
    def outage(self, redis62: RedisServer, config_of: ConfigOf, new_proxy: NewProxy) -> Outage:
        proxy = new_proxy(redis62.port)
        return outage_of(config_of(redis62.url(port=proxy.port), retry_for="0.1"), proxy)

    @pytest.fixture
    def config_with_password(
        self, redis62: RedisServer, new_server: NewServer, config_of: ConfigOf
    ) -> BackendConfig:
        return config_of(new_server(binary=redis62.binary, password=PASSWORD).url())


class TestCluster(BackendContract):
    """Three masters: what belongs to one queue must be in one place, and what does not may not."""

    drawn_among: ClassVar[str] = "servers of Redis"

    @pytest.fixture
    def config(self, cluster: RedisCluster, config_of: ConfigOf) -> BackendConfig:
        return config_of(cluster.url())

    @pytest.fixture
    def outage(self, cluster: RedisCluster, config_of: ConfigOf, new_proxy: NewProxy) -> Iterator[Outage]:
        """Every node is behind a proxy, whose port it names to clients as its own."""
        proxies = {node: new_proxy(node.port) for node in cluster.masters}
        ports = {node: proxy.port for node, proxy in proxies.items()}
        cluster.send_clients_to(ports)
        try:
            yield outage_of(config_of(cluster.url(ports=ports.values()), retry_for="0.1"), *proxies.values())
        finally:
            cluster.send_clients_to({node: node.port for node in cluster.masters})

    @pytest.fixture
    def config_with_password(
        self, new_cluster: Callable[..., RedisCluster], config_of: ConfigOf
    ) -> BackendConfig:
        return config_of(new_cluster(password=PASSWORD).url())
