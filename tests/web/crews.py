"""Pools and workers to be shown, as a pool would have listed them."""

from __future__ import annotations

from typing import Any

from skunkqueue.ids import new_id
from skunkqueue.persistence import Backend
from skunkqueue.pools import PoolRecord, Process, Sample
from skunkqueue.records import Command, WorkerRecord
from tests.web.firings import QUEUE

LEASE = 600.0


def add_pool(store: Backend, *, workers: int = 1, host: str = "box", **fields: Any) -> PoolRecord:
    """List a pool with its workers; ``fields`` are those of PoolRecord."""
    id_ = f"{host}:17:{new_id()[-6:]}"
    now = store.now()
    processes = tuple(
        Process(
            worker=new_id(),
            pid=100 + number,
            route="default",
            state="running",
            started=now - 60,
            samples=(Sample(now - 10, 50 << 20, 1.0), Sample(now - 5, 64 << 20, 3.5)),
        )
        for number in range(workers)
    )
    pool = PoolRecord(
        **{
            "id": id_,
            "host": host,
            "pid": 17,
            "queue": QUEUE,
            "routes": ("default",),
            "workers": workers,
            "started": now - 60,
            "version": "0.1.0",
            "processes": processes,
            **fields,
        }
    )
    store.register_pool(pool, LEASE)
    for process in processes:
        add_worker(store, id=process.worker, pool=id_, pid=process.pid, host=host)
    return pool


def add_worker(store: Backend, **fields: Any) -> str:
    """List a worker; ``fields`` are those of WorkerRecord."""
    worker = WorkerRecord(
        **{
            "id": new_id(),
            "queue": QUEUE,
            "route": "default",
            "pool": "box:17:none",
            "host": "box",
            "pid": 100,
            "started": store.now() - 60,
            "state": "idle",
            "version": "0.1.0",
            **fields,
        }
    )
    store.register(worker, LEASE)
    return worker.id


def heard(store: Backend, mailbox: str) -> list[Command]:
    """Take what is in a mailbox, as the one does that it is for."""
    return store.listen(mailbox, 0)
