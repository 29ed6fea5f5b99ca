"""A store that is not to be made is not made, on a server that has none of that name."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.contract.makers import firing, ids
from skunkqueue.errors import StoreMissingError
from skunkqueue.persistence.mongodb.connection import Connection
from skunkqueue.persistence.mongodb.settings import settings_of
from tests.mongo.opening import OpenStore
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import MongoServer


def test_a_store_that_is_not_there_is_told_and_not_made(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    config = mongo_config_of(mongod)

    with pytest.raises(StoreMissingError, match=config.dbname):
        open_store(replace(config, create=False))

    connection = Connection(settings_of(config), SYSTEM_CLOCK)
    try:
        assert connection.db.list_collection_names() == []
    finally:
        connection.close()


def test_a_store_that_is_there_is_opened_without_making_it(
    mongod: MongoServer, mongo_config_of: MongoConfigOf, open_store: OpenStore
) -> None:
    config = mongo_config_of(mongod)
    made = firing()
    open_store(config).enqueue([made])

    (found,) = open_store(replace(config, create=False)).get(ids([made]))

    assert found is not None
