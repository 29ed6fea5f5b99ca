"""What any worker does every few seconds: forget who is dead, remove what is old, take samples."""

from __future__ import annotations

from skunkqueue.ids import new_id
from skunkqueue.persistence.redis import counters
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.wire import as_count, or_false
from skunkqueue.pools import ENTRY_TTL, MAX_ENTRIES

_SWEEP, _ADOPT, _PRUNE, _CUT_AUDIT = map(load, ("sweep", "adopt", "prune", "cut_audit"))
_AT_ONCE = 1_000
"""Of each kind of thing, how many one sweep removes at most."""


def sweep(link: Link) -> int:
    """Do some housekeeping; return how much was done."""
    done = as_count(link.call(_SWEEP, _AT_ONCE, new_id(), MAX_ENTRIES, ENTRY_TTL))
    counters.sample_if_due(link)
    return done + as_count(link.call(_ADOPT))


def prune(link: Link, older: float | None, limit: int) -> int:
    """Remove finished firings that are old enough, and old entries of the audit log; return how many firings."""
    removed = as_count(link.call(_PRUNE, or_false(older), limit))
    while as_count(link.call(_CUT_AUDIT, MAX_ENTRIES, ENTRY_TTL)):
        pass
    return removed
