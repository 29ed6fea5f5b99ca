"""Commands that come into the mailbox of a worker or pool just after that was taken off the list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymongo.database import Database

from skunkqueue.clock import VirtualClock
from skunkqueue.config import open_backend
from skunkqueue.contract.makers import LEASE, OTHER, POOL, WORKER, pool, worker
from skunkqueue.persistence.backend import Backend
from skunkqueue.persistence.mongodb import mailboxes
from skunkqueue.records import Command
from tests.support.mongo_fixtures import MongoConfigOf
from tests.support.mongo_server import Document, MongoServer


@pytest.fixture
def store(mongod: MongoServer, mongo_config_of: MongoConfigOf) -> Iterator[Backend]:
    opened = open_backend(mongo_config_of(mongod), clock=VirtualClock())
    yield opened
    opened.close()


@pytest.fixture
def inside(mongod: MongoServer, dbname: str) -> Database[Document]:
    return mongod.client()[dbname]


@pytest.mark.parametrize("to", [WORKER, POOL])
def test_a_sweep_removes_commands_that_nobody_takes(
    store: Backend, inside: Database[Document], monkeypatch: pytest.MonkeyPatch, to: str
) -> None:
    store.register(worker(), LEASE)
    store.register(worker(OTHER), LEASE)
    store.register_pool(pool(), LEASE)
    post = mailboxes._post

    def late(of: Any, id_: str, command: Command) -> None:
        store.unregister(WORKER)
        store.unregister_pool(POOL)
        post(of, id_, command)

    with monkeypatch.context() as patch:
        patch.setattr(mailboxes, "_post", late)
        assert store.send(to, Command(verb="stop"))
    assert store.send(OTHER, Command(verb="restart"))

    assert store.sweep() == 1
    assert store.sweep() == 0
    assert [one["worker"] for one in inside.commands.find()] == [OTHER]
    assert store.listen(OTHER, 0.0) == [Command(verb="restart")]
