"""The worker's cycle: claim a batch, run each firing, settle the batch. Imports no user code itself.

The main thread runs jobs, so that signals reach them. Beside it work the guard (interrupts), the
steward (leases, heart), the ear (mailbox), the doorman (waits for work), and, once an async job has
come, the lane (event loop). What they share is in ``holdings``.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from skunkqueue.clock import SYSTEM_CLOCK, Clock, SystemClock
from skunkqueue.errors import BackendError
from skunkqueue.imports import Gate
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins.notify import Notifier
from skunkqueue.records import Claim, Command, WorkerRecord
from skunkqueue.worker import verdict
from skunkqueue.worker.batch import BatchSize
from skunkqueue.worker.board import Board
from skunkqueue.worker.contact import FIRST_WAIT, Backoff, Contact
from skunkqueue.worker.doorman import Doorman
from skunkqueue.worker.ear import Ear
from skunkqueue.worker.execute import Performer
from skunkqueue.worker.guard import Guard
from skunkqueue.worker.holdings import Finished, Holdings
from skunkqueue.worker.interrupt import Interrupter
from skunkqueue.worker.memory import resident
from skunkqueue.worker.refires import Refires
from skunkqueue.worker.runner import Runner
from skunkqueue.worker.settings import GENTLE, ROUGH, Ending, WorkerSettings
from skunkqueue.worker.settler import Settler
from skunkqueue.worker.steward import Steward

if TYPE_CHECKING:
    from skunkqueue.worker.lane import Lane
    from skunkqueue.worker.streams import Streams

logger = logging.getLogger("skunkqueue.worker")

_MIB = 1024 * 1024
SLICE = 30.0
"""Seconds for which the store may block a wait of ours at a time."""


class Worker:
    """One worker; ``run`` works in the calling thread until told to stop, or nothing is due in a burst.

    Outside of a process' main thread, as in tests, jobs cannot be interrupted. With a virtual clock it
    hears no commands, and time passes whenever there is nothing to do.
    """

    def __init__(
        self,
        backend: Backend,
        settings: WorkerSettings,
        *,
        clock: Clock = SYSTEM_CLOCK,
        notifier: Notifier | None = None,
        board: Board | None = None,
        leash: int | None = None,
        streams: Streams | None = None,
        give_up: Callable[[], None] | None = None,
        slice_: float = SLICE,
    ) -> None:
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._is_virtual = not isinstance(clock, SystemClock)
        self._monotonic = clock.monotonic if self._is_virtual else time.monotonic
        self._notifier = Notifier() if notifier is None else notifier
        self._streams = streams
        self._ended = threading.Event()
        self._bell: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._stopping = False
        self._ending = Ending.STOPPED
        self._ran = 0
        self._folder = os.getcwd()  # noqa: PTH109 - as it is compared with
        self.board = board = Board.private(1 + settings.concurrency) if board is None else board
        self.word = ""
        """Why it ends, where its ending does not say it all."""

        me = settings.id
        self._batch = BatchSize()
        self._contact = contact = Contact(clock, settings.lease)
        self.holdings = holdings = Holdings(self._monotonic)
        self._refires = Refires(backend, settings.queue, settings.route)
        self._interrupter = Interrupter(
            Performer.perform.__code__, lambda: holdings.running and holdings.running.claim
        )
        self._settler = Settler(
            backend,
            holdings,
            self._refires,
            board=board,
            contact=contact,
            notifier=self._notifier,
            worker=me,
        )
        self._performer = Performer(Gate(settings.path, settings.allow, worker=True), settings.max_payload)
        self.runner = Runner(
            self._performer,
            self._interrupter,
            holdings,
            settler=self._settler,
            refires=self._refires,
            board=board,
            worker=me,
            max_payload=settings.max_payload,
            open_lane=self._open_lane,
        )
        self._guard = Guard(
            holdings,
            self._interrupter,
            board,
            contact=contact,
            clock=clock,
            grace=settings.grace,
            obey=self._obey_pool,
            give_up=self._give_up if give_up is None else give_up,
            leash=leash,
        )
        self._steward = Steward(
            backend,
            holdings,
            self._settler,
            self._refires,
            contact=contact,
            notifier=self._notifier,
            clock=clock,
            lease=settings.lease,
            describe=self._describe,
            interrupt=self._guard.wake,
            ended=self._ended,
        )
        self._ear = Ear(backend, me, self._obey, contact=contact, slice_=slice_, ended=self._ended)
        self._doorman = Doorman(
            backend,
            (settings.queue, settings.route, me),
            self._ring,
            contact=contact,
            slice_=slice_,
            ended=self._ended,
        )
        self._record = WorkerRecord(
            id=me,
            queue=settings.queue,
            route=settings.route,
            pool=settings.pool,
            host=os.uname().nodename,
            pid=os.getpid(),
            started=0.0,
        )

    # --- life -------------------------------------------------------------------------------------

    def run(self) -> Ending:
        """Work; BackendError where the store cannot be reached at the very start."""
        self._record = msgspec.structs.replace(self._record, started=self._backend.now())
        self._backend.register(self._describe(), self._settings.lease)
        self._contact.answered()
        self.board.ready(self._record.started)
        self._interrupter.install()
        threads: list[threading.Thread] = [self._guard, self._steward]
        if not self._is_virtual:
            # On a virtual clock these would not block but race through time.
            threads += [self._ear, self._doorman]
        for thread in threads:
            thread.start()
        logger.info(
            "worker %s is ready for route %r of queue %r on %s",
            self._settings.id,
            self._settings.route,
            self._settings.queue,
            self._backend.location(),
        )
        self._notifier.tell("skunkqueue_worker_started", worker=self._describe())
        try:
            self._cycle()
            self._wind_down()
        finally:
            self._end()
        return self._ending

    def stop(self, *, rough: bool = False, ending: Ending = Ending.STOPPED) -> None:
        """End after the running jobs, or interrupt them; from any thread and from signal handlers."""
        if not self._stopping:
            self._ending = ending
        self._stopping = True
        if rough:
            self._guard.rough = True
        self._guard.wake()
        self._ring()

    def _end(self) -> None:
        try:
            self._backend.unregister(self._settings.id)
        except BackendError as error:
            logger.warning("this worker could not be taken off the list, and will vanish from it: %s", error)
        self._ended.set()
        self._guard.end()
        self._doorman.end()
        self._interrupter.remove()
        if self.runner.lane is not None:
            self.runner.lane.close()
        reason = self._ending.name.lower()
        self._notifier.tell("skunkqueue_worker_stopped", worker=self._describe(), reason=reason)
        logger.info("worker %s has ended: %s", self._settings.id, self.word or reason)

    def _wind_down(self) -> None:
        """Give back what has not begun, wait for async jobs, and settle what is left."""
        holdings = self.holdings
        self._release_all()
        while self.runner.lane is not None and self.runner.lane.busy:
            self._await_bell(0.5)
            self._settler.settle()
        self._release_all()
        backoff = Backoff()
        deadline = self._monotonic() + self._settings.lease
        while not self._settler.settle():
            if self._monotonic() > deadline or (self._guard.rough and backoff.waited > 1.0):
                logger.error("%d outcomes could not be settled; their leases end", len(holdings.finished))
                return
            self._ended.wait(backoff.next())

    def _release_all(self) -> None:
        holdings = self.holdings
        midway = holdings.midway
        while midway:
            claim, _, carry, _ = midway.popleft()
            if self.runner.advance(claim, carry):
                holdings.finished.append(Finished(claim, verdict.released(claim), "a chain"))
        while holdings.unbegun:
            claim = holdings.unbegun.popleft()
            holdings.finished.append(Finished(claim, verdict.released(claim), "a firing"))

    # --- the cycle --------------------------------------------------------------------------------

    def _cycle(self) -> None:
        backoff = Backoff()
        while not self._stopping:
            if not self._settler.settle():
                self._await_bell(backoff.next())
                continue
            self._go_on_midway()
            limit = self._limit()
            if limit == 0:
                if self._stopping:
                    return
                self._await_bell(None)
                continue
            if self._doorman.is_waiting and self._lane_busy:
                # Nothing was claimable when last asked, and nobody has rung for new work since.
                self._await_bell(None)
                continue
            try:
                claims = self._backend.claim(
                    self._settings.queue, self._settings.route, self._settings.id, limit, self._settings.lease
                )
            except BackendError as error:
                logger.warning("cannot claim: %s", error)
                self._await_bell(backoff.next())
                continue
            self._contact.answered()
            backoff.reset()
            if claims:
                self._work(claims)
            elif not self._rest():
                return

    def _rest(self) -> bool:
        """Wait until something may be claimable; False: end instead."""
        # First whether any job runs: one that ends now is among the finished before it ceases to run.
        busy = self._lane_busy
        if self.holdings.midway or self.holdings.finished:
            return True
        if self._settings.burst:
            if not busy:
                self.stop(ending=Ending.FINISHED)
                return False
        elif self._is_virtual:
            self._pass_time()
            return True
        else:
            self._doorman.ask()
        self._await_bell(None)
        return True

    def _pass_time(self) -> None:
        settings = self._settings
        try:
            self._backend.wait(settings.queue, settings.route, settings.id, settings.lease)
        except BackendError as error:
            logger.warning("cannot wait for firings: %s", error)
            self._await_bell(FIRST_WAIT)

    def _work(self, claims: list[Claim]) -> None:
        holdings = self.holdings
        began = self._monotonic()
        holdings.offset = claims[0].claimed - began
        if not holdings.beside:
            holdings.leased = began
            holdings.lost.clear()
        if self._notifier.wants("skunkqueue_firing_claimed"):
            for claim in claims:
                self._notifier.tell("skunkqueue_firing_claimed", claim=claim, worker=self._settings.id)
        unbegun, run = holdings.unbegun, self.runner.run
        unbegun.extend(claims)
        count = 0
        while not self._stopping:
            try:
                claim = unbegun.popleft()
            except IndexError:
                break
            if not run(claim):
                unbegun.appendleft(claim)
                self._await_room()
                continue
            count += 1
        self.board.clear(0)
        self._ran += count
        self._batch.ran(count, self._monotonic() - began)
        self._tidy()
        self._settler.settle()

    def _await_room(self) -> None:
        """Wait for a place on the event loop; the steward gives back what waits here for long."""
        self.holdings.waiting = self._monotonic()
        self._await_bell(0.5)
        self._settler.settle()
        self._go_on_midway()
        self.holdings.waiting = 0.0

    def _go_on_midway(self) -> None:
        midway = self.holdings.midway
        while midway and not self._stopping:
            one = midway.popleft()
            if self.runner.advance(one.claim, one.carry) and not self.runner.resume(one):
                midway.appendleft(one)
                return

    def _limit(self) -> int:
        """Tell how many to claim; 0: none now."""
        limit = self._batch.size
        settings = self._settings
        if settings.max_jobs is not None:
            limit = min(limit, settings.max_jobs - self._ran)
            if limit <= 0:
                self._recycle(f"it has run {self._ran} jobs")
                return 0
        if settings.max_memory is not None and (held := resident() // _MIB) >= settings.max_memory:
            self._recycle(f"it holds {held} MiB")
            return 0
        lane = self.runner.lane
        if lane is not None and (lane.busy or self.holdings.midway):
            limit = min(limit, lane.free)
        return limit

    def _recycle(self, why: str) -> None:
        self.word = why
        self.stop(ending=Ending.RECYCLED)

    def _tidy(self) -> None:
        """Undo what jobs may have done to the process."""
        self._interrupter.keep()
        if self._streams is not None:
            self._streams.keep()
            with contextlib.suppress(OSError):
                if os.getcwd() != self._folder:  # noqa: PTH109 - called often
                    os.chdir(self._folder)

    @property
    def _lane_busy(self) -> bool:
        return self.runner.lane is not None and self.runner.lane.busy

    def _open_lane(self) -> Lane:
        from skunkqueue.worker.lane import Lane  # noqa: PLC0415 - asyncio is large and not every worker needs it

        lane = Lane(self._performer, self.holdings, self.board, done=self.runner.ended_async, ring=self._ring)
        self._guard.lane = lane
        return lane

    # --- bells and orders -------------------------------------------------------------------------

    def _ring(self) -> None:
        self._bell.put(None)

    def _await_bell(self, timeout: float | None) -> None:
        """Wait until something has happened; several rings count as one."""
        try:
            self._bell.get(timeout=timeout)
            while True:
                self._bell.get_nowait()
        except queue.Empty:
            pass

    def _obey_pool(self, order: bytes) -> None:
        if order == GENTLE:
            self.stop()
        elif order == ROUGH:
            self.stop(rough=True)

    def _obey(self, command: Command) -> None:
        if command.verb == "kill" and command.firing is not None:
            self.holdings.kills[command.firing] = self._monotonic()
            self._guard.wake()
        elif command.verb in ("stop", "rough"):
            logger.info("told to stop%s by command", " roughly" if command.verb == "rough" else "")
            self.stop(rough=command.verb == "rough", ending=Ending.DISMISSED)
        else:
            logger.warning("an unknown command is ignored: %r", command.verb)

    def _give_up(self) -> None:
        self.stop(rough=True, ending=Ending.DEAF)

    def _describe(self) -> WorkerRecord:
        begun = self.holdings.begun()
        if self._contact.is_deaf:
            state = "deaf"
        elif self._stopping:
            state = "stopping"
        else:
            state = "busy" if begun else "idle"
        return msgspec.structs.replace(
            self._record,
            state=state,
            current=begun[0].claim.id if begun else None,
            done=self._settler.done,
            rss=resident(),
        )
