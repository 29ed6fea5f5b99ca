"""What every area of the kit stands on: the fixtures, and the asking for capabilities.

Knows how a backend is opened and closed, and no promise of it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, cast

import pytest

from skunkqueue.clock import VirtualClock
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.plugins import BACKENDS
from skunkqueue.plugins.registry import find

PATIENCE = 20.0
"""Real seconds after which something that must happen is taken to have failed."""


class Kit:
    """Fixtures of the suite; a subclass supplies ``config``."""

    backend_class: ClassVar[type[Backend] | None] = None
    """The class under test; ``None``: what the entry point named in the config says."""

    @pytest.fixture
    def config(self) -> BackendConfig:
        """Say how to open an empty store; each call must mean one of its own."""
        msg = (
            f"{type(self).__name__} needs a fixture `config` that returns the BackendConfig of an empty store"
        )
        raise NotImplementedError(msg)

    @pytest.fixture
    def tested_class(self, config: BackendConfig) -> type[Backend]:
        """Find the class under test."""
        return type(self).backend_class or cast("type[Backend]", find(BACKENDS, config.backend))

    @pytest.fixture
    def clock(self) -> VirtualClock:
        """Make a clock that only the test moves."""
        return VirtualClock()

    @pytest.fixture
    def backend(
        self, tested_class: type[Backend], config: BackendConfig, clock: VirtualClock
    ) -> Iterator[Backend]:
        """Open the store under the virtual clock."""
        opened = tested_class.open(config, clock=clock)
        yield opened
        opened.close()

    @pytest.fixture
    def real_backend(self, tested_class: type[Backend], config: BackendConfig) -> Iterator[Backend]:
        """Open the store under the machine's own clock, for what must wait."""
        opened = tested_class.open(config)
        yield opened
        opened.close()

    @pytest.fixture
    def threads(self) -> Iterator[ThreadPoolExecutor]:
        """Lend threads; a test asks their futures with ``PATIENCE``."""
        with ThreadPoolExecutor(8, thread_name_prefix="contract") as pool:
            yield pool

    @pytest.fixture
    def hasty(self) -> Iterator[None]:
        """Have threads take turns a thousand times as often, so that what is not atomic is seen to be so."""
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        yield
        sys.setswitchinterval(before)

    @pytest.fixture
    def processes(self, tested_class: type[Backend]) -> None:
        """Go on only where several processes may share a store."""
        require(tested_class, "processes")

    @pytest.fixture
    def durable(self, tested_class: type[Backend]) -> None:
        """Go on only where what was accepted survives the process."""
        require(tested_class, "durable")


def require(tested_class: type[Backend], capability: str) -> None:
    """Skip the test where a backend does not claim a capability."""
    if capability not in tested_class.capabilities:
        pytest.skip(f"{tested_class.__name__} does not claim the capability {capability!r}: not tested")
