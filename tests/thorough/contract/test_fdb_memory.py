"""The FoundationDB backend, held to the contract: on a server with the memory engine, or on the stand-in where there is none.

The kit takes a minute of the processor's time on it; the quick tests have the part of it on which every run depends.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from skunkqueue.config import open_backend
from skunkqueue.contract import BackendContract, Outage
from skunkqueue.contract.effort import EFFORT
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from tests.support.fdb_fixtures import fdb_config
from tests.support.fdb_proxy import FdbProxy
from tests.support.fdb_server import FdbServer, is_here
from tests.support.fdb_standin.backend import SLOW, StandInBackend
from tests.support.outages import outage_of
from tests.support.store_fixtures import ConfigOf

IS_HERE = is_here()


class TestFdb(BackendContract):
    """One process, whose data is in memory."""

    backend_class = None if IS_HERE else StandInBackend
    # Some hundred transactions each; the whole walk is taken on SQLite and Redis.
    examples = EFFORT.examples // 3

    @pytest.fixture
    def config(self, request: pytest.FixtureRequest, config_of: ConfigOf) -> BackendConfig:
        return fdb_config(request, config_of)

    @pytest.fixture
    def outage(self, request: pytest.FixtureRequest, config_of: ConfigOf) -> Outage | None:
        if not IS_HERE:
            return None
        given: tuple[FdbServer, FdbProxy] = request.getfixturevalue("fdb_behind_proxy")
        server, proxy = given
        # After the last outage the binding takes a while to notice that the line is there again.
        open_backend(config_of(server.url(), retry_for="60")).close()
        return outage_of(config_of(server.url(), retry_for="0.5"), proxy)

    def test_many_firings_start_on_many_waiting_workers_within_milliseconds(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        if not IS_HERE:
            pytest.skip(SLOW)
        super().test_many_firings_start_on_many_waiting_workers_within_milliseconds(real_backend, threads)
