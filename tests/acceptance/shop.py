"""A project folder with ``jobs.py`` and a store of its own, which the test itself looks into."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, final

import psutil

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.config import open_backend, resolve
from skunkqueue.ids import new_id
from skunkqueue.payload import Body, Failure, Step, decode_failure, encode
from skunkqueue.records import FINAL_STATES, Firing, Record, State
from skunkqueue.serializers import get_serializer
from tests.acceptance.project_folder import PATIENCE, Pool, ProjectFolder
from tests.support.waiting import eventually

JOBS = Path(__file__).parent / "shop_jobs.py"
QUEUE = "shop"
LONG_LEASE = 10 * PATIENCE
"""Seconds; so long that a firing which runs again was given back, and did not wait for its lease to end."""


@final
class Shop:
    """Fires jobs of ``shop_jobs`` by name and watches what becomes of them."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        url = url or f"sqlite:///{folder}/shop.db"
        shutil.copy(JOBS, folder / "jobs.py")
        self.folder = folder
        self.project = ProjectFolder(folder, SKUNKQUEUE_URL=url)
        self.config = resolve(conn_url=url)
        self.backend = open_backend(self.config, clock=SYSTEM_CLOCK)

    def __enter__(self) -> Shop:
        self.project.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What still runs may be there to be killed, and must not be waited for.
        for process in self.project._running:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.send_signal(signal.SIGINT)
        try:
            self.project.__exit__(kind, error, trace)
        finally:
            self.backend.close()

    def work(self, *arguments: str, workers: int = 1, ignoring: signal.Signals | None = None) -> Pool:
        """Start a pool on the shop's default route, and wait until it is there."""
        before = {worker.id for worker in self.backend.workers()}
        pool = self.project.work("-q", QUEUE, *arguments, ignoring=ignoring)
        eventually(
            lambda: (
                len({worker.id for worker in self.backend.workers()} - before) >= workers
                or pool.process.poll() is not None
            ),
            PATIENCE,
            what="the pool's workers are listed",
        )
        return pool

    def fire(
        self,
        job: str,
        *args: Any,
        retries: int = 0,
        timeout: float | None = None,
        delay: float = 0.0,
        priority: int = 5,
        route: str = "default",
    ) -> str:
        """Enqueue a job of ``jobs.py``; return the firing's id."""
        encoded = get_serializer("typed").dumps_call(args, {}, None)
        name = job if ":" in job else f"jobs:{job}"
        body = encode(Body((Step(name, encoded, retries, timeout),)))
        firing = Firing(id=new_id(), queue=QUEUE, route=route, body=body, delay=delay, priority=priority)
        return self.backend.enqueue([firing])[0]

    def record(self, firing: str) -> Record:
        """Read a firing."""
        found = self.backend.get([firing])[0]
        assert found is not None
        return found

    def state(self, firing: str) -> State:
        """Read a firing's state."""
        return self.record(firing).state

    def settled(self, firing: str, timeout: float = PATIENCE) -> Record:
        """Wait until a firing is finished; return its record."""
        eventually(lambda: self.state(firing) in FINAL_STATES, timeout, what=f"firing {firing} is finished")
        return self.record(firing)

    def result(self, firing: str, timeout: float = PATIENCE) -> Any:
        """Wait for a firing's result."""
        record = self.settled(firing, timeout)
        assert record.state is State.COMPLETE, self.failure(firing)
        assert record.result is not None
        return get_serializer("typed").loads(record.result, None)

    def failure(self, firing: str) -> Failure:
        """Tell why a firing that did not complete has no result."""
        record = self.settled(firing)
        assert record.result is not None, record
        return decode_failure(record.result)

    def marked(self, what: str, firing: str) -> bool:
        """Say whether a job has left this mark."""
        return (self.folder / f"{what}-{firing}").exists()

    def begun(self, firing: str, what: str = "begun") -> None:
        """Wait until a job has left its first mark."""
        eventually(lambda: self.marked(what, firing), PATIENCE, what=f"firing {firing} has {what}")

    def touch(self, name: str) -> None:
        """Make the file that a job waits for."""
        (self.folder / name).touch()

    def listed(self) -> int:
        """Count the workers listed."""
        return len(self.backend.workers())

    def pids(self) -> list[int]:
        """Tell the worker processes listed, oldest first."""
        return [worker.pid for worker in self.backend.workers()]


def ended(pool: Pool, timeout: float = PATIENCE) -> int:
    """Wait until a pool's process has ended; return its exit code."""
    return pool.process.wait(timeout)


def gone(pid: int) -> Callable[[], bool]:
    """Make a condition: this process is no more, or only its name is left."""

    def check() -> bool:
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    return check


def living_children(pid: int) -> list[int]:
    """List the child processes of a process that are not dead."""
    return [child.pid for child in psutil.Process(pid).children() if not gone(child.pid)()]
