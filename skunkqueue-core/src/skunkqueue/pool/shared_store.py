"""The store of a pool: opened once, at the first need, and shared by the pool's side threads.

The main thread never uses it, since a store may take its time.
"""

from __future__ import annotations

import threading

from skunkqueue.config import open_backend
from skunkqueue.persistence.backend import Backend, BackendConfig


class SharedStore:
    """One store, for the threads of one pool."""

    def __init__(self, config: BackendConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._backend: Backend | None = None

    @property
    def is_open(self) -> bool:
        """Return whether anybody has opened it."""
        return self._backend is not None

    def backend(self) -> Backend:
        """Return the store, opened if need be; raises what opening it raises."""
        with self._lock:
            if self._backend is None:
                self._backend = open_backend(self._config)
            return self._backend

    def close(self) -> None:
        """Close it; a thread that blocks in it returns."""
        with self._lock:
            if self._backend is not None:
                self._backend.close()
