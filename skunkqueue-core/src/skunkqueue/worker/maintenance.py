"""The thread that keeps what the worker holds: leases, heart, the neighbours of a job that runs long.

It works beside the main thread, so that a job that blocks costs no lease. It does not interrupt jobs
(``watchdog``) and rules on nothing (``verdict``).
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable

from skunkqueue.clock import Clock
from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins.notify import Notifier
from skunkqueue.processes.store_backoff import Backoff
from skunkqueue.records import Claim, ClaimRef, WorkerRecord
from skunkqueue.worker.complete.refires import Refires
from skunkqueue.worker.complete.settler import Settler
from skunkqueue.worker.in_flight import InFlight, Running, ref_of
from skunkqueue.worker.judge.verdict import released
from skunkqueue.worker.liveness import Liveness

logger = logging.getLogger("skunkqueue.worker")

_TICK = 0.1
_TICK_IDLE = 0.25
LONG = 0.08
"""Seconds after which a running job's neighbours are given back."""
_CHORES_EVERY = 10.0
_MUCH = 1_000
"""As much as this done by one sweep means that there is more, which should not wait for the next chores."""
_LONGEST_BEAT = 5.0
_KILL_KEPT = 5.0


class Maintenance(threading.Thread):
    """One for each worker."""

    def __init__(
        self,
        backend: Backend,
        in_flight: InFlight,
        settler: Settler,
        refires: Refires,
        *,
        liveness: Liveness,
        notifier: Notifier,
        clock: Clock,
        lease: float,
        describe: Callable[[], WorkerRecord],
        interrupt: Callable[[], None],
        wake: Callable[[], None],
        ended: threading.Event,
    ) -> None:
        """``interrupt`` wakes the watchdog, ``wake`` the main thread."""
        super().__init__(name="skunkqueue-maintenance", daemon=True)
        self._backend = backend
        self._in_flight = in_flight
        self._settler = settler
        self._refires = refires
        self._liveness = liveness
        self._notifier = notifier
        self._clock = clock
        self._lease = lease
        self._describe = describe
        self._interrupt = interrupt
        self._wake = wake
        self._ended = ended
        self._beat_every = min(lease / 3, _LONGEST_BEAT)
        self._next_beat = 0.0
        # Workers that start together are not to do their chores together.
        self._next_chores = clock.monotonic() + _CHORES_EVERY * random.uniform(0.2, 1.0)  # noqa: S311 - jitter
        self._told: tuple[str | None, bool] = (None, False)
        self._backoff = Backoff()
        self._resume = 0.0

    def run(self) -> None:
        """Look after things until the worker has ended."""
        tick = _TICK_IDLE
        while not self._ended.wait(tick):
            tick = _TICK if self._in_flight.is_busy else _TICK_IDLE
            now = self._clock.monotonic()
            if now < self._resume:
                continue
            try:
                self.look(now)
            except BackendError as error:
                self._resume = now + self._backoff.next()
                logger.warning("the store does not answer the maintenance thread: %s", error)
            except Exception:
                self._resume = now + self._backoff.next()
                logger.exception("a fault in the maintenance thread")
            else:
                self._backoff.reset()

    def look(self, now: float) -> None:
        """Do what is due now; raises BackendError."""
        running = self._in_flight.running
        self._notifier.watch()
        self._take_in_ahead(now)
        self._give_back_neighbours(running, now)
        self._keep_leases()
        self._send_progress()
        self._forget_kills(now)
        self._beat(running or self._in_flight.planning, now)
        if now >= self._next_chores:
            self._next_chores = now + _CHORES_EVERY * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
            if self._backend.sweep() >= _MUCH:
                self._next_chores = now
            if self._refires.heal():
                self._next_chores = now
            self._liveness.answered()

    def _take_in_ahead(self, now: float) -> None:
        """Take claims in hand that were asked for ahead, where the batch before them turns out long.

        Their leases run, and they may be killed, or given back.
        """
        in_flight = self._in_flight
        try:
            if now - in_flight.ahead[0].asked < LONG:
                return
            ahead = in_flight.ahead.popleft()
            in_flight.leased = min(in_flight.leased, ahead.leased)
        except IndexError:
            # There is none, or the main thread took it just now.
            return
        claims = ahead.answer()
        self._notifier.tell_each("skunkqueue_firing_claimed", "claim", claims, worker=self._describe().id)
        in_flight.unbegun.extend(claims)
        self._wake()

    def _give_back_neighbours(self, running: Running | None, now: float) -> None:
        in_flight = self._in_flight
        long = running is not None and now - running.began > LONG
        if not long and not (in_flight.waiting and now - in_flight.waiting > LONG):
            return
        if in_flight.unbegun:
            neighbours: list[Claim] = []
            try:
                while True:
                    neighbours.append(in_flight.unbegun.pop())
            except IndexError:
                pass
            self._release(neighbours)
        if in_flight.finished:
            self._settler.settle()

    def _release(self, claims: list[Claim]) -> None:
        if not claims:
            return
        logger.debug("%d firings are given back: their neighbour runs long", len(claims))
        try:
            self._backend.settle([released(claim) for claim in claims])
        except BackendError:
            # Still ours: the main thread runs them if it comes to them first.
            self._in_flight.unbegun.extend(reversed(claims))
            raise
        self._liveness.answered()

    def _keep_leases(self) -> None:
        in_flight = self._in_flight
        now = in_flight.lease_clock()
        if now - in_flight.leased < self._lease / 3:
            return
        held = in_flight.held()
        if not held:
            return
        refs = [ref_of(claim) for claim in held]
        # So that, if this worker dies with its host, what had begun can be told from what had not.
        begun_ids = in_flight.begun_ids()
        shown = [ClaimRef(ref.id, ref.token, ref.id in begun_ids) for ref in refs]
        lost = set(self._backend.extend(shown, self._lease))
        self._liveness.answered()
        in_flight.leased = now
        if not lost:
            return
        # What was settled meanwhile is lost to us in the best of ways.
        begun = {ref_of(one.claim): one.claim for one in in_flight.begun()}
        for ref in refs:
            if ref.id not in lost or ref not in begun or ref in in_flight.lost:
                continue
            logger.warning(
                "the lease of firing %s, claim %d, is lost: interrupting its job", ref.id, ref.token
            )
            in_flight.lost.add(ref)
            if self._notifier.wants("skunkqueue_firing_lost"):
                self._notifier.tell("skunkqueue_firing_lost", claim=begun[ref], worker=self._describe().id)
        unbegun_lost = [claim for claim in in_flight.unbegun.copy() if claim.id in lost]
        for claim in unbegun_lost:
            try:
                in_flight.unbegun.remove(claim)
            except ValueError:
                # The main thread took it meanwhile.
                in_flight.lost.add(ref_of(claim))
        self._interrupt()

    def _send_progress(self) -> None:
        progress = self._in_flight.progress
        while progress:
            ref, report = progress.popitem()
            self._backend.progress(ref, report)

    def _forget_kills(self, now: float) -> None:
        # A kill may be heard just before the claim it is for has come back from the store, so it is kept
        # for a while; but not for long, since the firing may be requeued.
        kills = self._in_flight.kills
        if kills and not self._in_flight.ahead:
            held = {claim.id for claim in self._in_flight.held()}
            for firing, heard in tuple(kills.items()):
                if now - heard > _KILL_KEPT and firing not in held:
                    kills.pop(firing, None)

    def _beat(self, running: Running | None, now: float) -> None:
        current = running.claim.id if running is not None and now - running.began > 1.0 else None
        told = (current, self._in_flight.holding)
        if now < self._next_beat and not (
            told != self._told and now >= self._next_beat - self._beat_every + 1
        ):
            return
        self._next_beat = now + self._beat_every
        self._told = told
        if not self._backend.beat(self._describe(), self._lease):
            logger.warning("this worker had vanished from the list, and is listed again")
        self._liveness.answered()
