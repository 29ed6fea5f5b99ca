"""The whole contract, on our backend: a dozen lines are all a backend's author writes."""

import pytest

from skunkqueue.contract import BackendContract
from skunkqueue.persistence import BackendConfig


class TestMemory(BackendContract):
    """The class under test is found through the entry point ``memory``."""

    @pytest.fixture
    def config(self) -> BackendConfig:
        """Return the config of an empty store; here every store is new."""
        return BackendConfig(backend="memory")

    @pytest.fixture
    def config_with_password(self) -> BackendConfig:
        """Return a config with a password: this store needs none, and must not show it."""
        return BackendConfig(backend="memory", url="memory://user:s3cret@here")
