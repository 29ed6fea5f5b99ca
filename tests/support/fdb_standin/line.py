"""A client's ways to the server: a line for each call that is under way, and one for all watches."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.fdb_standin.errors import FDBError
from tests.support.fdb_standin.futures import Future
from tests.support.fdb_standin.wire import Frames, framed

AGAIN = 0.02
"""Seconds until it is tried again to reach a server that is away."""
FORMAT = re.compile(r"[\w]+:[\w]+@(?P<host>[\w.\-]+|\[[\da-fA-F:]+\]):(?P<port>\d+)(:tls)?(,[^,\s]+)*$")


def address(cluster_file: str) -> tuple[str, int]:
    """Read where the server is; raises 1515 where there is no such file, 2104 where it says something else."""
    try:
        lines = Path(cluster_file).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise FDBError(1515) from None
    except OSError:
        raise FDBError(2104) from None
    said = [line.partition("#")[0].strip() for line in lines]
    found = [FORMAT.match(line) for line in said if line]
    if len(found) != 1 or found[0] is None:
        raise FDBError(2104)
    return found[0]["host"], int(found[0]["port"])


class Line:
    """One connection, on which one call at a time is under way."""

    def __init__(self, where: tuple[str, int], timeout: float | None) -> None:
        self._socket = socket.create_connection(where, timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._frames = Frames()

    def send(self, message: Any) -> None:
        """Send a message."""
        self._socket.sendall(framed(message))

    def receive(self, timeout: float | None) -> list[Any]:
        """Wait for messages; raises ``TimeoutError``, and ``ConnectionError`` where there will be none."""
        self._socket.settimeout(timeout)
        while True:
            data = self._socket.recv(262_144)
            if not data:
                raise ConnectionResetError
            found = self._frames.feed(data)
            if found:
                return found

    def cut(self) -> None:
        """Wake who waits for a message; there will be none."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of it."""
        self._socket.close()


class Way:
    """How one database is reached: by its file, which may change, in the process that opened it."""

    def __init__(self, cluster_file: str) -> None:
        self.file = cluster_file
        self._pid = os.getpid()
        self._free: list[Line] = []

    def take(self, deadline: float | None, stopped: Callable[[], bool]) -> Line:
        """Give a line, waiting for the server; raises 1031 past the deadline, and 1025 where nobody wants it any more."""
        self.check_process()
        with contextlib.suppress(IndexError):
            return self._free.pop()
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if stopped():
                raise FDBError(1025)
            if left is not None and left <= 0:
                raise FDBError(1031)
            where = address(self.file)
            with contextlib.suppress(OSError):
                return Line(where, left)
            time.sleep(AGAIN)

    def give_back(self, line: Line) -> None:
        """Keep a line for the next call."""
        self._free.append(line)

    def close(self) -> None:
        """Let go of all lines that are not in use."""
        while self._free:
            self._free.pop().close()

    def check_process(self) -> None:
        """Fail loudly where the real binding hangs for ever: in a child that was forked."""
        if os.getpid() != self._pid:
            msg = "a database is used in another process than the one that opened it: the real binding hangs here"
            raise AssertionError(msg)


class Watches:
    """All watches of a database, on a line and in a thread of their own; they survive a server's absence."""

    def __init__(self, way: Way) -> None:
        self.limit = 10_000
        self._way = way
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._wanted: dict[int, tuple[bytes, bytes | None, Future[None]]] = {}
        self._line: Line | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, key: bytes, seen: bytes | None, future: Future[None]) -> None:
        """Settle a future when a key has another value than the one that was seen."""
        with self._lock:
            full = len(self._wanted) >= self.limit
            if not full:
                number = next(self._numbers)
                self._wanted[number] = key, seen, future
        if full:
            future.settle(error=1032)
            return
        future.on_ready(lambda _: self._drop(number))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="standin-watches", daemon=True)
                self._thread.start()
            self._send(["watch", number, key, seen])

    def close(self) -> None:
        """Cancel all of them."""
        self._closed = True
        with self._lock:
            if self._line is not None:
                self._line.cut()
            left = [future for _, _, future in self._wanted.values()]
        for future in left:
            future.cancel()

    def _drop(self, number: int) -> None:
        with self._lock:
            if self._wanted.pop(number, None) is not None:
                self._send(["unwatch", number])

    def _send(self, message: list[Any]) -> None:
        # Where it fails, all that is wanted is sent anew over the next line.
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.send(message)

    def _run(self) -> None:
        while not self._closed:
            with contextlib.suppress(OSError, FDBError):
                line = self._way.take(None, lambda: self._closed)
                with self._lock:
                    self._line = line
                    for number, (key, seen, _) in list(self._wanted.items()):
                        line.send(["watch", number, key, seen])
                while not self._closed:
                    for number, error in line.receive(None):
                        self._come(number, error)
            with self._lock:
                if self._line is not None:
                    self._line.close()
                self._line = None
            time.sleep(AGAIN)

    def _come(self, number: int, error: int) -> None:
        with self._lock:
            _, _, future = self._wanted.pop(number, (b"", None, None))
        if future is not None:
            future.settle(error=error)
