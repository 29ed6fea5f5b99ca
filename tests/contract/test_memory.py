"""The example backend, held to the contract."""

from __future__ import annotations

import pytest
from skunkqueue_memory import MemoryBackend

from skunkqueue.contract import BackendContract
from skunkqueue.persistence import BackendConfig


class TestMemory(BackendContract):
    """Named by class, so that the example need not be installed."""

    backend_class = MemoryBackend

    @pytest.fixture
    def config(self) -> BackendConfig:
        return BackendConfig(backend="memory")

    @pytest.fixture
    def config_with_password(self) -> BackendConfig:
        return BackendConfig(backend="memory", url="memory://user:s3cret@here")
