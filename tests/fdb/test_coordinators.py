"""Coordinators that change under open stores: the cluster file is written anew, and stores, waits and later openings go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from skunkqueue.contract.makers import QUEUE, ROUTE, WORKER, claim, firing, ids
from skunkqueue.persistence.fdb.backend import FdbBackend
from tests.support.fdb_fixtures import NewFdbServer
from tests.support.fdb_server import FdbServer, url_of
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually, pause

LONG = 60.0


@pytest.fixture
def server(new_fdb_server: NewFdbServer) -> FdbServer:
    return new_fdb_server()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


def change_coordinators(server: FdbServer) -> str:
    """Give the cluster another description, as a change of coordinators does; return its new connection string."""
    before = server.connection_string
    said = server.cli(f"coordinators {server.address} description=moved")
    assert "changed" in said, said
    eventually(lambda: server.connection_string != before, what="the server writes its cluster file")
    return server.connection_string


def test_store_goes_on_and_its_cluster_file_follows(
    server: FdbServer, config_of: ConfigOf, tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    file = tmp_path / "fdb.cluster"
    shutil.copy(server.cluster_file, file)
    config = config_of(url_of(file, ""), retry_for=str(LONG))
    with closing(FdbBackend.open(config)) as store:
        first, second = firing(), firing()
        waiting = threads.submit(store.wait, QUEUE, ROUTE, WORKER, LONG)
        pause(0.2)
        moved = change_coordinators(server)
        assert store.enqueue([first]) == [first.id]
        assert waiting.result(LONG)
        eventually(lambda: moved in file.read_text(), what="the client writes its cluster file")
        with closing(FdbBackend.open(config)) as later:
            later.enqueue([second])
        assert ids(claim(store, 5)) == [first.id, second.id]


def test_store_whose_url_has_the_content_goes_on_and_is_opened_again_in_this_process(
    server: FdbServer, config_of: ConfigOf
) -> None:
    config = config_of(f"fdb://{server.connection_string}", retry_for=str(LONG))
    with closing(FdbBackend.open(config)) as store:
        change_coordinators(server)
        first, second = firing(), firing()
        store.enqueue([first])
        with closing(FdbBackend.open(config)) as later:
            later.enqueue([second])
        assert ids(claim(store, 5)) == [first.id, second.id]
