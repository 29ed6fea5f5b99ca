"""Where async jobs run: one event loop on a thread of its own, a bounded number at a time.

Made when the first async job comes, since asyncio costs memory that other workers need not spend.
Knows nothing of stores.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from skunkqueue.context import JobContext, current
from skunkqueue.payload import Step
from skunkqueue.worker.board import Board
from skunkqueue.worker.execute import Performer, Phase
from skunkqueue.worker.holdings import KILL_AFTER, NEVER, Holdings, Running
from skunkqueue.worker.verdict import Try


class Ran(NamedTuple):
    """How an async job went."""

    tried: Try
    phase: Phase
    data: bytes | None
    """Its encoded result; ``None``: it failed."""
    value: Any
    """What it returned or raised."""
    reason: str | None
    """Why it was cancelled, if it was."""


class _Place(NamedTuple):
    """One job on the loop."""

    slot: int
    task: asyncio.Task[None]


class Lane:
    """Runs up to ``concurrency`` async jobs."""

    def __init__(
        self,
        performer: Performer,
        holdings: Holdings,
        board: Board,
        *,
        done: Callable[[Ran], None],
        ring: Callable[[], None],
    ) -> None:
        """``done`` and then ``ring`` are called on the loop's thread when a job has ended."""
        self._performer = performer
        self._holdings = holdings
        self._board = board
        self._done = done
        self._ring = ring
        self._slots = list(range(board.slots - 1, 0, -1))
        self._places: dict[str, _Place] = {}
        self._reasons: dict[str, str] = {}
        """Why jobs were cancelled; only the loop's thread writes it."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="skunkqueue-lane", daemon=True)
        self._thread.start()

    @property
    def free(self) -> int:
        """How many more jobs it takes now."""
        return len(self._slots)

    @property
    def busy(self) -> bool:
        """Say whether anything runs."""
        return bool(self._holdings.beside)

    @property
    def has_suspect(self) -> bool:
        """Say whether a firing runs under which workers died before."""
        return any(running.claim.deaths for running in self._holdings.beside.copy().values())

    def submit(self, tried: Try, step: Step, running: Running, context: JobContext) -> None:
        """Begin a job; only the main thread calls it, and only while there is a free place."""
        slot = self._slots.pop()
        claim = running.claim
        self._holdings.beside[claim.id] = running
        # A deadline that the loop cannot keep, because a job blocks it, is kept by the pool.
        limit = 0.0 if running.deadline == NEVER else running.deadline + KILL_AFTER
        self._board.begin(slot, claim.id, claim.token, limit, claim.deaths > 0)
        self._loop.call_soon_threadsafe(self._begin, slot, tried, step, running, context)

    def slot_of(self, firing: str) -> int | None:
        """Tell a job's slot on the board; ``None`` where it has not begun or has ended."""
        place = self._places.get(firing)
        return None if place is None else place.slot

    def cancel(self, firing: str, reason: str) -> None:
        """Cancel a job, if it still runs; from any thread."""
        self._loop.call_soon_threadsafe(self._cancel, firing, reason)

    def close(self) -> None:
        """End the loop; what still runs on it is abandoned."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(1.0)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _begin(self, slot: int, tried: Try, step: Step, running: Running, context: JobContext) -> None:
        task = self._loop.create_task(self._perform(slot, tried, step, running, context))
        self._places[running.claim.id] = _Place(slot, task)

    def _cancel(self, firing: str, reason: str) -> None:
        place = self._places.get(firing)
        if place is not None:
            self._reasons[firing] = reason
            place.task.cancel(reason)

    async def _perform(
        self, slot: int, tried: Try, step: Step, running: Running, context: JobContext
    ) -> None:
        current.set(context)
        phase, data, value = await self._performer.perform_async(step)
        firing = running.claim.id
        del self._places[firing]
        ran = Ran(tried, phase, data, value, self._reasons.pop(firing, None))
        self._board.clear(slot)
        # In this order, so that at no moment the job seems to be neither running nor finished.
        self._done(ran)
        del self._holdings.beside[firing]
        self._slots.append(slot)
        self._ring()
