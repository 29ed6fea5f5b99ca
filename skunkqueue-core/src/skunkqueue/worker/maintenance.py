"""The thread that looks after what the worker has in hand, while the main thread runs jobs.

It has leases extended (``lease_keeper``), the worker listed (``heartbeat``), claims that wait behind a long job given
back, progress sent and schedules armed. It does not interrupt jobs (``watchdog``) and judges nothing (``judge``).
"""

from __future__ import annotations

import logging
import random
import threading

from skunkqueue.errors import BackendError
from skunkqueue.persistence.worker_verbs import MUCH_SWEPT
from skunkqueue.processes.store_backoff import StoreBackoff
from skunkqueue.records import Claim
from skunkqueue.worker.attempt import Attempt
from skunkqueue.worker.complete.refires import PASSING, PLAN_FOR, Refires
from skunkqueue.worker.complete.settler import Settler
from skunkqueue.worker.heartbeat import Heartbeat
from skunkqueue.worker.judge.verdict import released
from skunkqueue.worker.lease_keeper import LeaseKeeper
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")

_TICK = 0.1
_TICK_IDLE = 0.25
LONG = 0.08
"""Seconds after which the claims behind a running job are given back."""
_SWEEP_EVERY = 10.0
_SWEEP_AGAIN = 0.5
"""Seconds after a sweep that has left much for the next one: so firings are removed as fast as others finish, and workers that all
see the same leave the store time for other things."""
_KILL_KEPT = 5.0
"""Seconds for which a kill is remembered whose firing is not here."""


class Maintenance(threading.Thread):
    """One for each worker."""

    def __init__(
        self,
        services: Services,
        settler: Settler,
        refires: Refires,
        *,
        lease_keeper: LeaseKeeper,
        heartbeat: Heartbeat,
    ) -> None:
        super().__init__(name="skunkqueue-maintenance", daemon=True)
        self._backend = services.backend
        self._in_flight = services.in_flight
        self._liveness = services.liveness
        self._notifier = services.notifier
        self._clock = services.clock
        self._wake = services.wakeup.wake
        self._ended = services.ended
        self._worker = services.settings.id
        self._settler = settler
        self._refires = refires
        self._lease_keeper = lease_keeper
        self._heartbeat = heartbeat
        # Workers that start together are not to sweep together.
        self._next_sweep = self._clock.monotonic() + _SWEEP_EVERY * random.uniform(0.2, 1.0)  # noqa: S311 - jitter
        self._next_heal = self._next_sweep
        self._backoff = StoreBackoff()
        self._resume = 0.0

    def run(self) -> None:
        """Do what is due, again and again, until the worker has ended."""
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
        in_flight = self._in_flight
        running = in_flight.running
        self._notifier.watch()
        in_flight.out_of_sight += 1
        try:
            self._take_ahead(now)
            self._give_back_waiting(running, now)
        finally:
            in_flight.out_of_sight += 1
        self._lease_keeper.keep()
        self._send_progress()
        self._forget_kills(now)
        self._heartbeat.beat(now)
        if now >= self._next_sweep:
            self._sweep(now)
        self._backend.maintain()

    def _take_ahead(self, now: float) -> None:
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
            # Nothing was asked for, or the main thread took it just now.
            return
        claims = ahead.answer()
        self._notifier.tell_each("skunkqueue_firing_claimed", "claim", claims, worker=self._worker)
        in_flight.unbegun.extend(claims)
        self._wake()

    def _give_back_waiting(self, running: Attempt | None, now: float) -> None:
        """Where a job runs long, give back what waits behind it, and settle what has finished before it."""
        in_flight = self._in_flight
        is_long = running is not None and now - running.since > LONG
        if not is_long and not (in_flight.waiting and now - in_flight.waiting > LONG):
            return
        if in_flight.unbegun:
            waiting: list[Claim] = []
            try:
                while True:
                    waiting.append(in_flight.unbegun.pop())
            except IndexError:
                pass
            self._release(waiting)
        if in_flight.finished:
            # The leases come after it.
            self._settler.settle(PLAN_FOR)

    def _release(self, claims: list[Claim]) -> None:
        if not claims:
            return
        logger.debug("%d firings are given back: the job before them runs long", len(claims))
        try:
            self._backend.settle([released(claim) for claim in claims])
        except BackendError:
            # Still ours: the main thread runs them if it comes to them first.
            self._in_flight.unbegun.extend(reversed(claims))
            raise
        self._liveness.answered()

    def _send_progress(self) -> None:
        progress = self._in_flight.progress
        while progress:
            ref, report = progress.popitem()
            try:
                self._backend.progress(ref, report)
            except PASSING:
                # Unless the job has made a newer one, it is sent later.
                progress.setdefault(ref, report)
                raise

    def _forget_kills(self, now: float) -> None:
        # A kill may be heard just before the claim that it is for has come back from the store, so it is kept
        # for a while; but not for long, since the firing may be requeued.
        kills = self._in_flight.kills
        if kills and not self._in_flight.ahead:
            held = {claim.id for claim in self._in_flight.held()}
            for firing, heard in tuple(kills.items()):
                if now - heard > _KILL_KEPT and firing not in held:
                    kills.pop(firing, None)

    def _sweep(self, now: float) -> None:
        """Have the store forget what is past its time, and arm schedules that have no run planned."""
        self._next_sweep = now + _SWEEP_EVERY * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        if self._backend.sweep() >= MUCH_SWEPT:
            self._next_sweep = now + _SWEEP_AGAIN * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        if now >= self._next_heal:
            if self._refires.heal():
                self._next_sweep = now
            else:
                # Not with each of many sweeps, since it looks at every schedule.
                self._next_heal = now + 0.8 * _SWEEP_EVERY
        self._liveness.answered()
