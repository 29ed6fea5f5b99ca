"""Extends the leases of what the worker has in hand, and notices those that are lost."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from skunkqueue.records import ClaimRef
from skunkqueue.worker.attempt import ref_of
from skunkqueue.worker.services import Services

logger = logging.getLogger("skunkqueue.worker")


class LeaseKeeper:
    """For one worker's maintenance thread."""

    def __init__(self, services: Services, interrupt: Callable[[], None]) -> None:
        """``interrupt`` has the watchdog look at once."""
        self._backend = services.backend
        self._in_flight = services.in_flight
        self._liveness = services.liveness
        self._notifier = services.notifier
        self._worker = services.settings.id
        self._lease = services.settings.lease
        self._interrupt = interrupt

    def keep(self) -> None:
        """Extend all leases where a third of their time has passed; raises BackendError."""
        in_flight = self._in_flight
        now = in_flight.lease_clock()
        if now - in_flight.leased < self._lease / 3:
            return
        held = in_flight.held()
        if not held:
            return
        refs = [ref_of(claim) for claim in held]
        # If this worker dies with its host, the store then knows what had begun.
        begun_ids = in_flight.begun_ids()
        newest = _newest(refs)
        shown = [
            ClaimRef(ref.id, ref.token, ref.id in begun_ids) for ref in refs if ref.token == newest[ref.id]
        ]
        gone = set(self._backend.extend(shown, self._lease))
        self._liveness.answered()
        in_flight.leased = now
        if gone or len(shown) < len(refs):
            self._drop({ref for ref in refs if ref.id in gone or ref.token != newest[ref.id]})
            self._interrupt()

    def _drop(self, lost: set[ClaimRef]) -> None:
        """Mark what is lost: jobs that run are interrupted, and claims that have not begun never will."""
        in_flight = self._in_flight
        # What runs no more was settled meanwhile, and has no lease to lose.
        for one in in_flight.begun():
            ref = one.ref
            if ref not in lost or ref in in_flight.lost:
                continue
            logger.warning(
                "the lease of firing %s, claim %d, is lost: interrupting its job", ref.id, ref.token
            )
            in_flight.lost.add(ref)
            if self._notifier.wants("skunkqueue_firing_lost"):
                self._notifier.tell("skunkqueue_firing_lost", claim=one.claim, worker=self._worker)
        for claim in [claim for claim in in_flight.unbegun.copy() if ref_of(claim) in lost]:
            try:
                in_flight.unbegun.remove(claim)
            except ValueError:
                # The main thread took it meanwhile.
                in_flight.lost.add(ref_of(claim))


def _newest(refs: Sequence[ClaimRef]) -> dict[str, int]:
    """Return the token of the newest claim of each firing: this worker may have claimed one again whose lease it had lost."""
    found: dict[str, int] = {}
    for ref in refs:
        found[ref.id] = max(ref.token, found.get(ref.id, ref.token))
    return found
