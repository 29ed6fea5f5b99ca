"""What the main thread does, over and over: claim a batch, run each firing, settle the batch.

It decides when to do what. ``fetch.batch_size`` says how many to claim, and ``run.runner`` runs them. Imports no user code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from skunkqueue.errors import BackendError
from skunkqueue.processes.exit_codes import Ending
from skunkqueue.processes.log_values import duration
from skunkqueue.processes.store_backoff import FIRST_WAIT, StoreBackoff
from skunkqueue.records import Claim
from skunkqueue.worker.attempt import Attempt
from skunkqueue.worker.complete.refires import OFFER, Refires
from skunkqueue.worker.complete.settler import Settler
from skunkqueue.worker.fetch.batch_size import BatchSize
from skunkqueue.worker.fetch.claimer import Claimer
from skunkqueue.worker.fetch.fetcher import Fetcher
from skunkqueue.worker.fetch.fetcher_thread import FetcherThread
from skunkqueue.worker.in_flight import ClaimedAhead
from skunkqueue.worker.judge import verdict
from skunkqueue.worker.memory import resident
from skunkqueue.worker.run.lazy_async_executor import LazyAsyncExecutor
from skunkqueue.worker.run.runner import Runner
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")

_MIB = 1024 * 1024
_MANY = 64
"""Batches of this size and more: the next one is asked for while they run."""
_GLANCE = 0.02
"""Seconds until the next look for what the maintenance thread has out of sight, at the end of a burst."""


class Loop:
    """The main thread's work, for one worker."""

    def __init__(
        self,
        services: Services,
        claimer: Claimer,
        runner: Runner,
        *,
        settler: Settler,
        refires: Refires,
        async_executor: LazyAsyncExecutor,
        fetcher_thread: FetcherThread | None,
        tidy: Callable[[], None],
    ) -> None:
        """``tidy`` undoes what jobs did to the process. Without a ``fetcher_thread`` the clock is virtual."""
        self._settings = services.settings
        self._in_flight = services.in_flight
        self._liveness = services.liveness
        self._notifier = services.notifier
        self._scoreboard = services.scoreboard
        self._wakeup = services.wakeup
        self._claimer = claimer
        self._runner = runner
        self._settler = settler
        self._refires = refires
        self._async_executor = async_executor
        self._fetcher_thread = fetcher_thread
        self._fetcher = Fetcher(services, claimer)
        self._tidy = tidy
        self._ran = 0
        """Jobs begun so far; firings that are given back, killed or expired before that do not count."""
        self.batch = BatchSize()
        self.stopping = False
        self._holds_nothing = True
        """While it begins nothing: no claim is left here, and none is on its way."""
        self._begins = True
        """It neither stops nor holds. One attribute, since it is read before each firing."""
        self.hurried = False
        """It is to end soon: it waits only a second for a store that does not answer."""
        self.ending = Ending.STOPPED
        self.word = ""
        """Why it ends, where ``ending`` does not say enough."""

    def stop(self, ending: Ending) -> None:
        """Begin nothing more; from any thread and from signal handlers."""
        if not self.stopping:
            self.ending = ending
        self.stopping = self._in_flight.stopping = True
        self._begins = False
        self._wakeup.wake()

    def hold(self, *, holding: bool) -> None:
        """Begin nothing more but stay, or go on; from any thread."""
        if self._fetcher_thread is not None:
            self._fetcher_thread.accept(not (holding or self.stopping))
        self._in_flight.holding = holding
        self._begins = not holding
        if self.stopping:
            # It may have been told to stop just now, by another thread.
            self._begins = False
            if self._fetcher_thread is not None:
                self._fetcher_thread.refuse()
        self._wakeup.wake()

    def run(self) -> None:
        """Work until stopped, or until nothing is due in a burst; then leave nothing behind."""
        backoff = StoreBackoff()
        while not self.stopping:
            if not self._settler.settle():
                self._wakeup.wait(backoff.next())
                continue
            self._continue_chains()
            if self._in_flight.holding:
                self._wakeup.wait(None if self._hold_still() else backoff.next())
                continue
            self._holds_nothing = False
            if self._in_flight.unbegun:
                # The fetcher thread has claimed these.
                self._run_batch()
                continue
            self._leave_to_others()
            limit = self._limit()
            if self.stopping:
                break
            if limit == 0 or (
                self._async_executor.busy
                and self._fetcher_thread is not None
                and self._fetcher_thread.is_waiting
            ):
                # There is no room, or the fetcher thread waits for work already.
                self._wakeup.wait()
                continue
            seen = self._in_flight.out_of_sight
            try:
                claims, asked, leased = self._claim(limit)
            except BackendError as error:
                logger.warning("cannot claim: %s", error)
                self._wakeup.wait(backoff.next())
                continue
            self._liveness.answered()
            backoff.reset()
            if claims:
                self._in_flight.take(claims, asked, leased)
                self._notifier.tell_each(
                    "skunkqueue_firing_claimed", "claim", claims, worker=self._settings.id
                )
                self._run_batch()
            else:
                self._wait_for_work(limit, seen)
        self._wind_down()

    def _hold_still(self) -> bool:
        """Give back what has not begun; False where the store does not take it now."""
        in_flight = self._in_flight
        self._give_back_all()
        if not self._settler.settle():
            return False
        if not self._holds_nothing:
            # A wait that was cut off may have claimed something all the same: that comes with the next claim.
            try:
                late = self._claimer.claim(1)
            except BackendError as error:
                logger.warning("cannot ask for what may have been claimed: %s", error)
                return False
            self._holds_nothing = True
            in_flight.unbegun.extend(late)
            self._release_unbegun()
            return self._settler.settle()
        return True

    def _leave_to_others(self) -> None:
        """Leave it to others to claim what this worker gave back because it lacks a strategy."""
        if not self._refires.pop_offered() or self._fetcher_thread is None:
            return
        until = self._in_flight.monotonic() + OFFER
        while not self.stopping and (left := until - self._in_flight.monotonic()) > 0:
            self._wakeup.wait(left)

    def _claim(self, limit: int) -> tuple[list[Claim], float, float]:
        """Claim, or take what was asked for ahead; return when that was, monotonic and by the lease clock."""
        ahead = self._in_flight.pop_ahead()
        # An empty answer is old: it was given while the last batch ran.
        if ahead is not None and (claims := ahead.answer()):
            return claims, ahead.asked, ahead.leased
        asked, leased = self._in_flight.monotonic(), self._in_flight.lease_clock()
        return self._claimer.claim(limit), asked, leased

    def _claim_ahead(self) -> None:
        """Where firings are short and many, let the store look for the next batch while this one runs."""
        settings, in_flight, limit = self._settings, self._in_flight, self.batch.size
        bounded = settings.max_jobs is not None or settings.max_memory is not None
        if (
            bounded
            or limit < _MANY
            or len(in_flight.unbegun) < limit // 2
            or in_flight.ahead
            or self._async_executor.busy
        ):
            return
        asked, leased = in_flight.monotonic(), in_flight.lease_clock()
        answer = self._claimer.claim_ahead(limit)
        if answer is not None:
            in_flight.ahead.append(ClaimedAhead(answer, asked, leased))

    def _limit(self) -> int:
        """Return how many to claim; 0: none now."""
        limit = self.batch.size
        settings = self._settings
        if settings.max_jobs is not None:
            limit = min(limit, settings.max_jobs - self._ran)
            if limit <= 0:
                self._recycle(f"it has run {self._ran} job{'s' * (self._ran > 1)}")
                return 0
        # Only after a job: with a limit below what an idle worker needs, it would be replaced again and again.
        if (
            settings.max_memory is not None
            and self._ran
            and (held := resident() // _MIB) >= settings.max_memory
        ):
            self._recycle(f"it holds {held} MiB")
            return 0
        free = self._async_executor.free
        if free is not None and (self._async_executor.busy or self._in_flight.between_steps):
            limit = min(limit, free)
        return limit

    def _recycle(self, why: str) -> None:
        self.word = why
        self.stop(Ending.RECYCLED)

    def _run_batch(self) -> None:
        """Run what has not begun, and settle it."""
        in_flight = self._in_flight
        self._claim_ahead()
        self._notifier.catch_up()
        began = in_flight.monotonic()
        unbegun, run, lease_clock = in_flight.unbegun, self._runner.run, in_flight.lease_clock
        count = unrun = 0
        while self._begins:
            try:
                claim = unbegun.popleft()
            except IndexError:
                break
            # `in_flight.is_late` in full, since a call costs. This process may have been stopped just now.
            if lease_clock() - in_flight.leased > in_flight.lease:
                unbegun.appendleft(claim)
                self._give_back_late()
                break
            attempt = Attempt(claim)
            if run(attempt):
                count += 1
                if attempt.started is None and not attempt.begun:
                    unrun += 1
            else:
                unbegun.appendleft(claim)
                self._await_room()
        self._clear_up()
        self._ran += count - unrun
        self.batch.ran(count, in_flight.monotonic() - began)
        self._settler.settle()

    def _give_back_late(self) -> None:
        """Give back what has not begun, since its lease may be over: this process was stopped, or had to wait."""
        count = self._release_unbegun()
        logger.warning(
            "late: unbegun=%d lease=%s; their leases may be over (was this process stopped?), so they are given back",
            count,
            duration(self._settings.lease),
        )

    def _await_room(self) -> None:
        """Wait for a free row on the event loop. If that takes long, the maintenance thread gives back what waits."""
        self._in_flight.waiting = self._in_flight.monotonic()
        self._wakeup.wait(0.5)
        self._settler.settle()
        self._continue_chains()
        self._in_flight.waiting = 0.0

    def _continue_chains(self) -> None:
        """Run the next steps of chains whose last step has ended beside the main thread, or found no room there."""
        between_steps, ran = self._in_flight.between_steps, False
        while between_steps and not self.stopping:
            attempt = between_steps.popleft()
            if not self._runner.run(attempt):
                between_steps.appendleft(attempt)
                break
            ran = True
        if ran:
            self._clear_up()

    def _clear_up(self) -> None:
        """Undo what jobs did to the process, before the store is touched again, and show that none runs in this thread."""
        self._tidy()
        self._scoreboard.clear(0)

    def _wait_for_work(self, limit: int, seen: int) -> None:
        """Wait until something may be claimable, or end a burst. ``seen``: as ``out_of_sight`` was before nothing was claimed."""
        # First look whether any job runs: one that ends now is in `finished` before it leaves `beside`.
        busy, in_flight = self._async_executor.busy, self._in_flight
        if in_flight.between_steps or in_flight.finished:
            return
        if self._settings.burst:
            if not busy:
                if seen % 2 or seen != in_flight.out_of_sight:
                    # What the maintenance thread has just given back, or settled as due again, was not there to be claimed.
                    self._wakeup.wait(_GLANCE)
                else:
                    self.stop(Ending.FINISHED)
                return
        elif self._fetcher_thread is None:
            self._pass_time()
            return
        elif not busy and not self._fetcher_thread.is_waiting and self._fetcher.fetch(limit):
            return
        else:
            self._fetcher_thread.ask(limit)
        self._wakeup.wait()

    def _pass_time(self) -> None:
        try:
            self._claimer.wait(self._settings.lease)
        except BackendError as error:
            logger.warning("cannot wait for firings: %s", error)
            self._wakeup.wait(FIRST_WAIT)

    # --- the end ----------------------------------------------------------------------------------

    def _wind_down(self) -> None:
        """Give back what has not begun, wait for async jobs, and settle what is left."""
        if self._fetcher_thread is not None:
            self._fetcher_thread.refuse()
        self._release_all()
        while self._async_executor.busy:
            self._wakeup.wait(0.5)
            self._settler.settle()
        self._release_all()
        backoff = StoreBackoff()
        patience = 1.0 if self.hurried else self._settings.lease
        while not self._settler.settle():
            if backoff.waited > patience:
                logger.error(
                    "%d outcomes could not be settled; their leases end", len(self._in_flight.finished)
                )
                return
            self._wakeup.wait(backoff.next())

    def release_rest(self) -> None:
        """Give back what other threads claimed after the loop had ended."""
        self._release_all()
        self._settler.settle()

    def _give_back_all(self) -> None:
        """Give back what has not begun, and what was asked for ahead."""
        in_flight = self._in_flight
        while (ahead := in_flight.pop_ahead()) is not None:
            try:
                in_flight.unbegun.extend(ahead.answer())
            except BackendError as error:
                logger.warning(
                    "what was asked for ahead cannot be given back, its leases will end: %s", error
                )
        self._release_unbegun()

    def _release_all(self) -> None:
        in_flight = self._in_flight
        self._give_back_all()
        while in_flight.between_steps:
            attempt = in_flight.between_steps.popleft()
            if not attempt.unsaved or self._runner.save_step(attempt):
                self._release(attempt)

    def _release_unbegun(self) -> int:
        in_flight = self._in_flight
        count = 0
        # The maintenance thread may take some at the same time.
        while True:
            try:
                claim = in_flight.unbegun.popleft()
            except IndexError:
                return count
            self._release(Attempt(claim))
            count += 1

    def _release(self, attempt: Attempt) -> None:
        attempt.outcome = verdict.released(attempt.claim)
        self._in_flight.finished.append(attempt)
