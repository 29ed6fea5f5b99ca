"""The embedded backend, held to the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from skunkqueue.contract import BackendContract, Outage
from skunkqueue.contract.order import stage_of
from skunkqueue.persistence import BackendConfig
from tests.support.sqlite_fixtures import EmptyStore


class TestSQLite(BackendContract):
    """A fresh file for every test. There are no passwords."""

    @pytest.fixture
    def config(
        self, request: pytest.FixtureRequest, tmp_path: Path, empty_store: EmptyStore
    ) -> BackendConfig:
        if stage_of(type(self), request.node) == 0:
            empty_store(tmp_path / "q.db")
        return BackendConfig(backend="sqlite", url=f"sqlite:///{tmp_path}/q.db")

    @pytest.fixture
    def outage(self, tmp_path: Path) -> Outage:
        """Its folder is no longer there, as where a disk is taken away; a file keeps it from being made anew."""
        folder, elsewhere = tmp_path / "disk", tmp_path / "elsewhere"
        folder.mkdir()

        def begin() -> None:
            folder.rename(elsewhere)
            folder.touch()

        def end() -> None:
            if elsewhere.exists():
                folder.unlink()
                elsewhere.rename(folder)

        return Outage(BackendConfig(backend="sqlite", url=f"sqlite:///{folder}/q.db"), begin, end)
