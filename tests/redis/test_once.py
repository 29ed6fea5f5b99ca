"""Requests that change something, and that the network delivers twice, in whatever order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from skunkqueue.contract.makers import QUEUE, WORKER, counts, firings, worker
from skunkqueue.persistence.redis import RedisBackend
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import encode
from skunkqueue.records import Command, State
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf

ALL_ROUTES = False


@pytest.fixture
def backend(valkey: RedisServer, config_of: ConfigOf) -> Iterator[RedisBackend]:
    opened = RedisBackend.open(config_of(valkey.url()))
    yield opened
    opened.close()


def test_purge_that_was_held_back_removes_nothing_that_came_since(backend: RedisBackend) -> None:
    link, nonce = backend._link, backend._link.nonce()
    backend.enqueue(firings(2))
    second = link.call(load("purge"), QUEUE, ALL_ROUTES, nonce=nonce)
    backend.enqueue(firings(3))

    first = link.call(load("purge"), QUEUE, ALL_ROUTES, nonce=nonce)

    assert first == second
    assert counts(backend) == {State.PENDING: 3}


def test_command_that_was_held_back_is_sent_once(backend: RedisBackend) -> None:
    link, nonce = backend._link, backend._link.nonce()
    backend.register(worker(), 30.0)
    command = encode(Command(verb="stop"))

    for _ in range(2):
        link.call(load("send"), WORKER, 2, blobs=[command], nonce=nonce)

    assert len(backend.listen(WORKER, 0.0)) == 1
