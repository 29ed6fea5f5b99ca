"""Tells the store what became of workers: that one died, or that one lives whose job holds the GIL.

Works on a thread of its own, so that a store that hangs never keeps the pool from its signals and its
children. What fails is tried again for a while; if the store stays away, the leases do the rest.
"""

from __future__ import annotations

import logging
import queue
import random
import threading
from collections.abc import Callable, Sequence

import msgspec

from skunkqueue.clock import monotonic
from skunkqueue.errors import DamagedPayloadError, SkunkQueueError
from skunkqueue.payload import Failure, decode_attempt_state, encode
from skunkqueue.persistence import rules
from skunkqueue.persistence.backend import Backend
from skunkqueue.pool.process_samples import measure
from skunkqueue.pool.shared_store import SharedStore
from skunkqueue.records import ClaimRef, Death, Outcome, Record, State, Verdict, WorkerRecord

logger = logging.getLogger("skunkqueue.pool")

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0


class StoreReporter:
    """Delivers notes to the store, in order."""

    def __init__(self, store: SharedStore, patience: float) -> None:
        """Make one that gives up a note after ``patience`` seconds."""
        self._store = store
        self._patience = patience
        self._notes: queue.SimpleQueue[Callable[[Backend], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._taken = self._delivered = 0
        self._ending = threading.Event()

    def reap(self, worker: str, begun: Sequence[str], death: Death) -> None:
        """Give back what a dead worker held."""

        def note(backend: Backend) -> None:
            stamped = Death(
                at=backend.now(),
                worker=death.worker,
                cause=death.cause,
                signal=death.signal,
                exit_code=death.exit_code,
                rss=death.rss,
                claimed=claimed_at(backend.get(begun), worker) if begun else None,
            )
            given_back = backend.reap(worker, begun, stamped)
            logger.debug("worker %s is reaped: %d firings given back", worker, given_back)

        self._take(note)

    def kill(self, refs: Sequence[ClaimRef], word: str) -> None:
        """Settle firings as killed whose worker was killed because they could not be interrupted."""
        failure = Failure("Killed", word)
        died = monotonic()

        def note(backend: Backend) -> None:
            # The pool knows only that they ran, and the store knows since when.
            known = backend.get([ref.id for ref in refs])
            at = backend.now() - (monotonic() - died)
            backend.settle(
                [killed_outcome(ref, record, failure, at) for ref, record in zip(refs, known, strict=True)]
            )

        self._take(note)

    def give_back(self, refs: Sequence[ClaimRef]) -> None:
        """Note that firings had begun whose worker ended for another reason, before they are given back: they do not expire any more."""

        def note(backend: Backend) -> None:
            known = backend.get([ref.id for ref in refs])
            found = [given_back_outcome(ref, record) for ref, record in zip(refs, known, strict=True)]
            if any(found):
                backend.settle([outcome for outcome in found if outcome is not None])

        self._take(note)

    def vouch(
        self,
        worker: WorkerRecord,
        refs: Sequence[ClaimRef],
        lease: float,
        killed: Callable[[tuple[str, ...]], None],
    ) -> None:
        """Keep the leases of a worker that runs, but whose job lets none of its threads run; its memory is measured.

        ``killed`` is called (on this thread) with the ids of those firings that somebody asked to be killed.
        """

        def note(backend: Backend) -> None:
            backend.extend(refs, lease)
            _beat(backend, worker, lease)
            known = backend.get([ref.id for ref in refs])
            asked = tuple(ref.id for ref, record in zip(refs, known, strict=True) if _is_to_die(ref, record))
            if asked:
                killed(asked)

        self._take(note)

    def show(self, worker: WorkerRecord, lease: float) -> None:
        """List what a worker runs that cannot say it itself."""
        self._take(lambda backend: _beat(backend, worker, lease))

    def note(self, entry: str, did: str | None = None, *, done: bool = False) -> None:
        """Write to the audit log that a command was heard or, with ``done``, what was done."""

        def note(backend: Backend) -> None:
            if "audit" in backend.capabilities:
                backend.note_entry(entry, did=did, heard=not done, done=done)

        self._take(note)

    @property
    def is_behind(self) -> bool:
        """Return whether something is left to be told that will be told, or given up, within its patience."""
        return self._delivered < self._taken and self._thread is not None and self._thread.is_alive()

    def finish(self, timeout: float) -> None:
        """Write what is left, for at most ``timeout`` seconds, and close the store."""
        if self._thread is None and not self._store.is_open:
            return
        self._take(None)
        if self._thread is None:
            return
        self._thread.join(timeout)
        self._ending.set()
        if self._thread.is_alive():
            logger.warning(
                "not every worker's end could be written to the store: the leases of its firings will end"
            )

    def _take(self, note: Callable[[Backend], None] | None) -> None:
        self._taken += 1
        self._notes.put(note)
        if self._thread is None:
            thread = threading.Thread(target=self._work, name="skunkqueue-store-reporter", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:
                # No thread can be started now. The next note tries again; until then the leases end by themselves.
                logger.error("the end of a worker is written to the store later: %s", error)  # noqa: TRY400 - the message says it
                return
            self._thread = thread

    def _work(self) -> None:
        while (note := self._notes.get()) is not None:
            self._deliver(note)
            self._delivered += 1
        self._store.close()

    def _deliver(self, note: Callable[[Backend], None]) -> None:
        deadline = monotonic() + self._patience
        wait = _FIRST_WAIT
        while True:
            try:
                note(self._store.backend())
            except SkunkQueueError as error:
                if monotonic() + wait > deadline or self._ending.is_set():
                    logger.error("the end of a worker cannot be written to the store: %s", error)  # noqa: TRY400 - the message says it
                    return
            except Exception:
                logger.exception("a fault in writing the end of a worker to the store")
                return
            else:
                return
            self._ending.wait(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
            wait = min(2 * wait, _LONGEST_WAIT)


def claimed_at(records: Sequence[Record | None], worker: str) -> float | None:
    """Return when a worker claimed the firings that it runs; ``None``: not known, or not all at the same time."""
    claims = {
        record.began
        for record in records
        if record is not None and record.state is State.RUNNING and record.worker == worker
    }
    return claims.pop() if len(claims) == 1 else None


def killed_outcome(ref: ClaimRef, record: Record | None, failure: Failure, at: float) -> Outcome:
    """Make the outcome of a firing whose worker was killed for it, with all that the store knows of it.

    ``at``: when the worker died, store's time. Its job had begun: no earlier than the claim, and soon after it.
    """
    began = None if record is None or record.token != ref.token else record.began
    outcome = Outcome(
        id=ref.id,
        token=ref.token,
        verdict=Verdict.KILLED,
        result=encode(failure),
        error=failure.line,
        began=began,
        took=0.0 if began is None else max(at - began, 0.0),
    )
    return outcome if record is None else rules.with_claim(outcome, record)


def given_back_outcome(ref: ClaimRef, record: Record | None) -> Outcome | None:
    """Make the outcome that gives back a firing which had begun; ``None`` where giving it back by itself is enough."""
    if record is None or record.expires is None:
        return None
    try:
        state = decode_attempt_state(record.attempt_state)
    except DamagedPayloadError:
        # A worker that claims it says so.
        return None
    begun = encode(msgspec.structs.replace(state, begun=True))
    outcome = Outcome(id=ref.id, token=ref.token, verdict=Verdict.RELEASE, attempt_state=begun)
    return rules.with_claim(outcome, record)


def _is_to_die(ref: ClaimRef, record: Record | None) -> bool:
    """Return whether somebody asked for this very claim to be killed, and not for one before or after it."""
    return (
        record is not None
        and record.kill_requested
        and record.state is State.RUNNING
        and record.token == ref.token
    )


def _beat(backend: Backend, worker: WorkerRecord, lease: float) -> None:
    # On the reporter's thread, since it may call another program.
    use = measure([worker.pid]).get(worker.pid)
    backend.beat(worker if use is None else msgspec.structs.replace(worker, rss=use.rss), lease)
