"""What every area of the kit stands on: the fixtures, and the asking for capabilities.

Knows how a backend is opened and closed, and no promise of it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest

from skunkqueue.clock import SYSTEM_CLOCK, Clock, VirtualClock
from skunkqueue.contract.order import keep_order
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.plugins import BACKENDS
from skunkqueue.plugins.registry import find

if TYPE_CHECKING:
    from _typeshed import TraceFunction

PATIENCE = 40.0
"""Real seconds after which something that must happen is taken to have failed."""
STEP = 2e-5
"""Seconds that a ``polite`` thread pauses at each step, long enough for others to go on."""
POLITE = 5.0
"""Seconds after which no thread pauses any more: on a busy machine, each of thousands of pauses takes long."""


@dataclass(frozen=True)
class Outage:
    """A store that can be made unreachable, as by a cable that is pulled."""

    config: BackendConfig
    """Opens the store over what can be cut. Where the backend is patient, its options should make it less so."""
    begin: Callable[[], object]
    """Make it unreachable: connections that are open break, and new ones are refused."""
    end: Callable[[], object]
    """Make it reachable again, with all that was in it."""


class Kit:
    """Fixtures of the suite; a subclass supplies ``config``."""

    backend_class: ClassVar[type[Backend] | None] = None
    """The class under test; ``None``: what the entry point named in the config says."""
    stage: ClassVar[int] = 0
    """When an area's tests run: 0 what is plain, 1 what sleeps, 2 what is crowded, 3 what is random or kills."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Have the tests run in the order of their stages; pytest asks while it collects them."""
        keep_order(metafunc.config)

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
        opened = open_empty(tested_class, config, clock)
        yield opened
        opened.close()

    @pytest.fixture
    def real_backend(self, tested_class: type[Backend], config: BackendConfig) -> Iterator[Backend]:
        """Open the store under the machine's own clock, for what must wait."""
        opened = open_empty(tested_class, config)
        yield opened
        opened.close()

    @pytest.fixture
    def listing_backend(self, tested_class: type[Backend], backend: Backend) -> Backend:
        """Go on only where the store lists rows."""
        require(tested_class, "rows")
        return backend

    @pytest.fixture
    def counting_backend(self, tested_class: type[Backend], backend: Backend) -> Backend:
        """Go on only where the store counts by job."""
        require(tested_class, "counters")
        return backend

    @pytest.fixture
    def pool_backend(self, tested_class: type[Backend], backend: Backend) -> Backend:
        """Go on only where the store lists pools."""
        require(tested_class, "pools")
        return backend

    @pytest.fixture
    def audit_backend(self, tested_class: type[Backend], backend: Backend) -> Backend:
        """Go on only where the store has an audit log."""
        require(tested_class, "audit")
        return backend

    @pytest.fixture
    def outage(self) -> Outage | None:
        """Say how the store is made unreachable, and reachable again; ``None``: that is not tested."""
        return None

    @pytest.fixture
    def config_with_password(self) -> BackendConfig | None:
        """Say how to open a store by a URL (or options) with a password in it; ``None``: that is not tested."""
        return None

    @pytest.fixture
    def threads(self) -> Iterator[ThreadPoolExecutor]:
        """Lend threads; a test asks their futures with ``PATIENCE``."""
        with ThreadPoolExecutor(8, thread_name_prefix="contract") as pool:
            yield pool

    @pytest.fixture
    def polite(self, tested_class: type[Backend]) -> Iterator[None]:
        """Have threads that begin now pause at every step of the backend's own code, so that what is not atomic shows.

        For ``POLITE`` seconds at most.
        """
        until = time.monotonic() + POLITE
        package = tested_class.__module__.rpartition(".")[0] or tested_class.__module__

        def pause(frame: FrameType, event: str, argument: Any) -> TraceFunction | None:
            del event, argument
            ours = frame.f_globals.get("__name__", "").startswith(package)
            if not ours or time.monotonic() > until:
                return None
            frame.f_trace_opcodes = True
            time.sleep(STEP)
            return pause

        before = threading.gettrace()
        threading.settrace(pause)
        yield
        threading.settrace(before)

    @pytest.fixture
    def processes(self, tested_class: type[Backend]) -> None:
        """Go on only where several processes may share a store."""
        require(tested_class, "processes")

    @pytest.fixture
    def durable(self, tested_class: type[Backend]) -> None:
        """Go on only where what was accepted survives the process."""
        require(tested_class, "durable")


def open_empty(tested_class: type[Backend], config: BackendConfig, clock: Clock = SYSTEM_CLOCK) -> Backend:
    """Open the store that a test begins with; fails with the reason where something is in it already."""
    opened = tested_class.open(config, clock=clock)
    found = leftovers(opened)
    if found:
        opened.close()
        pytest.fail(
            f"this store is not empty: it has {found}. Every test needs an empty one: have the fixture `config`"
            f" name another store each time, or empty the one it names",
            pytrace=False,
        )
    return opened


def leftovers(backend: Backend) -> str:
    """Name what is in a store; an empty text where nothing is."""
    found = []
    for info in backend.routes():
        counted = ", ".join(f"{count} {state}" for state, count in info.counts.items() if count)
        found.append(f"the route {info.route!r} of the queue {info.queue!r} ({counted or 'without firings'})")
    found += [f"the schedule {one.name!r} of the queue {one.queue!r}" for one in backend.schedules()]
    found += [f"the worker {one.id!r}" for one in backend.workers()]
    if "pools" in backend.capabilities:
        found += [f"the pool {one.id!r}" for one in backend.pools()]
    if "audit" in backend.capabilities:
        found += [f"the entry {one.id!r} of the audit log" for one in backend.audit(3).entries]
    more = len(found) - 3
    return "; ".join(found[:3]) + (f"; and {more} more" if more > 0 else "")


def require(tested_class: type[Backend], capability: str) -> None:
    """Skip the test where a backend does not claim a capability."""
    if capability not in tested_class.capabilities:
        pytest.skip(f"{tested_class.__name__} does not claim the capability {capability!r}: not tested")
