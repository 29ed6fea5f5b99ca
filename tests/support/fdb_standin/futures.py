"""What a call of the binding returns: something that comes later, and that can be waited for or cancelled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from tests.support.fdb_standin.errors import FDBError

T = TypeVar("T")
CANCELLED = 1101


class Future(Generic[T]):
    """A value to come. ``drive`` makes it come, in the thread that waits; without one, somebody else settles it."""

    def __init__(
        self, drive: Callable[[], None] | None = None, on_cancel: Callable[[], None] | None = None
    ) -> None:
        self._drive = drive
        self._on_cancel = on_cancel
        self._done = False
        self._result: Any = None
        self._error = 0
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[Any], object]] = []

    def settle(self, result: Any = None, error: int = 0) -> None:
        """Say what came of it; only the first word counts."""
        with self._lock:
            if self._done:
                return
            self._result, self._error, self._done = result, error, True
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def is_ready(self) -> bool:
        """Say whether it has come."""
        return self._done

    def block_until_ready(self) -> None:
        """Wait until it has come."""
        if self._done:
            return
        if self._drive is not None:
            try:
                self._drive()
            except FDBError as error:
                self.settle(error=error.code)
        else:
            come = threading.Event()
            self.on_ready(lambda _: come.set())
            come.wait()

    def wait(self) -> Any:
        """Wait until it has come, and give it."""
        return self._outcome()

    def cancel(self) -> None:
        """Do without it; who waits for it is told."""
        self.settle(error=CANCELLED)
        if self._on_cancel is not None:
            self._on_cancel()

    def on_ready(self, callback: Callable[[Any], object]) -> None:
        """Have this called when it has come, in some thread."""
        with self._lock:
            if not self._done:
                self._callbacks.append(callback)
                driven = self._drive is not None and len(self._callbacks) == 1
                waiting = True
            else:
                waiting = driven = False
        if driven:
            threading.Thread(target=self.block_until_ready, daemon=True).start()
        elif not waiting:
            callback(self)

    def _outcome(self) -> Any:
        self.block_until_ready()
        if self._error:
            raise FDBError(self._error)
        return self._result


class Value(Future[bytes]):
    """A value that may not be there."""

    @property
    def value(self) -> bytes | None:
        found: bytes | None = self._outcome()
        return found

    def wait(self) -> Value:
        self._outcome()
        return self

    def present(self) -> bool:
        return self.value is not None

    def __eq__(self, other: object) -> bool:
        return self.value == (other.value if isinstance(other, Value) else other)

    def __hash__(self) -> int:
        return hash(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __bytes__(self) -> bytes:
        assert self.value is not None
        return self.value

    def __len__(self) -> int:
        return len(bytes(self))

    def __getitem__(self, at: Any) -> Any:
        return bytes(self)[at]

    def __add__(self, other: bytes) -> bytes:
        return bytes(self) + other


class Key(Value):
    """A key that was looked for."""
