"""Settles finished attempts in the store, in batches, and tells the log and the hooks. Runs no job.

The main thread calls it after each batch, the maintenance thread while a job runs long. Each takes what is finished off the queue,
so an outcome is settled once. What the store does not take now is put back.
"""

from __future__ import annotations

import logging
import math
import threading

import msgspec

from skunkqueue.clock import monotonic
from skunkqueue.errors import BackendError
from skunkqueue.payload import Failure, encode
from skunkqueue.processes.log_values import brief, duration
from skunkqueue.records import Claim, ClaimRef, Outcome, Verdict
from skunkqueue.worker.attempt import Attempt
from skunkqueue.worker.complete.refires import PASSING, Refires
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")

_EACH = 8
"""Batches up to this size get a line for each firing."""
_SUMMARY_EVERY = 1.0
_QUIET = frozenset({Verdict.COMPLETE, Verdict.SNOOZE})
_MAX_UNKNOWN = 1_000
"""Jobs that are not known here of which each gets a warning; more of them are logged as information only."""


class Settler:
    """For one worker."""

    def __init__(self, services: Services, refires: Refires) -> None:
        self._backend = services.backend
        self._in_flight = services.in_flight
        self._scoreboard = services.scoreboard
        self._liveness = services.liveness
        self._notifier = services.notifier
        self._worker = services.settings.id
        self._pool = services.settings.pool
        self._unknown: set[str] = set()
        """Jobs that are not known here, and of which a warning was logged."""
        self._refires = refires
        self._unsure: set[ClaimRef] = set()
        """Outcomes that may have been settled by a call that failed."""
        self._summed = 0
        self._summary_due = 0.0
        self.done = 0
        """Firings settled so far."""

    def settle(self, patience: float = math.inf) -> bool:
        """Settle what is finished; False where the store does not take it now (it is kept).

        Strategies of schedules are asked for about ``patience`` seconds; runs whose strategies were not are kept, too.
        """
        finished = self._in_flight.finished
        batch: list[Attempt] = []
        try:
            while True:
                batch.append(finished.popleft())
        except IndexError:
            pass
        if not batch:
            return True
        try:
            if any(one.schedule is not None for one in batch):
                batch = self._attach_refires(batch, patience)
            stale = self._backend.settle([one.outcome for one in batch])
        except PASSING as error:
            self._keep(batch, error)
            return False
        except BackendError as error:
            if len(batch) > 1:
                logger.warning("a batch of %d outcomes is refused, trying one by one: %s", len(batch), error)
                return self._settle_each(batch, patience)
            return self._settle_instead(batch[0], error)
        self._liveness.answered()
        self._accepted(batch, stale)
        return True

    def advance(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Save how far a chain has come; False where its claim is lost. What cannot be saved now stays ``unsaved``."""
        try:
            stale = self._backend.settle([outcome])
        except BackendError as error:
            # Saved or not, the next step may run: a chain that is run again begins at an earlier step.
            logger.warning("cannot save that firing %s has come a step further: %s", outcome.id, error)
            return True
        attempt.unsaved = False
        self._liveness.answered()
        return not stale

    def begin(self, attempt: Attempt, lease: float) -> bool:
        """Have the store know that a job begins, before it does; False where its claim is lost. Raises BackendError.

        For firings with a past alone, since it costs a round trip: if the job takes this worker's host with it, the
        lease that ends then counts.
        """
        lost = self._backend.extend([ClaimRef(attempt.claim.id, attempt.claim.token, begun=True)], lease)
        self._liveness.answered()
        return not lost

    def report(self, ref: ClaimRef, progress: bytes) -> None:
        """Save a job's progress, unless the store does not take it now."""
        try:
            self._backend.progress(ref, progress)
        except BackendError as error:
            logger.debug("the progress of firing %s is not saved: %s", ref.id, error)

    def _attach_refires(self, batch: list[Attempt], patience: float) -> list[Attempt]:
        """Add the next runs of schedules; return what can be settled now, and keep the rest.

        Strategies may take long: meanwhile the maintenance thread keeps the leases.
        """
        settling, thread = self._in_flight.settling, threading.get_ident()
        settling[thread] = batch
        try:
            kept = self._refires.attach_each(batch, self._backend.now(), patience)
            if not kept:
                return batch
            self._in_flight.finished.extendleft(reversed(kept))
            return [one for one in batch if one not in kept]
        finally:
            del settling[thread]

    def _keep(self, batch: list[Attempt], error: BackendError) -> None:
        self._in_flight.finished.extendleft(reversed(batch))
        self._unsure.update(one.ref for one in batch)
        logger.warning("%d outcomes are kept until the store takes them: %s", len(batch), error)

    def _settle_each(self, batch: list[Attempt], patience: float) -> bool:
        for index, one in enumerate(batch):
            self._in_flight.finished.append(one)
            if not self.settle(patience):
                self._in_flight.finished.extend(batch[index + 1 :])
                return False
        return True

    def _settle_instead(self, one: Attempt, error: BackendError) -> bool:
        """Settle as an error what the store refuses for good, such as a result that is too large for it."""
        if one.outcome.refire is not None:
            # What its strategy has planned is refused. The run itself must be recorded.
            logger.error(
                "the next run of schedule %r is refused, and is planned anew: %s", one.schedule, error
            )
            self._drop_refire(one)
            self._in_flight.finished.append(one)
            return self.settle()
        note = f"the store refuses its outcome ({one.outcome.verdict.value}): {error}"
        if one.outcome.verdict is Verdict.ERROR and one.outcome.attempt_state is None:
            logger.error("firing %s cannot be settled, its lease will end: %s", one.claim.id, error)
            return True
        failure = Failure(type(error).__name__, note)
        one.outcome = msgspec.structs.replace(
            one.outcome, verdict=Verdict.ERROR, result=encode(failure), attempt_state=None, error=failure.line
        )
        one.note = note
        self._in_flight.finished.append(one)
        return self.settle()

    def _drop_refire(self, one: Attempt) -> None:
        """Settle without what a strategy planned: the run is noted, unless that is refused as well."""
        refire, name = one.outcome.refire, one.schedule
        one.outcome, one.schedule = msgspec.structs.replace(one.outcome, refire=None), None
        if name is None or refire is None or refire.unplanned:
            return
        try:
            self._refires.note_refused(one, name)
        except BackendError as error:
            logger.warning("the run %s of schedule %r is not in its history: %s", one.claim.id, name, error)

    def _accepted(self, batch: list[Attempt], stale: list[str]) -> None:
        if stale:
            batch = self._without_stale(batch, set(stale))
        self.done += len(batch)
        self._scoreboard.count(self.done)
        if self._unsure:
            self._unsure.difference_update(one.ref for one in batch)
        if self._notifier.wants("skunkqueue_firing_settled"):
            self._notifier.tell_all(
                "skunkqueue_firing_settled",
                [{"claim": one.claim, "outcome": one.outcome} for one in batch],
            )
        self._log(batch)

    def _without_stale(self, batch: list[Attempt], stale: set[str]) -> list[Attempt]:
        kept = []
        for one in batch:
            if one.claim.id not in stale:
                kept.append(one)
                continue
            ref = one.ref
            if ref in self._unsure:
                # The call that failed has most likely reached the store.
                self._unsure.discard(ref)
                logger.debug("the outcome of firing %s was settled before, or its lease is lost", ref.id)
                continue
            if one.outcome.verdict is Verdict.RELEASE:
                # It was given back because its lease might be over.
                logger.debug("firing %s is another's already", ref.id, extra=_about(one))
                self._tell_lost(one.claim)
                continue
            self.refuse(one, "the store knows a newer claim")
        return kept

    def refuse(self, one: Attempt, why: str) -> None:
        """Tell the log and the hooks that an outcome was not recorded."""
        logger.warning(
            "the outcome (%s) of firing %s, claim %d, is refused: its lease was lost (%s)",
            one.outcome.verdict.value,
            one.claim.id,
            one.claim.token,
            why,
            extra=_about(one),
        )
        self._tell_lost(one.claim)

    def _tell_lost(self, claim: Claim) -> None:
        if self._notifier.wants("skunkqueue_firing_lost"):
            self._notifier.tell("skunkqueue_firing_lost", claim=claim, worker=self._worker)

    def _log(self, batch: list[Attempt]) -> None:
        few = len(batch) <= _EACH
        for one in batch:
            verdict = one.outcome.verdict
            if one.schedule is not None:
                _tell_end(one)
            if one.note is not None and (few or verdict not in _QUIET):
                level = logging.ERROR if verdict is Verdict.ERROR else logging.WARNING
                level = logging.INFO if verdict in (Verdict.SNOOZE, Verdict.RELEASE) else level
                if self._is_news(one):
                    level = logging.WARNING
                    one.note += f"; if its code is newer than this worker: skunq restart {self._pool}"
                logger.log(level, "%s %s", _head(one), one.note, extra=_about(one))
            elif few and verdict is Verdict.COMPLETE:
                took = duration(one.outcome.took)
                logger.info("%s in %s -> %s", _head(one), took, brief(one.value), extra=_about(one))
            elif few:
                logger.debug("%s", _head(one), extra=_about(one))
            else:
                self._summed += 1
        now = monotonic()
        if self._summed and now >= self._summary_due:
            logger.info("complete: %d firings", self._summed)
            self._summed = 0
            self._summary_due = now + _SUMMARY_EVERY

    def _is_news(self, one: Attempt) -> bool:
        """Return whether a firing is given back because its job is not known here, for the first time for this job."""
        is_unknown = one.outcome.verdict is Verdict.RELEASE and one.outcome.error is not None
        if not is_unknown or one.name in self._unknown or len(self._unknown) >= _MAX_UNKNOWN:
            return False
        self._unknown.add(one.name)
        return True


def _tell_end(one: Attempt) -> None:
    refire = one.outcome.refire
    if refire is not None and refire.firing is None and not refire.unplanned:
        logger.info("schedule %r is over, by its own rule", one.schedule)


def _about(one: Attempt) -> dict[str, str]:
    return {"firing": one.claim.id, "job": one.name}


def _head(one: Attempt) -> str:
    # Where the job did not begin, there was no attempt to count.
    attempt = f" attempt {one.number}" if one.number > 1 and one.outcome.began is not None else ""
    return f"{one.outcome.verdict.value} {one.name} {one.claim.id}{attempt}"
