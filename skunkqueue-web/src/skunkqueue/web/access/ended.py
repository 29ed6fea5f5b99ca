"""Sessions that were logged out before their time: in memory, and in a file beside the auth file, for other processes."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import math
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)

MOST = 10_000
"""Sessions that are remembered at most, the last ones."""
LARGE = 64 * 1024
"""Bytes from which on sessions whose time is over are taken out of the file."""


class Ended:
    """Sessions that have ended, so that a copy of their cookie is refused. Threads share it."""

    def __init__(self, auth_file: Path | None = None) -> None:
        """``auth_file``: the file of sessions is beside it; ``None``: there is no file."""
        self._path = None if auth_file is None else auth_file.with_name(f"{auth_file.name}.ended")
        self._lock = threading.Lock()
        self._until: OrderedDict[str, float] = OrderedDict()
        self._seen: tuple[int, int, int] | None = None
        """Which file was read, its size, and when it was changed."""

    def add(self, id_: str, until: float, now: float) -> None:
        """Remember a session until it would have expired."""
        one = _hash_of(id_)
        with self._lock:
            self._remember([(one, until)], now)
            try:
                self._write(f"{one} {until!r}\n", now)
            except OSError as error:
                logger.warning(
                    "the end of a session could not be written: file=%s, reason=%s; other processes go on with it",
                    self._path,
                    error,
                )

    def __contains__(self, id_: object) -> bool:
        with self._lock:
            self._look()
            return isinstance(id_, str) and _hash_of(id_) in self._until

    def _remember(self, found: Iterable[tuple[str, float]], now: float) -> None:
        for old in [old for old, its in self._until.items() if its <= now]:
            del self._until[old]
        self._until.update(found)
        while len(self._until) > MOST:
            self._until.popitem(last=False)

    def _look(self) -> None:
        """Read the file again if it has changed."""
        if self._path is None:
            return
        try:
            about = self._path.stat()
            seen = about.st_ino, about.st_size, about.st_mtime_ns
            if seen != self._seen:
                # What is read may be newer than this, and is then read again.
                self._remember(_read(self._path.read_text(encoding="utf-8", errors="replace")), -math.inf)
                self._seen = seen
        except OSError:
            # Nobody has logged out yet, or it cannot be read: memory counts.
            return

    def _write(self, line: str, now: float) -> None:
        if self._path is None:
            return
        with _locked(self._path) as file:
            os.write(file, line.encode())
            if os.fstat(file).st_size > LARGE:
                self._shorten(self._path, now)

    @staticmethod
    def _shorten(path: Path, now: float) -> None:
        """Put a file in its place that has only sessions whose time is not over."""
        left = [(one, until) for one, until in _read(path.read_text(encoding="utf-8")) if until > now]
        new = path.with_name(f"{path.name}.new")
        with os.fdopen(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
            file.writelines(f"{one} {until!r}\n" for one, until in left[-MOST:])
        new.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open a file to write at its end, while no other process does; it is made where it is missing."""
    while True:
        file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_at(path, file):
                yield file
                return
        finally:
            # Another process may have put a shorter one in its place meanwhile.
            os.close(file)


def _is_at(path: Path, file: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file).st_ino
    except FileNotFoundError:
        return False


def _read(text: str) -> Iterator[tuple[str, float]]:
    for line in text.splitlines():
        one, _, until = line.partition(" ")
        try:
            yield one, float(until)
        except ValueError:
            # The last line of a process that was killed, or of a full disk.
            continue


def _hash_of(id_: str) -> str:
    return hashlib.sha256(id_.encode()).hexdigest()[:32]
