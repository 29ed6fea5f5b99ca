"""A store that is not to be made is not made, on a server that has none of that name."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.contract.makers import firing, ids
from skunkqueue.errors import StoreMissingError
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.settings import settings_of
from tests.redis.opening import OpenStore
from tests.support.redis_server import RedisServer
from tests.support.store_fixtures import ConfigOf


def test_a_store_that_is_not_there_is_told_and_not_made(
    valkey: RedisServer, config_of: ConfigOf, open_store: OpenStore, dbname: str
) -> None:
    config = config_of(valkey.url())

    with pytest.raises(StoreMissingError, match=dbname):
        open_store(replace(config, create=False))

    link = Link(settings_of(config), SYSTEM_CLOCK)
    try:
        assert link.command("EXISTS", f"{link.prefix}format") == 0
    finally:
        link.close()


def test_a_store_that_is_there_is_opened_without_making_it(
    valkey: RedisServer, config_of: ConfigOf, open_store: OpenStore
) -> None:
    config = config_of(valkey.url())
    made = firing()
    open_store(config).enqueue([made])

    (found,) = open_store(replace(config, create=False)).get(ids([made]))

    assert found is not None
