"""The thread that interrupts jobs: timeouts, kills, rough stops, lost leases. Never talks to the store.

As it never waits for the store, it also notices when the store does not answer the other threads. It reads the control pipe, and
ends the process at once when the pool is gone.
A job that goes on after an interrupt is interrupted again. An order on the scoreboard has the pool kill the worker if that
does not help either.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
from collections.abc import Callable
from typing import NamedTuple

from skunkqueue.processes.log_values import duration
from skunkqueue.processes.scoreboard import GIVE_BACK as GIVE_BACK_CAUSE
from skunkqueue.processes.scoreboard import ROUGH as ROUGH_CAUSE
from skunkqueue.processes.scoreboard import TIMEOUT as TIMEOUT_CAUSE
from skunkqueue.records import ClaimRef
from skunkqueue.worker.attempt import NEVER, Attempt
from skunkqueue.worker.in_flight import KILL_AFTER
from skunkqueue.worker.run.interrupt import Interrupter
from skunkqueue.worker.run.lazy_async_executor import LazyAsyncExecutor
from skunkqueue.worker.run.reasons import GIVE_BACK, KILL, LOST, ROUGH, TIMEOUT
from skunkqueue.worker.services import Services
from skunkqueue.worker.wakeup import Wakeup

logger = logging.getLogger("skunkqueue.worker")

_TICK = 0.1
_TICK_IDLE = 0.25
_AGAIN = 0.05
_AGAIN_DELIVERED = 1.0
_ASLEEP = 1.0
_CAUSES = {TIMEOUT: TIMEOUT_CAUSE, GIVE_BACK: GIVE_BACK_CAUSE, LOST: GIVE_BACK_CAUSE}
"""Why the pool is to kill the worker, by the reason of an interrupt; ``rough`` for all others."""


def _identity(fd: int | None) -> tuple[int, int] | None:
    if fd is None:
        return None
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _can_be_read(fd: int) -> bool:
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    # Also where it is closed: reading it then raises.
    return bool(poll.poll(0))


class _Asked(NamedTuple):
    """An interrupt that was asked for."""

    reason: str
    at: float
    until: float
    """When the pool is to kill this worker if the job has not ended."""


class Watchdog(threading.Thread):
    """One for each worker."""

    def __init__(
        self,
        services: Services,
        interrupter: Interrupter,
        async_executor: LazyAsyncExecutor,
        *,
        obey: Callable[[bytes], None],
        give_up: Callable[[], None],
        control_pipe: int | None = None,
    ) -> None:
        """``obey`` is given the pool's orders; ``give_up`` ends a worker that has been disconnected for too long."""
        super().__init__(name="skunkqueue-watchdog", daemon=True)
        self._in_flight = services.in_flight
        self._scoreboard = services.scoreboard
        self._clock = clock = services.clock
        self._grace = services.settings.grace
        self._liveness = services.liveness
        self._interrupter = interrupter
        self._async_executor = async_executor
        self._obey = obey
        self._give_up = give_up
        self._was_disconnected = False
        self._looked = clock.monotonic()
        self._control_pipe = control_pipe
        self._control_pipe_is = _identity(control_pipe)
        self._asked: dict[ClaimRef, _Asked] = {}
        self._wakeup = Wakeup()
        self._ended = False

    def wake(self) -> None:
        """Have it look at once; from any thread and from signal handlers."""
        with contextlib.suppress(OSError):
            self._wakeup.wake()

    def leave_if_cut_off(self) -> None:
        """End the process if a job closed the descriptors that are not its own; main thread.

        Their numbers may be somebody else's by now, and what is written to them land anywhere, so this
        comes before the store is touched again. The pool sees a death like any other.
        """
        if _identity(self._control_pipe) != self._control_pipe_is:
            os._exit(1)

    def end(self) -> None:
        """End the thread."""
        self._ended = True
        self.wake()

    def run(self) -> None:
        """Watch until the worker has ended. If the watchdog fails, it ends the worker."""
        try:
            self._watch()
        except Exception:
            if self._control_pipe is None:
                raise
            # As where a job has closed our descriptors. Nothing would interrupt jobs or notice the pool's end.
            with contextlib.suppress(Exception):
                logger.critical("the watchdog has failed: this worker ends", exc_info=True)
            os._exit(1)

    def _watch(self) -> None:
        pipes = () if self._control_pipe is None else (self._control_pipe,)
        while not self._ended:
            self._wakeup.wait(self._look(), *pipes)
            for pipe in pipes:
                if _can_be_read(pipe):
                    self._hear(pipe)

    def _hear(self, control_pipe: int) -> None:
        orders = os.read(control_pipe, 512)
        if not orders:
            # The pool is gone. Nothing is given back: its leases end, and others take over.
            os._exit(1)
        for order in orders:
            self._obey(bytes([order]))

    def _look(self) -> float:
        """Interrupt what is to be interrupted; return the seconds until the next look."""
        now = self._clock.monotonic()
        self._scoreboard.look(now)
        self._in_flight.look()
        self._notice_silence(now)
        begun = self._in_flight.begun()
        if not begun:
            if self._asked:
                self._asked.clear()
            return _TICK_IDLE
        pause = _TICK
        for running in begun:
            reason = self._reason(running, now)
            if reason is None:
                if self._asked.pop(running.ref, None) is not None:
                    # What was to be interrupted has ended by itself, and this is what follows it.
                    self._cancel_order(running)
                pause = min(pause, max(running.deadline - now, 0.001))
            else:
                self._interrupt(running, reason, now)
                pause = _AGAIN
        if len(self._asked) > len(begun):
            refs = {running.ref for running in begun}
            self._asked = {ref: asked for ref, asked in self._asked.items() if ref in refs}
        return pause

    def _notice_silence(self, now: float) -> None:
        gap, self._looked = now - self._looked, now
        liveness = self._liveness
        if gap > _ASLEEP:
            # The process was stopped, or a job held the GIL.
            liveness.forgive(gap)
        if liveness.is_gone:
            logger.critical("the store has not answered for %s: this worker ends", duration(liveness.silence))
            self._give_up()
        if liveness.is_disconnected != self._was_disconnected:
            self._was_disconnected = not self._was_disconnected
            if self._was_disconnected:
                logger.error("disconnected: the store has not answered for %s", duration(liveness.silence))
            else:
                logger.info("the store answers again")

    def _reason(self, running: Attempt, now: float) -> str | None:
        in_flight = self._in_flight
        if in_flight.interrupt_all == ROUGH:
            return ROUGH
        if in_flight.kills and running.claim.id in in_flight.kills:
            return KILL
        if in_flight.lost and running.ref in in_flight.lost:
            return LOST
        if in_flight.interrupt_all is not None:
            return in_flight.interrupt_all
        return TIMEOUT if running.deadline != NEVER and running.deadline <= now else None

    def _interrupt(self, running: Attempt, reason: str, now: float) -> None:
        ref = running.ref
        asked = self._asked.get(ref)
        fresh = asked is None or asked.reason != reason
        if asked is None or fresh:
            logger.debug("interrupting firing %s: %s", ref.id, reason)
            asked = _Asked(reason, now, now + (KILL_AFTER if reason == TIMEOUT else self._grace))
        # Each time, since what begins in a row takes back the order there.
        if not self._order(running, asked):
            return
        if fresh:
            self._asked[ref] = asked
        overdue = now - asked.at >= _AGAIN_DELIVERED
        if running is self._in_flight.running:
            delivered = self._interrupter.delivered
            if delivered is not None and delivered[0] is running:
                if not overdue:
                    return
                # The job caught the exception and goes on.
                self._asked[ref] = asked._replace(at=now)
            self._interrupter.ask(running, reason)
        elif fresh or overdue:
            self._asked[ref] = asked._replace(at=now)
            self._async_executor.cancel(running, reason)

    def _order(self, running: Attempt, asked: _Asked) -> bool:
        """Ask the pool to kill this worker if the job does not end; False where its row is not known yet."""
        row = self._row_of(running)
        if row is None:
            return False
        self._scoreboard.order(row, running.ref, asked.until, _CAUSES.get(asked.reason, ROUGH_CAUSE))
        return True

    def _cancel_order(self, running: Attempt) -> None:
        row = self._row_of(running)
        if row is not None:
            self._scoreboard.cancel_order(row)

    def _row_of(self, running: Attempt) -> int | None:
        return 0 if running is self._in_flight.running else self._async_executor.row_of(running)
