"""The store behind the monitor: opened when first needed, and read once for all pages that show the same (``cache``)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import cast

import msgspec
from flask import current_app

from skunkqueue.config import open_backend
from skunkqueue.control import Control
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.web.cache import Cache, Turn
from skunkqueue.web.rights import login

KEY = "skunkqueue.source"


class Source(Cache):
    """One store, and what was read of it, for all requests of an app."""

    def __init__(
        self, config: BackendConfig, *, refresh: float = 2.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """``config`` is not opened yet: the monitor also starts while its store is away.

        ``refresh``: as ``Cache`` has it.
        """
        super().__init__(refresh=refresh, monotonic=monotonic)
        # The monitor never makes a store.
        self.config = msgspec.structs.replace(config, create=False)
        self._opening = Turn(monotonic)
        self._backend: Backend | None = None

    @property
    def backend(self) -> Backend:
        """The open store. Raises what opening it raises, anew for whoever asks after it failed, until it can be opened."""
        backend = self._backend
        if backend is None:
            with self._opening.taken():
                backend = self._backend
                if backend is None:
                    backend = self._backend = open_backend(self.config)
        return backend

    def control(self, why: str | None = None) -> Control:
        """Return what acts on the store in the name of who makes this request."""
        return Control(self.backend, login().name, why)

    def now(self) -> float:
        """Return the store's time."""
        return self.backend.now()

    def close(self) -> None:
        """Close the store, if it is open."""
        with self._opening.lock:
            backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()


def current() -> Source:
    """Return the source of the app that serves this request."""
    return cast("Source", current_app.extensions[KEY])
