"""The store of a test: the embedded one, in a folder of its own, which also remembers what was put in and what was tried.

So whatever holds of a store in production holds here. Only waiting is refused, where nobody would ever end the wait.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from skunkqueue import __version__
from skunkqueue.clock import monotonic
from skunkqueue.context import current
from skunkqueue.errors import MAX_DELAY, BackendError, TestModeError
from skunkqueue.ids import new_id
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.persistence.sqlite.store import Store
from skunkqueue.records import Claim, Firing, Outcome, State, Verdict, WorkerRecord

_WAIT_SLICE = 0.05
PATIENCE = 10.0
"""Seconds for which a thread waits for a firing that does not begin, while no other ends."""


class WaitRefusedError(TestModeError, BackendError):
    """A wait that nobody would end."""


class Enqueued(NamedTuple):
    """A firing as it was put in."""

    firing: Firing
    at: float
    """By the store's clock."""


class Settled(NamedTuple):
    """An attempt that was handed in."""

    claim: Claim
    outcome: Outcome


class ThrowAwayStore(SQLiteBackend):
    """For one test."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.enqueued: list[Enqueued] = []
        self.settled: list[Settled] = []
        self._listeners: dict[tuple[str, str], str] = {}
        self._claims: dict[tuple[str, int], Claim] = {}
        self.is_worked_on = False
        """Something runs what is due, in whichever thread."""
        self.patience = PATIENCE
        self._moved = monotonic()
        """When an attempt last began or ended."""
        self.wake: Callable[[], object] = lambda: None
        """Called when something was put in, so that a worker that waits for its async jobs looks at it."""
        self.after_enqueue: Callable[[], object] = lambda: None
        """Called when something was put in."""

    def enqueue(self, firings_: Sequence[Firing]) -> list[str]:
        """Put in, and remember it."""
        ids = super().enqueue(firings_)
        at = self.now()
        # Another id is that of an earlier firing with the same key.
        self.enqueued += (
            Enqueued(one, at) for one, accepted in zip(firings_, ids, strict=True) if one.id == accepted
        )
        self.wake()
        self.after_enqueue()
        return ids

    def claim(self, queue: str, route: str, worker: str, limit: int, lease: float) -> list[Claim]:
        """Lend, and remember to whom what belongs."""
        claims = super().claim(queue, route, worker, limit, lease)
        self._moved = monotonic()
        self._claims.update(((claim.id, claim.token), claim) for claim in claims)
        return claims

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Settle, and remember what was tried."""
        stale = super().settle(outcomes)
        self._moved = monotonic()
        for one in outcomes:
            claim = self._claims.get((one.id, one.token))
            if claim is not None and one.id not in stale and one.verdict not in _NO_ATTEMPTS:
                self.settled.append(Settled(claim, one))
        return stale

    # --- the worker that broadcasts reach ---------------------------------------------------------------

    def listener(self, queue: str, route: str) -> str:
        """Return the id of the worker that runs what is due on a route, always the same."""
        return self._listeners.setdefault((queue, route), new_id())

    def workers(self, queue: str | None = None, route: str | None = None) -> list[WorkerRecord]:
        """List the workers; on a route that is asked for, the one that a test's runs are by is always there."""
        if queue is not None and route is not None and not super().workers(queue, route):
            me = self.listener(queue, route)
            record = WorkerRecord(
                id=me,
                queue=queue,
                route=route,
                pool="test",
                host=os.uname().nodename,
                pid=os.getpid(),
                started=self.now(),
                version=__version__,
            )
            self.register(record, MAX_DELAY)
        return super().workers(queue, route)

    def register(self, worker: WorkerRecord, lease: float) -> None:
        """List a worker, a test's own for ever."""
        super().register(worker, MAX_DELAY if worker.id in self._listeners.values() else lease)

    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """Keep a worker listed, a test's own for ever."""
        return super().beat(worker, MAX_DELAY if worker.id in self._listeners.values() else lease)

    def unregister(self, worker: str) -> None:
        """Take a worker off the list, but a test's own, which runs again."""
        if worker not in self._listeners.values():
            super().unregister(worker)

    # --- waiting ----------------------------------------------------------------------------------------

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Say which are finished; TestModeError where none is and none will be."""
        # In this order: what is settled is settled while somebody works.
        is_worked_on = self.is_worked_on
        done = super().wait_settled(ids, 0.0)
        if done or timeout <= 0:
            return done
        if current.get() is not None:
            msg = f"a job waits for firing {ids[0]}, which a test store runs only after the job: fire it by `&`, or wait elsewhere"
            raise WaitRefusedError(msg)
        if not is_worked_on:
            msg = (
                f"firing {ids[0]} is waited for in a test store, on which no worker works: call run_pending() before, "
                f"advance the clock if it is not due yet, or fire it in a `with job_store.eager():`"
            )
            raise WaitRefusedError(msg)
        # Another thread runs what is due.
        done = super().wait_settled(ids, min(timeout, _WAIT_SLICE))
        if not done and monotonic() - self._moved > self.patience and self._is_stuck(ids):
            msg = (
                f"firing {ids[0]} is waited for and does not begin, since one route is worked on at a time, and its jobs have not"
                f" ended for {self.patience:g} s: fire it by `&`, or wait for it elsewhere"
            )
            raise WaitRefusedError(msg)
        return done

    def _is_stuck(self, ids: Sequence[str]) -> bool:
        return all(one is not None and one.state is State.PENDING for one in self.get(ids))


_NO_ATTEMPTS = (Verdict.RELEASE, Verdict.ADVANCE)
