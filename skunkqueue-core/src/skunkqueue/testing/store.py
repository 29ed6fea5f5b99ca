"""The store of a test: the embedded one, in a folder of its own, which also records what was enqueued and tried.

So what a store promises in production holds here. Only a wait that nothing would ever end is refused.
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
    """A wait that nothing would end."""


class Enqueued(NamedTuple):
    """A firing as it was enqueued."""

    firing: Firing
    at: float
    """By the store's clock."""


class Settled(NamedTuple):
    """An attempt that was settled."""

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
        """Whether some thread runs what is due."""
        self.patience = PATIENCE
        self._moved = monotonic()
        """When an attempt last began or ended."""
        self.wake: Callable[[], object] = lambda: None
        """Called when something was enqueued, so that a worker that waits for its async jobs looks at it."""
        self.after_enqueue: Callable[[], object] = lambda: None
        """Called when something was enqueued."""

    def enqueue(self, firings_: Sequence[Firing]) -> list[str]:
        """Enqueue, and record it."""
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
        """Claim, and record which worker has what."""
        claims = super().claim(queue, route, worker, limit, lease)
        self._moved = monotonic()
        self._claims.update(((claim.id, claim.token), claim) for claim in claims)
        return claims

    def settle(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Settle, and record what was tried."""
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
        """List the workers; on a route that is asked for, the worker of a test's runs is always among them."""
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
        """List a worker; a test's own stays listed for ever."""
        super().register(worker, MAX_DELAY if worker.id in self._listeners.values() else lease)

    def beat(self, worker: WorkerRecord, lease: float) -> bool:
        """Keep a worker listed; a test's own stays listed for ever."""
        return super().beat(worker, MAX_DELAY if worker.id in self._listeners.values() else lease)

    def unregister(self, worker: str) -> None:
        """Remove a worker from the list; a test's own stays, since it runs again."""
        if worker not in self._listeners.values():
            super().unregister(worker)

    # --- waiting ----------------------------------------------------------------------------------------

    def wait_settled(self, ids: Sequence[str], timeout: float) -> list[str]:
        """Return the ids of those that are finished; TestModeError where none is and none will be."""
        # In this order: what is settled is settled while some thread works.
        is_worked_on = self.is_worked_on
        done = super().wait_settled(ids, 0.0)
        if done or timeout <= 0:
            return done
        if current.get() is not None:
            msg = f"a job waits for firing {ids[0]}, which a test store runs only after the job: fire it by `&`, or wait elsewhere"
            raise WaitRefusedError(msg)
        if not is_worked_on:
            msg = (
                f"firing {ids[0]} is waited for in a test store, which has no workers: call run_pending() before, "
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
