"""Plain data of pools, and of who did what: the pool as listed, and the audit log.

As in ``records``: frozen, keyword-only, and knows nothing of stores.
"""

from __future__ import annotations

import re

import msgspec

MAX_SAMPLES = 60
"""Samples of a process that are kept with its pool, the newest last."""


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Memory and CPU time of a process at a moment, measured by its pool."""

    at: float
    """Store's time."""
    rss: int
    """Resident memory in bytes."""
    cpu: float
    """Seconds of CPU time since it started, its own and its children's."""


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One worker process as its pool sees it."""

    worker: str
    """The worker's id."""
    pid: int
    route: str
    state: str
    """``starting``, ``running``, ``stopping`` or ``stopped`` (somebody sent it SIGSTOP)."""
    started: float
    """Store's time."""
    samples: tuple[Sample, ...] = ()
    routes: tuple[str, ...] = ()
    """All that it listens on, ``route`` first. Where nothing is given, as by older versions: ``route`` alone."""

    def __post_init__(self) -> None:
        if not self.routes:
            msgspec.structs.force_setattr(self, "routes", (self.route,))


class PoolRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One pool, as listed."""

    id: str
    """Fresh at every start."""
    host: str
    pid: int
    queue: str
    routes: tuple[str, ...]
    workers: int
    """Worker processes that it is to have."""
    started: float
    beat: float = 0.0
    """Last sign of life, store's time; the store sets it."""
    state: str = "running"
    """``running``, ``quiet`` (begins nothing more), ``restarting`` or ``stopping``."""
    version: str = ""
    """Version of ``skunkqueue``."""
    processes: tuple[Process, ...] = ()
    """Its live worker processes."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the audit log: a command or a control verb, who gave it, and its outcome."""

    id: str
    """As a firing's id: sorts by the time of making."""
    at: float = 0.0
    """Store's time; the store sets it."""
    who: str
    """``user@host`` on the command line, the login on the web."""
    why: str | None = None
    verb: str
    """``kill``, ``requeue``, ``delete``, ``purge``, ``pause``, ``stop`` and so on."""
    on: str
    """What it was done to, for people: ids, a route, a worker, a schedule; at most MAX_ON characters."""
    did: str | None = None
    """What it did, for people; ``None``: not known (yet)."""
    heard: float | None = None
    """When the worker or pool took the command; store's time."""
    done: float | None = None
    """When it was carried out; store's time."""

    @property
    def outcome(self) -> str | None:
        """``ok``, ``nothing`` (nothing was to be done) or ``failed`` (not all was done); ``None``: not done, or not known yet.

        It follows from the words of ``did``, which begin with ``nothing: `` or ``failed: ``, or end with why it went no further.
        """
        if self.done is None:
            return None
        did = self.did or ""
        if did.startswith(NOTHING):
            return "nothing"
        return "failed" if _FAILED.search(did) else "ok"


NOTHING = "nothing: "
"""So ``did`` begins where nothing was to be done."""
FAILED = "failed: "
"""So it begins, or goes on after ``, then ``, where something failed."""
_FAILED = re.compile(rf"(?:^|, then )(?:{FAILED}|interrupted$|told to stop$)")
MAX_ON = 500
MAX_ENTRIES = 10_000
"""Entries of the audit log that are kept; sweeping removes the oldest over that."""
ENTRY_TTL = 90 * 86_400.0
"""Seconds after which an entry is removed by sweeping."""


class Entries(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the audit log, newest first."""

    entries: tuple[Entry, ...]
    next: str | None
    """Opaque cursor; ``None``: no more."""
