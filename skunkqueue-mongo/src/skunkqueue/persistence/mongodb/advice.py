"""What ``skunq doctor`` says of the server: the room on its disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from skunkqueue.errors import BackendError
from skunkqueue.persistence.backend import Remark
from skunkqueue.persistence.mongodb.store import Store

Level = Literal["ok", "notice", "problem"]

_LITTLE, _SOME = 100 * 2**20, 2**30
"""Bytes from which on room is a problem, and worth a notice."""
_MIB = 2**20


def look(store: Store) -> dict[str, Any]:
    """Ask the server about the store's database; nothing where this user may not."""
    try:
        found: dict[str, Any] = store.run(store.db.command, "dbStats")
    except BackendError:
        return {}
    return found


def remarks(found: Mapping[str, Any]) -> Iterator[Remark]:
    """Say what is worth saying of what ``dbStats`` tells; of a sharded cluster, of its fullest shard."""
    disks = [each for each in [found, *found.get("raw", {}).values()] if each.get("fsTotalSize")]
    if not disks:
        return
    free = int(min(each["fsTotalSize"] - each.get("fsUsedSize", 0) for each in disks))
    has = int(found.get("storageSize", 0) + found.get("indexSize", 0))
    level: Level = "problem" if free < _LITTLE else "notice" if free < _SOME else "ok"
    yield Remark(
        level=level,
        text=f"{free // _MIB:,} MiB are free on the server's disk, the store has {has // _MIB:,} MiB",
        cure=""
        if level == "ok"
        else "prune (skunq prune), or make room on that disk: MongoDB ends when it is full",
    )
