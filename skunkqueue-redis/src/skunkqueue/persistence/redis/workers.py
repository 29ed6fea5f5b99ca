"""Workers as listed, and what a dead one held."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from skunkqueue.ids import new_id
from skunkqueue.persistence import rules
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import as_answer, as_count, encode, reader
from skunkqueue.records import Death, WorkerRecord

_BEAT, _UNREGISTER, _WORKERS, _REAP = map(load, ("beat", "unregister", "workers", "reap"))
_as_workers = reader(list[tuple[float, bytes]])
_as_worker = reader(WorkerRecord)


def beat(link: Link, worker: WorkerRecord, lease: float) -> bool:
    """List a worker for so many seconds; return whether it was listed before."""
    return as_answer(link.call(_BEAT, worker.id, 2, float(lease), blobs=[encode(worker)]))


def unregister(link: Link, id_: str) -> None:
    """Take a worker or pool off the list."""
    link.call(_UNREGISTER, id_)


def live(link: Link, queue: str | None, route: str | None) -> list[WorkerRecord]:
    """List live workers, oldest first."""
    found = []
    for beat_at, record in _as_workers(link.call(_WORKERS)):
        worker = _as_worker(record)
        if worker.listens_on(queue, route):
            found.append(msgspec.structs.replace(worker, beat=beat_at))
    return sorted(found, key=lambda worker: (worker.started, worker.id))


def reap(link: Link, worker: str, begun: Sequence[str], death: Death) -> int:
    """Put what a dead worker held back into line; return how many firings."""
    evidence = rules.evidence_line(death)
    return as_count(link.call(_REAP, worker, list(begun), evidence, new_id(), kept=True))
