"""Signal handlers and forks: neither ever blocks who uses a store on MongoDB, though pymongo has locks."""

from __future__ import annotations

from tests.mongo.opening import OpenStore
from tests.support.disturbing import fire_in_handlers, fork_while_threads_fire, interrupt
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer


def test_handler_may_fire_at_any_time(
    open_store: OpenStore, mongo_config_of: MongoConfigOf, mongod: MongoServer
) -> None:
    backend = open_store(mongo_config_of(mongod))
    assert set(fire_in_handlers(backend, 200)) == {"fired"}


def test_exception_of_a_handler_leaves_the_store_usable(
    open_store: OpenStore, mongo_config_of: MongoConfigOf, mongod: MongoServer
) -> None:
    interrupt(open_store(mongo_config_of(mongod)), 300)


def test_child_uses_the_store_at_once_while_other_threads_of_its_parent_do(
    open_store: OpenStore, mongo_config_of: MongoConfigOf, mongod: MongoServer
) -> None:
    fork_while_threads_fire(open_store(mongo_config_of(mongod)), 20)
