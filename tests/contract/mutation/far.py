"""The memory backend at the far end of a cable, so that it too can be unreachable, as a store with a server can.

Copied into the package ``skunkqueue_memory`` beside the modules that mutants change, and mutated like them.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Concatenate, ParamSpec, TypeVar

from skunkqueue_memory.backend import MemoryBackend
from skunkqueue_memory.store import Store

from skunkqueue.clock import Clock
from skunkqueue.config import redact
from skunkqueue.errors import BackendUnavailableError

P = ParamSpec("P")
T = TypeVar("T")

CUT = Event()
"""Whether the cable is cut."""


class FarStore(Store):
    """Raises what a driver would while the cable is cut, as an error of ours."""

    def __init__(self, clock: Clock, url: str | None) -> None:
        super().__init__(clock)
        self._url = url

    def run(self, verb: Callable[Concatenate[Store, P], T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the far end first."""
        self.ask()
        return super().run(verb, *args, **kwargs)

    def ask(self) -> None:
        """Raise BackendUnavailableError where the far end does not answer."""
        try:
            _driver()
        except ConnectionResetError as error:
            msg = f"{redact(self._url or 'memory')}: no answer ({error}): check that the cable is plugged in"
            raise BackendUnavailableError(msg) from error


class FarMemory(MemoryBackend):
    """The memory backend over such a store."""

    def __init__(self, clock: Clock, url: str | None = None) -> None:
        super().__init__(clock, url)
        self._store = store = FarStore(clock, url)
        store.ask()


def _driver() -> None:
    """Stand for the library that talks to a server."""
    if CUT.is_set():
        msg = "connection reset by peer"
        raise ConnectionResetError(msg)
