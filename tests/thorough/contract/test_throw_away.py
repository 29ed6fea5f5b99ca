"""The store of the test mode, held to the contract: it differs from the embedded one in two verbs, and in nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from skunkqueue.contract import BackendContract
from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.testing.store import ThrowAwayStore


class ButForTwoVerbs(ThrowAwayStore):
    """It lists the worker that a test's runs are by, and refuses waits that nobody would end; tests/core/testing has both."""

    workers = SQLiteBackend.workers
    wait_settled = SQLiteBackend.wait_settled


class TestThrowAway(BackendContract):
    """A fresh file for every test."""

    drawn_in: ClassVar[int] = 2

    backend_class = ButForTwoVerbs

    @pytest.fixture
    def config(self, tmp_path: Path) -> BackendConfig:
        return BackendConfig(backend="sqlite", url=f"sqlite:///{tmp_path}/q.db")
