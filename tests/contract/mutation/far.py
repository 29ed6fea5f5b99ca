"""The memory backend at the far end of a cable, so that it too can be unreachable, as a store with a server can.

Copied into the package ``skunkqueue_memory`` beside the modules that mutants change, and mutated like them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event

from skunkqueue_memory.backend import MemoryBackend

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.config import redact
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.persistence.backend import BackendConfig

CUT = Event()
"""Whether the cable is cut."""


class FarMemory(MemoryBackend):
    """Raises what a driver would while the cable is cut, as an error of ours."""

    @classmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> FarMemory:
        """Connect."""
        made = cls(clock, config.url)
        made._ask()
        return made

    @contextmanager
    def _open(self) -> Iterator[None]:
        self._ask()
        with super()._open():
            yield

    def _ask(self) -> None:
        try:
            _driver()
        except ConnectionResetError as error:
            msg = f"{redact(self._url or 'memory')}: no answer ({error}): check that the cable is plugged in"
            raise BackendUnavailableError(msg) from error


def _driver() -> None:
    """Stand for the library that talks to a server."""
    if CUT.is_set():
        msg = "connection reset by peer"
        raise ConnectionResetError(msg)
