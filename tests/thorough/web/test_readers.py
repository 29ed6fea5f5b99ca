"""Sixteen people with live pages open for minutes, before a real monitor and beside a real pool: no growth, no stall.

READERS_SECONDS tells for how long; the long form is ``READERS_SECONDS=300``.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from skunkqueue import SkunkQueue
from skunkqueue.ids import new_id
from skunkqueue.payload import Body, Step, encode
from skunkqueue.records import Firing
from skunkqueue.serializers import get_serializer
from skunkqueue.web.live.streams import MOST
from skunkqueue.web.server import THREADS
from tests.support.waiting import eventually, pause
from tests.web.test_command import started

SECONDS = float(os.environ.get("READERS_SECONDS", "60"))
PATIENCE = 30.0
"""Seconds within which each reader is told of a change, and each page is answered."""
STALL = 20.0
"""Seconds that no reader has to wait for a page or the next change: while 35 others wanted the processors, it was 5.7."""
USUAL = 10.0
"""Seconds after which a reader has fetched its page again, on average; then it was 2."""
GROWTH = int(min(4 + SECONDS / 30, 12) * 2**20)
"""Bytes that a process may grow after its first third, usually 1 MiB in a minute; memory freed is not always given back at once."""
FEW_THREADS = THREADS + 8
FEW_FILES = 3 * THREADS + 2 * MOST
LIVE = {"X-SkunkQueue-Live": "1"}
PAGES = (
    "/",
    "/?over=day",
    "/queues",
    "/queue?queue=shop&route=default",
    "/jobs",
    "/jobs?state=complete",
    "/jobs?job=shop_jobs:sell",
    "/jobs?text=jed",
    "/errors",
    "/workers",
    "/schedules",
    "/audit",
    "/operations",
    "/plugins",
    "/?over=month",
    "/jobs?state=error&order=oldest",
)
JOBS = """
from skunkqueue import SkunkQueue

queue = SkunkQueue("shop")

@queue.job
def sell(number, to):
    if number % 10 == 0:
        raise ValueError(f"there is no {number}")
"""


def sale(number: int) -> Firing:
    """Make a firing that a pool runs; one in ten fails."""
    arguments = get_serializer("typed").dumps_call((number,), {"to": "jed"}, None)
    job = "shop_jobs:sell"
    return Firing(
        id=new_id(), queue="shop", route="default", body=encode(Body((Step(job, arguments),))), job=job
    )


class Reader(threading.Thread):
    """Does as an open page: listens, and fetches itself again at each change; when its stream ends it listens anew."""

    def __init__(self, port: int, path: str, is_over: threading.Event) -> None:
        super().__init__(name=f"reader of {path}", daemon=True)
        self.port = port
        self.path = path
        self.is_over = is_over
        self.fetched = 0
        self.longest_gap = 0.0
        """Seconds between two fetches, the longest ones."""
        self.slowest = 0.0
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            last = time.monotonic()
            while not self.is_over.is_set():
                for _ in self._changes():
                    self._fetch()
                    now = time.monotonic()
                    self.longest_gap = max(self.longest_gap, now - last)
                    last = now
                    if self.is_over.is_set():
                        break
        except BaseException as error:  # noqa: BLE001 - told by the test's own thread
            self.failure = error

    def _changes(self) -> Iterator[None]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/live/events")
            answer = connection.getresponse()
            assert answer.status == 200, f"{self.path} was not let in: {answer.status}"
            while line := answer.readline():
                if line == b"event: change\n":
                    yield
                assert line != b"event: away\n", "the store did not answer"
        finally:
            connection.close()

    def _fetch(self) -> None:
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", self.path, headers=LIVE)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, f"{self.path}: {answer.status}"
        assert body
        self.fetched += 1
        self.slowest = max(self.slowest, time.monotonic() - began)


class Size:
    """What a process holds."""

    def __init__(self, process: psutil.Process) -> None:
        self.rss = process.memory_info().rss
        self.files = process.num_fds()
        self.threads = process.num_threads()

    def __repr__(self) -> str:
        return f"{self.rss / 2**20:.1f} MiB, {self.files} descriptors, {self.threads} threads"


@contextmanager
def working(folder: Path, url: str) -> Iterator[None]:
    """Run a pool."""
    (folder / "shop_jobs.py").write_text(JOBS)
    pool = subprocess.Popen(
        [sys.executable, "-m", "skunkqueue.cli", "work", "-q", "shop", "--path", str(folder), "--url", url],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "SKUNKQUEUE_URL": url},
    )
    try:
        yield
    finally:
        pool.terminate()
        try:
            pool.wait(PATIENCE)
        finally:
            pool.kill()
            pool.wait()


@pytest.mark.begun_first
def test_sixteen_readers_stay_live_and_the_monitor_does_not_grow(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'jobs.db'}"
    is_over = threading.Event()
    with SkunkQueue("shop", conn_url=url) as queue:
        # The monitor makes no store.
        queue.backend.now()
    with (
        SkunkQueue("shop", conn_url=url) as queue,
        working(tmp_path, url),
        started(url) as (process, port),
    ):
        alone = psutil.Process(process.pid)
        readers = [Reader(port, path, is_over) for path in PAGES]
        assert len(readers) == MOST
        for reader in readers:
            reader.start()

        sizes: list[Size] = []
        begin = time.monotonic()
        number = 0
        while (passed := time.monotonic() - begin) < SECONDS:
            queue.backend.enqueue([sale(number + one) for one in range(20)])
            number += 20
            assert not [reader.failure for reader in readers if reader.failure]
            if passed > SECONDS / 3:
                sizes.append(Size(alone))
            pause(0.25)
        is_over.set()
        # Whoever listens looks up at a change.
        queue.backend.enqueue([sale(number)])
        for reader in readers:
            reader.join(2 * PATIENCE)

        quarter = max(len(sizes) // 4, 1)
        early, late = sizes[:quarter], sizes[-quarter:]
        grown = min(size.rss for size in late) - max(size.rss for size in early)
        print(f"{number} fired in {SECONDS:.0f} s; first third: {sizes[0]}; end: {sizes[-1]}")
        print(f"grown by {grown / 2**20:.1f} MiB of {GROWTH / 2**20:.1f}")
        for reader in readers:
            print(
                f"{reader.path}: {reader.fetched} times, slowest {reader.slowest:.2f} s, gap {reader.longest_gap:.1f} s"
            )
        assert not [reader.failure for reader in readers if reader.failure]
        assert [reader.path for reader in readers if reader.is_alive()] == []
        assert [reader.path for reader in readers if reader.fetched < SECONDS / USUAL] == []
        assert [reader.path for reader in readers if max(reader.longest_gap, reader.slowest) > STALL] == []
        assert grown < GROWTH, sizes
        # Each thread of the server may keep a connection to the store (a file, its log), and serve a reader.
        assert max(size.files for size in late) < FEW_FILES, sizes
        assert max(size.threads for size in late) < FEW_THREADS, sizes
        # Those who have gone leave their places, and take their connections along.
        eventually(lambda: Size(alone).files < min(size.files for size in late), PATIENCE)
        eventually(lambda: _has_room(port), PATIENCE, what="the readers have left their places")


def _has_room(port: int) -> bool:
    several = [http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE) for _ in range(MOST)]
    try:
        for one in several:
            one.request("GET", "/live/events")
        return all(one.getresponse().status == 200 for one in several)
    finally:
        for one in several:
            one.close()
