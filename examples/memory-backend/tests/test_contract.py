"""The whole contract, on our backend: ten lines are all a backend's author writes."""

import pytest

from skunkqueue.contract import BackendContract
from skunkqueue.persistence import BackendConfig


class TestMemory(BackendContract):
    """The class under test is found through the entry point ``memory``."""

    @pytest.fixture
    def config(self) -> BackendConfig:
        """Say how an empty store is opened; here every one is new."""
        return BackendConfig(backend="memory")
