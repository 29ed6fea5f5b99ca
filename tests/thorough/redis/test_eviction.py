"""A server that may throw away keys when its memory is full would lose firings: that is noticed."""

from __future__ import annotations

import logging

import pytest

from skunkqueue.contract.makers import firing
from tests.redis.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.redis_fixtures import NewServer
from tests.support.redis_server import RedisServer
from tests.support.server_process import HOST
from tests.support.store_fixtures import ConfigOf

POLICIES = ["allkeys-lru", "volatile-lru", "allkeys-random", "volatile-ttl"]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and record.name.startswith("skunkqueue")
    ]


@pytest.mark.parametrize("policy", POLICIES)
def test_an_eviction_policy_is_warned_about_with_the_way_out(
    new_server: NewServer,
    open_store: OpenStore,
    config_of: ConfigOf,
    caplog: pytest.LogCaptureFixture,
    policy: str,
) -> None:
    server = new_server(directives={"maxmemory": "100mb", "maxmemory-policy": policy})

    open_store(config_of(server.url())).enqueue([firing()])

    (said,) = warnings(caplog)
    assert policy in said
    assert "noeviction" in said
    assert f"{HOST}:{server.port}" in said


def test_it_is_warned_about_once(
    new_server: NewServer, open_store: OpenStore, config_of: ConfigOf, caplog: pytest.LogCaptureFixture
) -> None:
    server = new_server(directives={"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"})
    store = open_store(config_of(server.url()))
    store.enqueue([firing()])

    server.restart()
    persistently(lambda: store.enqueue([firing()]))

    assert len(warnings(caplog)) == 1


def test_a_server_that_throws_nothing_away_is_not_warned_about(
    valkey: RedisServer, open_store: OpenStore, config_of: ConfigOf, caplog: pytest.LogCaptureFixture
) -> None:
    open_store(config_of(valkey.url())).enqueue([firing()])

    assert warnings(caplog) == []
