"""The whole contract, on our backend: a dozen lines are all a backend's author writes."""

import pytest

from skunkqueue.contract import BackendContract
from skunkqueue.persistence import BackendConfig


class TestMemory(BackendContract):
    """The class under test is found through the entry point ``memory``."""

    @pytest.fixture
    def config(self) -> BackendConfig:
        """Say how an empty store is opened; here every one is new."""
        return BackendConfig(backend="memory")

    @pytest.fixture
    def config_with_password(self) -> BackendConfig:
        """Say how it is opened with a password: none is asked for, and none may be shown."""
        return BackendConfig(backend="memory", url="memory://user:s3cret@here")
