"""The fixtures of every area of the kit, and skipping what a backend does not claim.

Knows how a backend is opened and closed, and none of its promises.
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
"""Seconds for which a ``polite`` thread pauses at each step, long enough for others to run."""
POLITE = 5.0
"""Seconds after which threads stop pausing: on a busy machine each of thousands of pauses takes long."""


@dataclass(frozen=True)
class Outage:
    """A store that can be made unreachable, as if its cable were pulled."""

    config: BackendConfig
    """Opens the store over a connection that can be cut. Options should limit how long the backend retries."""
    begin: Callable[[], object]
    """Make it unreachable: connections that are open break, and new ones are refused."""
    end: Callable[[], object]
    """Make it reachable again, with everything that was in it."""


class Kit:
    """Fixtures of the suite; a subclass supplies ``config``."""

    backend_class: ClassVar[type[Backend] | None] = None
    """The class under test; ``None``: that of the entry point which the config names."""
    stage: ClassVar[int] = 0
    """When the tests of an area run: 0 plain tests, 1 tests that sleep, 2 tests with many threads, 3 random tests and kills."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Make the tests run in the order of their stages; pytest calls this while it collects them."""
        keep_order(metafunc.config)

    @pytest.fixture
    def config(self) -> BackendConfig:
        """Return the config of an empty store; each call must return one of its own."""
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
        """Open the store under the machine's clock, for tests that must wait."""
        opened = open_empty(tested_class, config)
        yield opened
        opened.close()

    @pytest.fixture
    def listing_backend(self, tested_class: type[Backend], backend: Backend) -> Backend:
        """Skip where the store does not list rows."""
        require(tested_class, "rows")
        return backend

    @pytest.fixture
    def counting_backend(self, tested_class: type[Backend], backend: Backend) -> Backend:
        """Skip where the store does not count by job."""
        require(tested_class, "counters")
        return backend

    @pytest.fixture
    def pool_backend(self, tested_class: type[Backend], backend: Backend) -> Backend:
        """Skip where the store does not list pools."""
        require(tested_class, "pools")
        return backend

    @pytest.fixture
    def audit_backend(self, tested_class: type[Backend], backend: Backend) -> Backend:
        """Skip where the store has no audit log."""
        require(tested_class, "audit")
        return backend

    @pytest.fixture
    def outage(self) -> Outage | None:
        """Return what makes the store unreachable, and reachable again; ``None``: outages are not tested."""
        return None

    @pytest.fixture
    def config_with_password(self) -> BackendConfig | None:
        """Return a config with a password in its URL or options; ``None``: passwords are not tested."""
        return None

    @pytest.fixture
    def threads(self) -> Iterator[ThreadPoolExecutor]:
        """Return threads; a test waits for their futures with ``PATIENCE``."""
        with ThreadPoolExecutor(8, thread_name_prefix="contract") as pool:
            yield pool

    @pytest.fixture
    def polite(self, tested_class: type[Backend]) -> Iterator[None]:
        """Make threads that begin now pause at every step of the backend's own code, to show what is not atomic.

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
        """Skip where several processes may not share a store."""
        require(tested_class, "processes")

    @pytest.fixture
    def durable(self, tested_class: type[Backend]) -> None:
        """Skip where the store does not survive its process."""
        require(tested_class, "durable")


def open_empty(tested_class: type[Backend], config: BackendConfig, clock: Clock = SYSTEM_CLOCK) -> Backend:
    """Open the store that a test begins with; fails, and names what is in it, where it is not empty."""
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
    """Return what is in a store, for people; an empty text where nothing is."""
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
