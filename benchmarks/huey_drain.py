"""Drain no-op jobs with Huey on SQLite, for comparison; prints jobs a second."""

from __future__ import annotations

import sqlite3
import sys
import threading
import time

from huey import SqliteHuey
from huey.storage import SqliteStorage

SYNCHRONOUS = {"process": 1, "power": 2}


def main(path: str, durability: str, count: str) -> None:
    """Enqueue, then let a consumer with one worker thread run until all results are stored."""

    class Storage(SqliteStorage):
        def _create_connection(self) -> sqlite3.Connection:
            connection: sqlite3.Connection = super()._create_connection()
            connection.execute(f"pragma synchronous={SYNCHRONOUS[durability]}")
            return connection

    huey = SqliteHuey(filename=path, storage_class=Storage)

    @huey.task()
    def noop(number: int) -> int:
        return number

    total = int(count)
    # Enqueueing is not what is measured, so it happens in one transaction.
    tasks = [noop.s(number) for number in range(total)]
    data = [(huey.name, huey.storage.to_blob(huey.serialize_task(task)), 0.0) for task in tasks]
    with huey.storage.db(commit=True) as cursor:
        cursor.executemany("insert into task (queue, data, priority) values (?, ?, ?)", data)
    consumer = huey.create_consumer(
        workers=1, periodic=False, initial_delay=0.01, backoff=1.0, max_delay=0.01
    )
    done = threading.Event()

    def watch() -> None:
        while huey.storage.result_store_size() < total:
            time.sleep(0.05)
        done.set()

    began = time.perf_counter()
    consumer.start()
    threading.Thread(target=watch, daemon=True).start()
    done.wait(600)
    print(total / (time.perf_counter() - began))
    consumer.stop(graceful=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
