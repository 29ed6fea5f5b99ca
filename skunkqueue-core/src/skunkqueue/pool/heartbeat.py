"""Keeps the pool on the store's list of pools: that it lives, and samples of what its processes use.

Works on a thread of its own, so that a store that hangs keeps the pool from nothing. Starts ``command_listener``, too.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from skunkqueue.clock import monotonic
from skunkqueue.errors import SkunkQueueError
from skunkqueue.persistence.backend import Backend
from skunkqueue.pool.command_listener import PoolCommandListener
from skunkqueue.pool.process_samples import measure
from skunkqueue.pool.shared_store import SharedStore
from skunkqueue.pools import MAX_SAMPLES, PoolRecord, Process, Sample
from skunkqueue.processes.store_backoff import StoreBackoff
from skunkqueue.records import Command

logger = logging.getLogger("skunkqueue.pool")

_LONGEST_BEAT = 5.0
_SOON = 0.25
"""Seconds between two beats at least, however much changes."""
_ALL_SAMPLES = 3_000
"""Samples that a pool shows of all its processes together: a beat carries them all."""


class Seen(NamedTuple):
    """One worker process, as its pool sees it now."""

    worker: str
    pid: int
    routes: tuple[str, ...]
    state: str
    """As in ``pools.Process``."""
    began: float
    """When it was started (monotonic)."""


class View(NamedTuple):
    """How the pool is now."""

    state: str
    """As in ``pools.PoolRecord``."""
    workers: int
    """How many it is to have."""
    processes: tuple[Seen, ...]


class PoolHeartbeat:
    """For one pool. All but ``show`` and ``finish`` happens on its own thread."""

    def __init__(
        self, store: SharedStore, record: PoolRecord, lease: float, hear: Callable[[Command], None]
    ) -> None:
        """``record``: what never changes, but for when it started; ``hear`` is called on another thread, and must not block."""
        self._store = store
        self._record = record
        self._lease = lease
        self._hear = hear
        self._began = monotonic()
        self._view = View(record.state, record.workers, ())
        self._samples: dict[str, deque[Sample]] = {}
        self._started: dict[str, float] = {}
        """When each process was started, store's time."""
        self._changed = threading.Event()
        self._ended = threading.Event()
        self._listed = threading.Event()
        self._threads: list[threading.Thread] = []

    def show(self, view: View) -> None:
        """Have this listed, soon; by the main thread."""
        if view != self._view:
            self._view = view
            self._changed.set()
        if not self._threads:
            self._start()

    def finish(self, timeout: float) -> None:
        """Take the pool off the list, and hear no more; by the main thread, for at most ``timeout`` seconds."""
        self._ended.set()
        self._changed.set()
        self._listed.set()
        if self._threads:
            self._threads[0].join(timeout)

    def _start(self) -> None:
        reporter = threading.Thread(target=self._report, name="skunkqueue-pool-heartbeat", daemon=True)
        listener = PoolCommandListener(
            self._store, self._record.id, self._hear, listed=self._listed, ended=self._ended
        )
        try:
            reporter.start()
            self._threads.append(reporter)
            listener.start()
            self._threads.append(listener)
        except RuntimeError as error:
            # No room for a thread now. The next look tries again.
            logger.debug("the pool is not listed: %s", error)

    # --- the list ---------------------------------------------------------------------------------

    def _report(self) -> None:
        backoff = StoreBackoff()
        backend: Backend | None = None
        registered = False
        while not self._ended.is_set():
            pause = min(self._lease / 3, _LONGEST_BEAT)
            self._changed.clear()
            try:
                backend = self._store.backend()
                if "pools" not in backend.capabilities:
                    return
                record = self._describe(backend.now())
                if registered:
                    if not backend.beat_pool(record, self._lease):
                        logger.debug("this pool had vanished from the list, and is listed again")
                else:
                    backend.register_pool(record, self._lease)
                    registered = True
                    self._listed.set()
                backoff.reset()
            except SkunkQueueError as error:
                # The workers say it, louder.
                logger.debug("the pool cannot be listed: %s", error)
                pause = backoff.next()
            except Exception:
                logger.exception("a fault in listing the pool")
                pause = backoff.next()
            if not self._ended.wait(min(pause, _SOON)):
                self._changed.wait(max(pause - _SOON, 0.0))
        if registered and backend is not None:
            try:
                backend.unregister_pool(self._record.id)
            except SkunkQueueError as error:
                logger.debug("the pool could not be taken off the list, and will vanish from it: %s", error)

    def _describe(self, now: float) -> PoolRecord:
        view = self._view
        if not self._record.started:
            self._record = msgspec.structs.replace(self._record, started=now - (monotonic() - self._began))
        workers = {seen.worker for seen in view.processes}
        for known in (self._samples, self._started):
            for gone in known.keys() - workers:
                del known[gone]
        uses = measure([seen.pid for seen in view.processes])
        kept = max(min(MAX_SAMPLES, _ALL_SAMPLES // max(len(workers), 1)), 1)
        processes = []
        for seen in view.processes:
            self._started.setdefault(seen.worker, now - (monotonic() - seen.began))
            samples = self._samples.setdefault(seen.worker, deque(maxlen=MAX_SAMPLES))
            use = uses.get(seen.pid)
            # A clock that was set back would be waited for otherwise.
            while samples and samples[-1].at > now:
                samples.pop()
            # A beat may come early, since something has changed.
            if use is not None and not (samples and now - samples[-1].at < 1.0):
                samples.append(Sample(now, use.rss, use.cpu))
            processes.append(
                Process(
                    worker=seen.worker,
                    pid=seen.pid,
                    route=seen.routes[0],
                    routes=seen.routes,
                    state=seen.state,
                    started=self._started[seen.worker],
                    samples=tuple(samples)[-kept:],
                )
            )
        return msgspec.structs.replace(
            self._record, state=view.state, workers=view.workers, processes=tuple(processes)
        )
