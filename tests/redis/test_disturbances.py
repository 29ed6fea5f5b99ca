"""Signal handlers and forks: neither ever blocks who uses a store on Redis."""

from __future__ import annotations

from skunkqueue.persistence.redis.connections import PlainConnection
from tests.redis.opening import OpenStore
from tests.support.disturbing import fire_in_handlers, fork_while_threads_fire, interrupt
from tests.support.jumps import left_out
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf


def test_handler_may_fire_at_any_time(
    open_store: OpenStore, config_of: ConfigOf, valkey: RedisServer
) -> None:
    backend = open_store(config_of(valkey.url()))
    assert set(fire_in_handlers(backend, 200)) == {"fired"}


def test_exception_of_a_handler_leaves_the_store_usable(
    open_store: OpenStore, config_of: ConfigOf, valkey: RedisServer
) -> None:
    interrupt(open_store(config_of(valkey.url())), 100)


def test_what_a_handler_raises_while_a_reply_comes_in_pieces_breaks_the_connection() -> None:
    """The next reply on it would be the rest of that one."""
    assert left_out(PlainConnection.hear_popped.__code__) == []


def test_child_uses_the_store_at_once_while_other_threads_of_its_parent_do(
    open_store: OpenStore, config_of: ConfigOf, valkey: RedisServer
) -> None:
    fork_while_threads_fire(open_store(config_of(valkey.url())), 20)
