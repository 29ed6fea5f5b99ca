"""The FoundationDB backend, held to the contract on the ssd engine, on a cluster of three processes, and on the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from skunkqueue.contract import BackendContract
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from tests.support.fdb_server import FdbCluster, FdbServer, find_fdbserver, is_here
from tests.support.fdb_standin.backend import SLOW, StandInBackend
from tests.support.fdb_standin.process import StandInServer
from tests.support.store_fixtures import ConfigOf


@pytest.fixture(scope="module")
def ssd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FdbServer]:
    """Give a server that keeps its data on disk."""
    server = FdbServer(find_fdbserver(), tmp_path_factory.mktemp("ssd"), engine="ssd")
    try:
        server.start()
        yield server
    finally:
        server.close()


class TestSsd(BackendContract):
    """One process, whose data is on disk."""

    # Under a virtual clock nothing differs from the memory engine.
    examples = 30

    @pytest.fixture
    def config(self, ssd: FdbServer, config_of: ConfigOf) -> BackendConfig:
        return config_of(ssd.url())


class TestCluster(BackendContract):
    """Three processes, each of which has a part of the data, in two copies; a commit is on the disks of two."""

    # As above.
    examples = 10

    @pytest.fixture
    def config(self, fdb_cluster: FdbCluster, config_of: ConfigOf) -> BackendConfig:
        return config_of(fdb_cluster.url())


@pytest.mark.skipif(not is_here(), reason="test_fdb_memory.py runs on the stand-in where no server is")
class TestStandIn(BackendContract):
    """A server in Python, for machines without a real one."""

    examples = 30
    backend_class = StandInBackend

    @pytest.fixture
    def config(self, stand_in: StandInServer, config_of: ConfigOf) -> BackendConfig:
        # On a busy machine a server in Python takes as long as it takes.
        return config_of(f"{stand_in.url()}?retry_for=120&timeout=60")

    def test_many_firings_start_on_many_waiting_workers_within_milliseconds(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        del real_backend, threads
        pytest.skip(SLOW)
