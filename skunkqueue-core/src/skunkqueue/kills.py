"""Who killed a firing, and why, where the audit log names it. Looks at the newest kills only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec

from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import Entry
from skunkqueue.records import Record, State

LOOKED = 200
"""Kills that are looked at, the newest."""
_SOON = 10.0
"""Seconds from a kill until a pending firing that it names has ended."""


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """What the audit log knows of the end of a killed firing."""

    entry: Entry | None
    """``None``: none of the kills that were looked at names it, as where all that matched a filter were killed."""
    looked: int


def newest(backend: Backend) -> Sequence[Entry]:
    """Read the kills that are looked at, newest first."""
    return backend.audit(LOOKED, verb="kill").entries


def find_kill(
    backend: Backend, record: Record, kills: Callable[[Backend], Iterable[Entry]] = newest
) -> Kill | None:
    """Find who killed a firing; ``None``: nobody asked for it, or the store keeps no audit log.

    ``kills`` reads the kills to look at; it is called only for a firing that was killed.
    """
    if record.state is not State.KILLED or "audit" not in backend.capabilities:
        return None
    entry = entry_of(record, kills(backend))
    if entry is None and not _is_by_request(record):
        return None
    return Kill(entry=entry, looked=LOOKED)


def entry_of(record: Record, kills: Iterable[Entry]) -> Entry | None:
    """Find the kill that ended a firing, among some, newest first."""
    finished = record.finished
    if finished is None:
        return None
    for entry in kills:
        # A firing that is requeued is due from then on, so what was done to it before does not count.
        is_of_now = entry.at >= record.due or (record.began is None and finished - entry.at < _SOON)
        if record.id in entry.on and entry.at <= finished and is_of_now and entry.outcome != "failed":
            return entry
    return None


def _is_by_request(record: Record) -> bool:
    """Return whether it was killed by request, and not since its worker was stopped roughly."""
    return record.error is None or record.error.endswith("by request")
