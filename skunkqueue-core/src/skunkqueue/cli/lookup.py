"""Finding firings and workers by the start of their id, for people who type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from skunkqueue.errors import UnknownFiringError, UnknownWorkerError

if TYPE_CHECKING:
    from skunkqueue.persistence.backend import Backend
    from skunkqueue.records import WorkerRecord

SHOWN = 5
"""Candidates named where a start of an id fits several."""


def firing_id(store: Backend, typed: str) -> str:
    """Find the one firing whose id begins so; UnknownFiringError where there is none, or several."""
    wanted = typed.strip().lower()
    found = store.find(wanted, SHOWN + 1) if wanted else []
    if len(found) == 1 or wanted in found:
        return wanted if wanted in found else found[0]
    if not found:
        msg = f"there is no firing {typed!r} (any more): see `skunq jobs`"
        raise UnknownFiringError(msg)
    raise UnknownFiringError(_several("firing", typed, found))


def worker_called(store: Backend, typed: str) -> WorkerRecord:
    """Find the one live worker whose id begins so; UnknownWorkerError where there is none, or several."""
    found = [worker for worker in store.workers() if typed and worker.id.startswith(typed)]
    exact = [worker for worker in found if worker.id == typed]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if not found:
        msg = f"there is no live worker {typed!r}: see `skunq workers`"
        raise UnknownWorkerError(msg)
    raise UnknownWorkerError(_several("worker", typed, [worker.id for worker in found]))


def _several(what: str, typed: str, found: list[str]) -> str:
    more = ", ..." if len(found) > SHOWN else ""
    return f"several {what}s begin with {typed!r}: {', '.join(found[:SHOWN])}{more}; give more of the id"
