"""Pools as listed. Their mailboxes are among those of the workers."""

from __future__ import annotations

import msgspec

from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import as_answer, encode, reader
from skunkqueue.pools import PoolRecord

_BEAT_POOL, _POOLS = map(load, ("beat_pool", "pools"))
_as_pools = reader(list[tuple[float, bytes]])
_as_pool = reader(PoolRecord)


def beat(link: Link, pool: PoolRecord, lease: float) -> bool:
    """List a pool for so many seconds; return whether it was listed before."""
    return as_answer(link.call(_BEAT_POOL, pool.id, 2, float(lease), blobs=[encode(pool)]))


def live(link: Link, queue: str | None) -> list[PoolRecord]:
    """List live pools, oldest first."""
    found = [
        msgspec.structs.replace(_as_pool(record), beat=beat_at)
        for beat_at, record in _as_pools(link.call(_POOLS))
    ]
    return sorted(
        (pool for pool in found if queue in (None, pool.queue)), key=lambda pool: (pool.started, pool.id)
    )
