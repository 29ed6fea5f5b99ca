"""Pools as listed. Their mailboxes are among those of the workers."""

from __future__ import annotations

import msgspec

from skunkqueue.persistence.fdb import listed
from skunkqueue.persistence.fdb.records import encode
from skunkqueue.persistence.fdb.transactions import Transaction
from skunkqueue.pools import PoolRecord

_decode = msgspec.msgpack.Decoder(PoolRecord).decode


def write(tr: Transaction, pool: PoolRecord, lease: float) -> bool:
    """List a pool, or list it anew; return whether it was listed."""
    lived = listed.lives(tr, tr.keys.pool, pool.id)
    record = encode(msgspec.structs.replace(pool, beat=tr.now))
    listed.write(tr, tr.keys.pool, pool.id, record, tr.now + lease)
    return lived


def live(tr: Transaction, queue: str | None) -> list[PoolRecord]:
    """Read live pools, oldest first."""
    found = [_decode(record) for _, record, alive in listed.all_of(tr, tr.keys.pool) if alive]
    chosen = [pool for pool in found if queue in (None, pool.queue)]
    return sorted(chosen, key=lambda pool: (pool.started, pool.id))
