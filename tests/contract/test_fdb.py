"""FoundationDB in the quick tests: what every run of a job depends on, on a server or on the stand-in where there is none.

The whole kit takes a minute of the processor's time on it, so it is among the thorough tests.
"""

from __future__ import annotations

import pytest

from skunkqueue.persistence import BackendConfig
from tests.contract.heart import Heart
from tests.support.fdb_fixtures import fdb_config
from tests.support.fdb_server import is_here
from tests.support.fdb_standin.backend import StandInBackend
from tests.support.store_fixtures import ConfigOf

IS_HERE = is_here()


class TestFdbEveryDay(Heart):
    """One process, whose data is in memory."""

    backend_class = None if IS_HERE else StandInBackend

    @pytest.fixture
    def config(self, request: pytest.FixtureRequest, config_of: ConfigOf) -> BackendConfig:
        return fdb_config(request, config_of)
