"""The thread that interrupts jobs: timeouts, kills, rough stops, lost leases. Never talks to the store.

So it is also the one to notice that the store does not answer the others. It holds the other end of the pool's leash, and ends the process at once when the pool is gone.
A job that does not end when it is interrupted is interrupted again; the order on the board lets the
pool kill the worker if that does not help either.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import threading
from collections.abc import Callable
from typing import NamedTuple, Protocol

from skunkqueue.clock import Clock
from skunkqueue.records import ClaimRef
from skunkqueue.worker.board import GIVE_BACK as GIVE_BACK_CAUSE
from skunkqueue.worker.board import ROUGH as ROUGH_CAUSE
from skunkqueue.worker.board import TIMEOUT as TIMEOUT_CAUSE
from skunkqueue.worker.board import Board
from skunkqueue.worker.contact import Contact
from skunkqueue.worker.holdings import KILL_AFTER, NEVER, Holdings, Running, ref_of
from skunkqueue.worker.interrupt import Interrupter
from skunkqueue.worker.logs import duration
from skunkqueue.worker.verdict import GIVE_BACK, KILL, LOST, ROUGH, TIMEOUT

logger = logging.getLogger("skunkqueue.worker")

_TICK = 0.1
_TICK_IDLE = 0.25
_AGAIN = 0.05
_AGAIN_DELIVERED = 1.0
_ASLEEP = 1.0


class Lane(Protocol):
    """What the guard needs of the event loop's thread."""

    def slot_of(self, firing: str) -> int | None:
        """Tell a job's slot on the board."""

    def cancel(self, firing: str, reason: str) -> None:
        """Cancel a job."""


def _identity(fd: int | None) -> tuple[int, int] | None:
    if fd is None:
        return None
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class _Asked(NamedTuple):
    """An interrupt that was asked for."""

    reason: str
    at: float


class Guard(threading.Thread):
    """One for each worker."""

    def __init__(
        self,
        holdings: Holdings,
        interrupter: Interrupter,
        board: Board,
        *,
        contact: Contact,
        clock: Clock,
        grace: float,
        obey: Callable[[bytes], None],
        give_up: Callable[[], None],
        leash: int | None = None,
    ) -> None:
        """``give_up`` ends a worker that has been deaf for too long."""
        super().__init__(name="skunkqueue-guard", daemon=True)
        self._holdings = holdings
        self._interrupter = interrupter
        self._board = board
        self._clock = clock
        self._grace = grace
        self._obey = obey
        self._contact = contact
        self._give_up = give_up
        self._was_deaf = False
        self._looked = clock.monotonic()
        self._leash = leash
        self._leash_is = _identity(leash)
        self._asked: dict[ClaimRef, _Asked] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self.rough = False
        """Everything that runs is to be interrupted."""
        self.gives_back = False
        """The same, but to be given back and not killed."""
        self.lane: Lane | None = None
        """Set once there is an event loop."""
        self._ended = False

    def wake(self) -> None:
        """Let it look at once; from any thread and from signal handlers."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._wake_write, b"!")

    def leave_if_cut_off(self) -> None:
        """End the process if a job closed the descriptors that are not its own; main thread.

        Their numbers may be somebody else's by now, and what is written to them land anywhere, so this
        comes before the store is touched again. The pool sees a death like any other.
        """
        if _identity(self._leash) != self._leash_is:
            os._exit(1)

    def end(self) -> None:
        """Let the thread end."""
        self._ended = True
        self.wake()

    def run(self) -> None:
        """Watch until the worker has ended; without a guard it must not go on."""
        try:
            self._watch()
        except Exception:
            if self._leash is None:
                raise
            # A job that closed our descriptors, say. Nobody would interrupt jobs or notice the pool's end.
            with contextlib.suppress(Exception):
                logger.critical("the guard has failed: this worker ends", exc_info=True)
            os._exit(1)

    def _watch(self) -> None:
        while not self._ended:
            pause = self._look()
            waiting = [self._wake_read] if self._leash is None else [self._wake_read, self._leash]
            ready, _, _ = select.select(waiting, [], [], pause)
            if self._wake_read in ready:
                os.read(self._wake_read, 512)
            if self._leash is not None and self._leash in ready:
                self._hear(self._leash)
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _hear(self, leash: int) -> None:
        orders = os.read(leash, 512)
        if not orders:
            # The pool is gone. Nothing is given back: its leases end, and others take over.
            os._exit(1)
        for order in orders:
            self._obey(bytes([order]))

    def _look(self) -> float:
        """Interrupt what is to be interrupted; return the seconds until the next look."""
        now = self._clock.monotonic()
        self._board.look(now)
        self._holdings.look()
        self._notice_silence(now)
        begun = self._holdings.begun()
        if not begun:
            if self._asked:
                self._asked.clear()
            return _TICK_IDLE
        pause = _TICK
        for running in begun:
            reason = self._reason(running, now)
            if reason is None:
                pause = min(pause, max(running.deadline - now, 0.001))
            else:
                self._interrupt(running, reason, now)
                pause = _AGAIN
        if len(self._asked) > len(begun):
            refs = {ref_of(running.claim) for running in begun}
            self._asked = {ref: asked for ref, asked in self._asked.items() if ref in refs}
        return pause

    def _notice_silence(self, now: float) -> None:
        gap, self._looked = now - self._looked, now
        contact = self._contact
        if gap > _ASLEEP:
            # The process was stopped, or a job held the GIL.
            contact.forgive(gap)
        if contact.is_gone:
            logger.critical("the store has not answered for %s: this worker ends", duration(contact.silence))
            self._give_up()
        if contact.is_deaf != self._was_deaf:
            self._was_deaf = not self._was_deaf
            if self._was_deaf:
                logger.error("deaf: the store has not answered for %s", duration(contact.silence))
            else:
                logger.info("the store answers again")

    def _reason(self, running: Running, now: float) -> str | None:
        holdings = self._holdings
        if self.rough:
            return ROUGH
        if holdings.kills and running.claim.id in holdings.kills:
            return KILL
        if holdings.lost and ref_of(running.claim) in holdings.lost:
            return LOST
        if self.gives_back:
            return GIVE_BACK
        return TIMEOUT if running.deadline != NEVER and running.deadline <= now else None

    def _interrupt(self, running: Running, reason: str, now: float) -> None:
        ref = ref_of(running.claim)
        asked = self._asked.get(ref)
        fresh = asked is None or asked.reason != reason
        if asked is None or fresh:
            logger.debug("interrupting firing %s: %s", ref.id, reason)
            asked = _Asked(reason, now)
            if not self._order(running, reason, now):
                return
            self._asked[ref] = asked
        overdue = now - asked.at >= _AGAIN_DELIVERED
        if running is self._holdings.running:
            delivered = self._interrupter.delivered
            if delivered is not None and delivered[0] is running.claim:
                if not overdue:
                    return
                # It caught the exception and goes on: once more.
                self._asked[ref] = asked._replace(at=now)
            self._interrupter.ask(running.claim, reason)
        elif self.lane is not None and (fresh or overdue):
            self._asked[ref] = asked._replace(at=now)
            self.lane.cancel(ref.id, reason)

    def _order(self, running: Running, reason: str, now: float) -> bool:
        """Ask the pool to kill this worker if the job does not end; False where it is not to be found yet."""
        slot: int | None = 0
        if running is not self._holdings.running:
            slot = None if self.lane is None else self.lane.slot_of(running.claim.id)
        if slot is None:
            return False
        if reason == TIMEOUT:
            self._board.order(slot, ref_of(running.claim), now + KILL_AFTER, TIMEOUT_CAUSE)
        else:
            cause = GIVE_BACK_CAUSE if reason == GIVE_BACK else ROUGH_CAUSE
            self._board.order(slot, ref_of(running.claim), now + self._grace, cause)
        return True
