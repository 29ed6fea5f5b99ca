"""The embedded backend, held to the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from skunkqueue.contract import BackendContract
from skunkqueue.persistence import BackendConfig


class TestSQLite(BackendContract):
    """A fresh file for every test."""

    @pytest.fixture
    def config(self, tmp_path: Path) -> BackendConfig:
        return BackendConfig(backend="sqlite", url=f"sqlite:///{tmp_path}/q.db")
