"""Pools with their workers, as pages show them, joined from the store's lists of pools and of workers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from skunkqueue.listings import Query, Row
from skunkqueue.persistence.backend import Backend
from skunkqueue.pools import PoolRecord, Process, Sample
from skunkqueue.records import State, WorkerRecord
from skunkqueue.web.charts import Spark
from skunkqueue.web.usage import memory_spark, shares

LATE = 12.0
"""Seconds without a sign of life after which a worker or pool is late: each gives one every five, at the least."""
MOST = 200
"""Workers that one page shows."""
_RUNNING = 500
"""Running firings that are read at once for such a page."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """One worker process."""

    id: str
    pool: str
    queue: str
    routes: tuple[str, ...]
    host: str
    pid: int
    state: str
    started: float
    beat: float | None
    """Last sign of life; ``None``: only its pool has listed it so far."""
    late: bool
    done: int | None
    version: str
    rss: int
    """Bytes; 0: not known."""
    cpu: float | None
    """Share of one CPU between the last two samples; ``None``: not known."""
    samples: tuple[Sample, ...]
    spark: Spark | None
    """Its memory."""
    running: tuple[Row, ...]
    """What it has in hand, the longest running first."""
    more: int
    """Firings that it also runs, and that were not read."""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One pool with its workers."""

    id: str
    pool: PoolRecord | None
    """``None``: workers name it, and it is not listed: it has just died, or is of a version that lists no pools."""
    host: str
    late: bool
    members: tuple[Member, ...]

    @property
    def running(self) -> int:
        """Firings that its workers have in hand."""
        return sum(len(member.running) + member.more for member in self.members)

    @property
    def rss(self) -> int:
        """Bytes of memory that its workers use together."""
        return sum(member.rss for member in self.members)

    @property
    def cpu(self) -> float | None:
        """CPUs that its workers use together."""
        shares = [member.cpu for member in self.members if member.cpu is not None]
        return sum(shares) if shares else None


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """Running firings."""

    rows: dict[str, list[Row]]
    """By the worker that holds them."""
    whole: bool
    """Whether these are all."""


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """All pools with their workers, by host."""

    hosts: tuple[tuple[str, tuple[Group, ...]], ...]
    versions: tuple[str, ...]
    """Versions of ``skunkqueue`` that run, the oldest first; more than one: something was not restarted."""

    @property
    def groups(self) -> tuple[Group, ...]:
        """All pools."""
        return tuple(group for _, groups in self.hosts for group in groups)

    @property
    def members(self) -> tuple[Member, ...]:
        """All workers."""
        return tuple(member for group in self.groups for member in group.members)


def read(store: Backend, queue: str | None = None) -> Fleet:
    """Read the pools (of one queue) and what their workers run, in three round trips."""
    workers = store.workers(queue)
    pools = store.pools(queue) if "pools" in store.capabilities else []
    running = _running(store, queue) if workers and "rows" in store.capabilities else None
    return assemble(pools, workers, running, store.now())


def assemble(
    pools: Iterable[PoolRecord], workers: Iterable[WorkerRecord], running: Running | None, now: float
) -> Fleet:
    """Join the lists; without ``running`` only with the number of firings that each worker reported."""
    listed = {pool.id: pool for pool in pools}
    by_pool: defaultdict[str, list[WorkerRecord]] = defaultdict(list)
    for worker in workers:
        by_pool[worker.pool].append(worker)
    groups = [
        _group(id_, listed.get(id_), by_pool[id_], running, now) for id_ in dict.fromkeys([*listed, *by_pool])
    ]
    by_host: defaultdict[str, list[Group]] = defaultdict(list)
    for group in groups:
        by_host[group.host].append(group)
    said = {member.version for group in groups for member in group.members}
    said |= {pool.version for pool in listed.values()}
    return Fleet(
        hosts=tuple((host, tuple(by_host[host])) for host in sorted(by_host)),
        versions=tuple(sorted(said - {""}, key=_by_number)),
    )


def place_of(member: Member) -> tuple[str, str]:
    """Return by what the workers of a pool are sorted and paged: ids sort by the time of making."""
    return member.routes[0], member.id


def share(samples: tuple[Sample, ...]) -> float | None:
    """Return how much of one CPU a process used between its last two samples; ``None`` before there are two."""
    found = shares(samples[-2:])
    return found[0][1] if found else None


def is_late(beat: float, now: float) -> bool:
    """Return whether a last sign of life is too long ago."""
    return now - beat > LATE


def _group(
    id_: str,
    pool: PoolRecord | None,
    workers: list[WorkerRecord],
    running: Running | None,
    now: float,
) -> Group:
    known = {worker.id: worker for worker in workers}
    processes = {} if pool is None else {process.worker: process for process in pool.processes}
    members = [
        _member(id_, pool, worker=known.get(name), process=processes.get(name), running=running, now=now)
        for name in sorted({*known, *processes})
    ]
    return Group(
        id=id_,
        pool=pool,
        host=pool.host if pool is not None else workers[0].host,
        late=pool is not None and is_late(pool.beat, now),
        members=tuple(sorted(members, key=place_of)),
    )


def _member(
    pool_id: str,
    pool: PoolRecord | None,
    *,
    worker: WorkerRecord | None,
    process: Process | None,
    running: Running | None,
    now: float,
) -> Member:
    samples = () if process is None else process.samples
    if worker is not None:
        id_, routes, pid, started, state = worker.id, worker.routes, worker.pid, worker.started, worker.state
        # Its pool also knows that it ends, or that it was sent SIGSTOP.
        if process is not None and process.state in ("stopping", "stopped"):
            state = process.state
    else:
        assert process is not None  # noqa: S101 - it is on one of both lists, or it is not here
        id_, routes, pid, started = process.worker, process.routes, process.pid, process.started
        # The worker is not listed: it is not ready yet, or was taken for dead.
        state = "starting" if process.state == "running" else process.state
    rows = [] if running is None else running.rows.get(id_, [])
    held: tuple[str, ...] = () if worker is None else worker.running
    unnamed = 0 if worker is None else worker.more
    # A beat is up to five seconds old, so it is used only where not all rows were read.
    if running is not None and running.whole:
        held, unnamed = (), 0
        if state in ("idle", "busy"):
            state = "busy" if rows else "idle"
    return Member(
        id=id_,
        pool=pool_id,
        queue=worker.queue if worker is not None else pool.queue if pool is not None else "",
        routes=routes,
        host=worker.host if worker is not None else pool.host if pool is not None else "",
        pid=pid,
        state=state,
        started=started,
        beat=None if worker is None else worker.beat,
        late=worker is not None and is_late(worker.beat, now),
        done=None if worker is None else worker.done,
        version=worker.version if worker is not None else "" if pool is None else pool.version,
        rss=samples[-1].rss if samples else 0 if worker is None else worker.rss,
        cpu=share(samples),
        samples=samples,
        spark=memory_spark(samples),
        running=tuple(sorted(rows, key=lambda row: (row.began or 0.0, row.id))),
        more=max(len({*held} | {row.id for row in rows}), len(held) + unnamed) - len(rows),
    )


def _running(store: Backend, queue: str | None) -> Running:
    page = store.rows(Query(queue=queue, states=(State.RUNNING,)), _RUNNING)
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in page.rows:
        if row.worker is not None:
            found[row.worker].append(row)
    return Running(rows=found, whole=page.next is None)


def _by_number(version: str) -> tuple[tuple[int, str], ...]:
    """Order versions as people read them: 0.9 before 0.10."""
    return tuple((int(part) if part.isdigit() else -1, part) for part in version.split("."))
