"""The store behind the monitor: opened when first needed, asked once for all who look at the same thing."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

import msgspec
from flask import current_app

from skunkqueue.config import open_backend
from skunkqueue.control import Control
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.web.rights import login

T = TypeVar("T")
KEY = "skunkqueue.source"
_REMEMBERED = 512
"""Answers that are remembered at most."""


class _Answer:
    """One remembered answer, and the lock of whoever asks for it."""

    __slots__ = ("at", "lock", "value")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.at = float("-inf")
        self.value: Any = None


class Source:
    """One store, for all requests of an app."""

    def __init__(
        self, config: BackendConfig, *, refresh: float = 2.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        """``config`` is not opened yet: the monitor also starts while its store is away.

        ``refresh``: how old an answer may be that pages share.
        """
        # The monitor looks; it makes no store.
        self.config = msgspec.structs.replace(config, create=False)
        self.refresh = refresh
        self._changed = float("-inf")
        self._monotonic = monotonic
        self._opening = threading.Lock()
        self._backend: Backend | None = None
        self._remembering = threading.Lock()
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()

    @property
    def backend(self) -> Backend:
        """The open store. Raises what opening it raises, each time anew until it can be opened."""
        backend = self._backend
        if backend is None:
            with self._opening:
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

    def cached(self, key: Hashable, seconds: float, make: Callable[[], T]) -> T:
        """Return what ``make`` returned within the last ``seconds``; those who ask meanwhile wait for the same answer.

        What it raises is raised to the one who asked, and not remembered.
        """
        return self._remembered(key, make, lambda at: self._monotonic() - at >= seconds)

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """Do the same for what live pages show: for as long as they may be old, and until something has changed."""

        def is_old(at: float) -> bool:
            return at <= self._changed or self._monotonic() - at >= self.refresh

        return self._remembered(key, make, is_old)

    def note_change(self) -> None:
        """Have what pages share be read again: something has changed."""
        self._changed = self._monotonic()

    def _remembered(self, key: Hashable, make: Callable[[], T], is_old: Callable[[float], bool]) -> T:
        with self._remembering:
            answer = self._answers.get(key)
            if answer is None:
                answer = self._answers[key] = _Answer()
                while len(self._answers) > _REMEMBERED:
                    self._answers.popitem(last=False)
            else:
                self._answers.move_to_end(key)
        with answer.lock:
            if is_old(answer.at):
                # As old as the moment at which it was asked for.
                at = self._monotonic()
                answer.value = make()
                answer.at = at
            return cast("T", answer.value)

    def close(self) -> None:
        """Close the store, if it is open."""
        with self._opening:
            backend, self._backend = self._backend, None
        if backend is not None:
            backend.close()


def current() -> Source:
    """Return the source of the app that serves this request."""
    return cast("Source", current_app.extensions[KEY])
