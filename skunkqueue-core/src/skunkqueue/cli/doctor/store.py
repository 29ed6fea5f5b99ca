"""Checks of the store: whether it can be written and has room, its clock, and its workers."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

from skunkqueue.cli.doctor.finding import NOTICE, OK, PROBLEM, Finding
from skunkqueue.cli.text import size, span
from skunkqueue.ids import new_id
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.records import WorkerRecord

StoreCheck = Callable[[Backend, BackendConfig], Iterable[Finding]]

PROBE_QUEUE = "skunq-doctor"
"""The queue of a worker that the doctor registers for a moment, to see whether the store can be written."""
LOW_SPACE = 100 * 2**20
SOME_SPACE = 2**30
SLOW = 0.1
"""Seconds for one small write from which on it is reported."""
CLOCKS_APART = 2.0
SILENT = 60.0


def writable(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Write something small and remove it again."""
    probe = WorkerRecord(
        id=new_id(),
        queue=PROBE_QUEUE,
        route="probe",
        pool="",
        host="",
        pid=os.getpid(),
        started=store.now(),
        version=version("skunkqueue"),
    )
    began = time.perf_counter()
    store.register(probe, 1.0)
    store.unregister(probe.id)
    took = (time.perf_counter() - began) / 2
    slow = took > SLOW
    yield Finding(
        "writing",
        NOTICE if slow else OK,
        f"a small write took {span(took)}",
        "look at the disk, the network, or what else writes there" if slow else "",
    )


def durable(store: Backend, config: BackendConfig) -> Iterator[Finding]:
    """Report what the store survives."""
    if "durable" not in store.capabilities:
        yield Finding(
            "durability",
            PROBLEM,
            f"the store {store.name} forgets everything when its process ends",
            "use it for tests only; the embedded SQLite store needs no server either",
        )
        return
    asked = config.options.get("durability")
    yield Finding(
        "durability", OK, f"durable, with durability={asked!r}" if asked else "durable, as the store does it"
    )


def _bytes_of(path: Path) -> int:
    """Add up a store's file and its write-ahead log, where SQLite keeps what is new."""
    log = path.with_name(f"{path.name}-wal")
    return path.stat().st_size + (log.stat().st_size if log.exists() else 0)


def room(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Look at the disk and the permissions of a store that is a file."""
    path = file_of(store)
    if path is None:
        yield Finding(
            "disk", OK, "the store is not a file on this machine; see what its server says of its room"
        )
        return
    free = shutil.disk_usage(path.parent).free
    if free < LOW_SPACE:
        cure = "make room: skunq prune, then see what else fills the disk"
        yield Finding("disk", PROBLEM, f"only {size(free)} free beside {path}", cure)
    else:
        level = NOTICE if free < SOME_SPACE else OK
        yield Finding("disk", level, f"{size(free)} free, the store has {size(_bytes_of(path))}")
    mode = path.stat().st_mode
    if mode & stat.S_IWOTH:
        yield Finding(
            "permissions",
            PROBLEM,
            f"every user of this machine can write {path}, and so have your jobs run",
            f"chmod o-w {path}",
        )
    elif mode & stat.S_IROTH:
        yield Finding(
            "permissions",
            NOTICE,
            f"every user of this machine can read {path}, arguments included",
            f"chmod o-r {path}",
        )


def server(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Report what the store finds in its server's set-up."""
    for remark in store.remarks():
        yield Finding("server", remark.level, remark.text, remark.cure)


def file_of(store: Backend) -> Path | None:
    """Return the file a store is kept in, where its location is one on this machine."""
    parts = urlsplit(store.location())
    path = Path("/" + unquote(parts.path).lstrip("/"))
    return path if not parts.netloc and path.is_file() else None


def clocks(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Compare clocks: the store's judges due times, the machine's makes them from datetimes."""
    before = time.time()
    theirs = store.now()
    apart = theirs - (before + time.time()) / 2
    if abs(apart) > CLOCKS_APART:
        yield Finding(
            "clock",
            PROBLEM,
            f"the store's clock is {span(abs(apart))} {'ahead of' if apart > 0 else 'behind'} this machine's",
            "let NTP set both; until then, moments given as datetimes come early or late by that much",
        )
    else:
        yield Finding("clock", OK, f"the store's clock and this machine's are {span(abs(apart))} apart")
    for worker in store.workers():
        if worker.beat > theirs + CLOCKS_APART:
            yield Finding(
                "clock",
                PROBLEM,
                f"worker {worker.id} last beat {span(worker.beat - theirs)} in the future: the clock was set back",
                "restart that pool; what it held comes back once its lease ends",
                name=worker.id,
            )


def worker_health(store: Backend, _: BackendConfig) -> Iterator[Finding]:
    """Look for workers that are disconnected, silent, or of another version."""
    now, mine = store.now(), version("skunkqueue")
    found = [worker for worker in store.workers() if worker.queue != PROBE_QUEUE]
    sick = False
    for worker in found:
        place = f"worker {worker.id} (pid {worker.pid} on {worker.host})"
        if worker.state == "disconnected" or now - worker.beat > SILENT:
            sick = True
            yield Finding(
                "workers",
                PROBLEM,
                f"{place} is disconnected: it last reached the store {span(max(now - worker.beat, 0.0))} ago",
                "look at the network and the store from that host; it ends by itself if it stays disconnected",
                name=worker.id,
            )
        if worker.version and worker.version != mine:
            sick = True
            yield Finding(
                "workers",
                PROBLEM,
                f"{place} runs skunkqueue {worker.version}, and this is {mine}",
                "restart that pool, so that both are the same",
                name=worker.id,
            )
    if not sick:
        yield Finding("workers", OK, f"{len(found)} alive")


CHECKS: list[tuple[str, StoreCheck]] = [
    ("writing", writable),
    ("durability", durable),
    ("disk", room),
    ("server", server),
    ("clock", clocks),
    ("workers", worker_health),
]
