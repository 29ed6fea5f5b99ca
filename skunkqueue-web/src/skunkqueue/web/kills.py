"""Who killed a firing, with the newest kills read once for all who look."""

from __future__ import annotations

from skunkqueue.kills import Kill, find_kill, newest
from skunkqueue.records import Record
from skunkqueue.web import source


def kill_of(record: Record) -> Kill | None:
    """Find who killed a firing; ``None``: nobody asked for it, or the store keeps no audit log."""
    here = source.current()
    return find_kill(here.backend, record, lambda backend: here.shared(("kills",), lambda: newest(backend)))
