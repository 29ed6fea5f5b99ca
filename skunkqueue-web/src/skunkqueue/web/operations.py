"""Bulk operations in the background: one thread each, a few at a time, with progress, and stoppable.

They belong to this process: those of another process, or of one that has ended, are in the audit log only.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
from collections.abc import Callable
from typing import cast

import msgspec
from flask import Flask, current_app

from skunkqueue.bulk import Bulk, BulkProgress
from skunkqueue.control import Control
from skunkqueue.errors import SkunkQueueError
from skunkqueue.ids import new_id

KEY = "skunkqueue.operations"
MAX_RUNNING = 4
"""Operations that run at the same time."""
MAX_REMEMBERED = 100
"""Operations that are known, those that have ended included."""
PATIENCE = 10.0
"""Seconds for which ``close`` waits for the pages that are being done."""

logger = logging.getLogger(__name__)


class TooManyOperationsError(SkunkQueueError):
    """The most operations that may run at a time run already."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation, as it is now."""

    id: str
    verb: str
    """``kill``, ``requeue``, ``delete`` or ``run_now``."""
    about: str
    """What it changes, for people."""
    who: str
    why: str | None
    """The reason that was given."""
    entry: str | None
    """The id of its entry in the audit log; ``None``: it has not begun yet."""
    started: float
    """Store's time."""
    seconds: float
    """For how long it has run, or ran."""
    progress: BulkProgress | None
    """``None``: its first page is not done yet."""
    state: str
    """``running``, ``stopping``, ``done``, ``stopped`` or ``failed``."""
    error: str | None
    """Why it failed."""

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.state in ("done", "stopped", "failed")


class _Running:
    """An operation and its thread. Only that thread sets its outcome."""

    def __init__(self, first: Operation, bulk: Bulk, monotonic: Callable[[], float]) -> None:
        self._operation = first
        self._bulk = bulk
        self._monotonic = monotonic
        self._began = monotonic()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        # A daemon, so that the process can end without it; `Operations.close` waits for it before that.
        self.thread = threading.Thread(target=self._run, name=f"operation {first.id}", daemon=True)

    def now(self) -> Operation:
        with self._lock:
            operation = self._operation
        if operation.is_over:
            return operation
        state = "stopping" if self._stop.is_set() else "running"
        seconds = self._monotonic() - self._began
        return msgspec.structs.replace(operation, state=state, entry=self._bulk.entry, seconds=seconds)

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        state, error = "failed", None
        try:
            progress = self._bulk.run(lambda progress: self._set(progress=progress), self._stop.is_set)
            self._set(progress=progress)
            state = "stopped" if progress.stopped else "done"
        except SkunkQueueError as problem:
            error = str(problem)
        except Exception as problem:
            logger.exception("operation failed: id=%s verb=%s", self._operation.id, self._bulk.verb)
            error = f"{type(problem).__name__}: {problem}"
        finally:
            seconds = self._monotonic() - self._began
            self._set(state=state, error=error, entry=self._bulk.entry, seconds=seconds)

    def _set(self, **fields: object) -> None:
        with self._lock:
            self._operation = msgspec.structs.replace(self._operation, **fields)


class Operations:
    """The operations of one app."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: dict[str, _Running] = {}
        """Oldest first."""
        self._is_closed = False

    def start(self, bulk: Bulk, who: str, title: str) -> Operation:
        """Begin an operation and return at once.

        Raises TooManyOperationsError where MAX_RUNNING run already, or the server is about to end.
        """
        first = Operation(
            id=new_id(),
            verb=bulk.verb,
            about=title,
            who=who,
            why=bulk.why,
            entry=None,
            started=bulk.now(),
            seconds=0.0,
            progress=None,
            state="running",
            error=None,
        )
        running = _Running(first, bulk, self._monotonic)
        with self._lock:
            if self._is_closed:
                msg = "the server is about to end, and begins nothing more: try again when it is back"
                raise TooManyOperationsError(msg)
            if sum(not one.now().is_over for one in self._known.values()) >= MAX_RUNNING:
                msg = f"{MAX_RUNNING} operations run already: wait until one is done, or stop one"
                raise TooManyOperationsError(msg)
            if not self._known:
                # A process does not wait for daemon threads at its end, so this does.
                atexit.register(self.close)
            self._known[first.id] = running
            for id_ in [id_ for id_, one in self._known.items() if one.now().is_over]:
                if len(self._known) <= MAX_REMEMBERED:
                    break
                del self._known[id_]
            running.thread.start()
        return running.now()

    def get(self, id_: str) -> Operation | None:
        """Return how an operation is now; ``None`` for one that is not known (any more)."""
        with self._lock:
            running = self._known.get(id_)
        return None if running is None else running.now()

    def all(self) -> list[Operation]:
        """List all that are known, newest first."""
        with self._lock:
            known = list(self._known.values())
        return [one.now() for one in reversed(known)]

    def running(self) -> list[Operation]:
        """List those that have not ended, newest first."""
        return [one for one in self.all() if not one.is_over]

    def stop(self, id_: str) -> bool:
        """Tell an operation to end after the page it is at; False for one that is not known, or has ended."""
        with self._lock:
            running = self._known.get(id_)
        if running is None or running.now().is_over:
            return False
        running.stop()
        return True

    def close(self, patience: float = PATIENCE) -> None:
        """Stop all, begin nothing more, and wait until the pages that are being done are done."""
        with self._lock:
            self._is_closed = True
            known = list(self._known.values())
        atexit.unregister(self.close)
        for one in known:
            one.stop()
        deadline = self._monotonic() + patience
        for one in known:
            one.thread.join(max(0.0, deadline - self._monotonic()))


def stop(id_: str, control: Control) -> bool:
    """Tell an operation to end in somebody's name, which the audit log keeps; False for one that is not known, or has ended."""
    known = current()
    found = known.get(id_)
    if found is None or found.is_over:
        return False
    with control.action("stop", f"operation of {found.who}: {found.about}") as action:
        is_told = known.stop(id_)
        action.finish("it ends after the firings it is at" if is_told else "nothing: it has ended")
    return is_told


def install(app: Flask) -> None:
    """Give an app its operations."""
    app.extensions[KEY] = Operations()


def current() -> Operations:
    """Return the operations of the app that serves this request."""
    return cast("Operations", current_app.extensions[KEY])
