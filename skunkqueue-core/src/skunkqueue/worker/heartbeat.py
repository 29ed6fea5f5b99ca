"""Keeps this worker on the store's list of workers: what it does now, and that it lives."""

from __future__ import annotations

import logging
import os
from itertools import islice

import msgspec

from skunkqueue import __version__
from skunkqueue.records import MAX_RUNNING, WorkerRecord
from skunkqueue.worker.attempt import NEVER, Attempt
from skunkqueue.worker.complete.settler import Settler
from skunkqueue.worker.in_flight import Planning
from skunkqueue.worker.memory import resident
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")

_LONGEST_PAUSE = 5.0
"""Seconds between two beats at most, however long the lease is."""
_SHOWN_AFTER = 1.0
"""Seconds after which a job that runs has a beat of its own."""
_SOONEST = 1.0
"""Seconds between two beats at least, however much changes."""


class Heartbeat:
    """For one worker."""

    def __init__(self, services: Services, settler: Settler) -> None:
        settings = services.settings
        self._backend = services.backend
        self._in_flight = services.in_flight
        self._liveness = services.liveness
        self._settler = settler
        self._lease = settings.lease
        self._every = min(settings.lease / 3, _LONGEST_PAUSE)
        self._next = 0.0
        self._looked = 0.0
        self._shown: tuple[frozenset[str], bool] = (frozenset(), False)
        self._record = WorkerRecord(
            id=settings.id,
            queue=settings.queue,
            route=settings.route,
            routes=settings.routes,
            pool=settings.pool,
            host=os.uname().nodename,
            pid=os.getpid(),
            started=0.0,
            version=__version__,
        )

    def start(self, started: float) -> None:
        """List the worker; ``started``: by the store's clock. Raises BackendError."""
        self._record = msgspec.structs.replace(self._record, started=started)
        self._backend.register(self.describe(), self._lease)
        self._liveness.answered()

    def beat(self, now: float) -> None:
        """Tell the store, if it is time or something has changed; raises BackendError."""
        if now - self._looked > _SHOWN_AFTER:
            # The pool may have told the store what ran meanwhile, and it may run no more.
            self._next = min(self._next, now)
        self._looked = now
        if now < min(self._next, self._next - self._every + _SOONEST):
            return
        shown = self._shown_now(now)
        if now < self._next and shown == self._shown:
            return
        self._next = now + self._every
        self._shown = shown
        if not self._backend.beat(self.describe(), self._lease):
            logger.warning("this worker had vanished from the list, and is listed again")
        self._liveness.answered()

    def _shown_now(self, now: float) -> tuple[frozenset[str], bool]:
        """Return what has a beat of its own: the firings that have run for a while, and whether nothing more is to begin."""
        in_flight = self._in_flight
        runs: list[Attempt | Planning] = [*in_flight.begun()]
        if not runs and in_flight.planning is not None:
            runs.append(in_flight.planning)
        long = (one.claim.id for one in runs if now - one.since > _SHOWN_AFTER)
        return frozenset(islice(long, MAX_RUNNING)), in_flight.holding

    def describe(self) -> WorkerRecord:
        """Return what the worker does now."""
        in_flight = self._in_flight
        begun = in_flight.begun()
        planning = in_flight.planning
        current = begun[0].claim.id if begun else None if planning is None else planning.claim.id
        if self._liveness.is_disconnected:
            state = "disconnected"
        elif in_flight.stopping:
            state = "stopping"
        elif in_flight.holding:
            state = "quiet"
        else:
            state = "idle" if current is None else "busy"
        running = tuple(one.claim.id for one in begun if one.since != NEVER)
        if not begun and planning is not None:
            running = (planning.claim.id,)
        return msgspec.structs.replace(
            self._record,
            state=state,
            current=current,
            running=running[:MAX_RUNNING],
            more=len(running[MAX_RUNNING:]),
            done=self._settler.done,
            rss=resident(),
        )
