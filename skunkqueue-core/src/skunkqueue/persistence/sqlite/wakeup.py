"""Doorbells: FIFOs beside the file, rung after a commit, so that whoever waits wakes within a fraction of a ms.

A bell says "look again" and carries nothing else, so one too many does no harm and one that was lost
costs a second: whoever waits looks at the store now and then anyway. Knows nothing of the store.

Nothing is locked here, since a signal handler may ring while its thread rings: what threads share is replaced in
one step, and a descriptor is closed once nobody uses it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import select
import time
from collections import OrderedDict
from collections.abc import Iterator
from itertools import chain, starmap
from pathlib import Path

from skunkqueue.clock import monotonic

_OPEN_BELLS = 64
_RECHECK = 2.0
"""Seconds after which a cached bell is compared with the one on disk, which may have been replaced."""
_FRESH = 0.1
"""A listing of the folder made sooner than this after its last change may miss what came within the same
tick of the file system's clock."""
_NO_BELLS_PAUSE = 0.02
_PROBE = "probe"
"""A bell that nobody rings: whether the file system has FIFOs is seen from it."""


class _Bell:
    """An open FIFO; closed when it is forgotten, so that nobody writes into what has its descriptor by then."""

    __slots__ = ("_fds", "checked", "fd")

    def __init__(self, path: Path, flags: int) -> None:
        self._fds: list[int] = []
        self.checked = monotonic()
        # In one call, so that a signal handler cannot raise between opening it and noting that it is open.
        self._fds.extend(starmap(os.open, ((path, flags),)))
        self.fd = self._fds[0]

    def ring(self) -> None:
        """Wake one who waits; a full FIFO (EAGAIN) has rung often enough."""
        with contextlib.suppress(OSError):
            os.write(self.fd, b"!")

    def __del__(self) -> None:
        for fd in getattr(self, "_fds", ()):
            # At the interpreter's end the modules may be gone already, and so are the descriptors.
            if os is not None:
                os.close(fd)


class Bells:
    """The folder of bells of one store, as one process uses it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, _Bell] = OrderedDict()
        self._listed: tuple[int, bool, list[str]] = (-1, False, [])
        """When the folder last changed, whether nothing can have come since, and who listened then."""
        self._numbers = itertools.count(1)
        self._pipe: list[int] = []
        # In one call, as in `_Bell`. Only macOS lacks `pipe2`.
        pipes = starmap(os.pipe2, ((os.O_CLOEXEC,),)) if hasattr(os, "pipe2") else starmap(os.pipe, ((),))
        self._pipe.extend(chain.from_iterable(pipes))
        self._shut_read, self._shut_write = self._pipe
        self.closed = False
        self.works = self._try()

    def ring(self, topic: str) -> None:
        """Wake one who waits for ``topic`` (more may wake, and find nothing); one ``write`` as a rule."""
        if not self.works or self.closed:
            return
        bell = self._bell(topic)
        if bell is not None:
            bell.ring()

    def ring_settled(self) -> None:
        """Wake every process that waits for firings to finish."""
        if not self.works or self.closed:
            return
        try:
            changed = os.stat(self._folder).st_mtime_ns  # noqa: PTH116 - on the hot path
        except OSError:
            return
        before, complete, listeners = self._listed
        if (before, complete) != (changed, True):
            try:
                found = os.listdir(self._folder)  # noqa: PTH208 - as above
            except OSError:
                # This process may open no more files now; what was done is done, and those who wait look by themselves.
                return
            listeners = [name for name in found if name.startswith("d-")]
            # A later change in this same tick would not be seen: list again until the tick is over.
            complete = time.time_ns() - changed > _FRESH * 1e9
            self._listed = (changed, complete, listeners)
        if listeners:
            self._listed = (changed, complete, [name for name in listeners if self._ring_listener(name)])

    @contextlib.contextmanager
    def listening(self, topic: str) -> Iterator[int]:
        """Hear ``topic`` while inside; gives what ``pause`` wants."""
        bell = None
        if self.works:
            # Without its bell a wait looks at the store instead, and is no less right.
            with contextlib.suppress(OSError):
                bell = self._make(topic)
        yield -1 if bell is None else bell.fd

    @contextlib.contextmanager
    def listening_settled(self) -> Iterator[int]:
        """Hear ``ring_settled`` while inside."""
        topic = f"d-{os.getpid()}-{next(self._numbers)}"
        try:
            with self.listening(topic) as fd:
                yield fd
        finally:
            self.forget(topic)

    def pause(self, fd: int, seconds: float) -> bool:
        """Block until the bell rings, somebody calls ``close``, or the time is over; say if it is not over."""
        if fd < 0:
            seconds = min(seconds, _NO_BELLS_PAUSE)
        poll = select.poll()
        poll.register(self._shut_read, select.POLLIN)
        if fd >= 0:
            poll.register(fd, select.POLLIN)
        for found, _ in poll.poll(max(0.0, seconds) * 1000):
            if found == fd:
                try:
                    # One byte only: the next one is for somebody else who waits.
                    return os.read(fd, 1) != b""
                except BlockingIOError:
                    return False
            return True
        return fd < 0

    @staticmethod
    def drain(fd: int) -> None:
        """Forget what rang so far; the caller looks at the store after that."""
        if fd >= 0:
            with contextlib.suppress(BlockingIOError):
                while len(os.read(fd, 65536)) == 65536:
                    pass

    def forget(self, topic: str) -> None:
        """Remove a bell that nobody will wait for again."""
        if not self.works:
            return
        self._open.pop(topic, None)
        with contextlib.suppress(OSError):
            (self._folder / topic).unlink()

    def close(self) -> None:
        """Wake everybody who waits in this process, for good."""
        self.closed = True
        self._open.clear()
        # The read end stays open as long as somebody may wait on it: until this object is gone.
        os.write(self._shut_write, b"!")

    def __del__(self) -> None:
        for fd in getattr(self, "_pipe", ()):
            # At the interpreter's end the modules may be gone already, and so are the descriptors.
            if contextlib is not None and os is not None:
                with contextlib.suppress(OSError):
                    os.close(fd)

    def _try(self) -> bool:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            # It stays there: under a name of its own, it would be left by each process that is killed here.
            self._make(_PROBE)
        except OSError:
            # Some file systems have no FIFOs; then everybody looks 50 times a second instead.
            return False
        return True

    def _make(self, topic: str) -> _Bell:
        path = self._folder / topic
        # Opened for both, so that there is always somebody on the other side: opening never fails or
        # blocks, and poll() never reports a hang-up. Linux, macOS and the BSDs allow that for FIFOs.
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            return _Bell(path, flags)
        except FileNotFoundError:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkfifo(path, 0o600)
            return _Bell(path, flags)

    def _bell(self, topic: str) -> _Bell | None:
        now = monotonic()
        bell = self._open.get(topic)
        if bell is not None:
            if now - bell.checked < _RECHECK:
                return bell
            try:
                if os.stat(self._folder / topic).st_ino == os.fstat(bell.fd).st_ino:  # noqa: PTH116 - pairs with fstat
                    bell.checked = now
                    return bell
            except OSError:
                pass
            self._open.pop(topic, None)
        try:
            bell = self._make(topic)
        except OSError:
            return None
        self._open[topic] = bell
        if len(self._open) > _OPEN_BELLS:
            with contextlib.suppress(KeyError):
                self._open.popitem(last=False)
        return bell

    def _ring_listener(self, name: str) -> bool:
        path = self._folder / name
        try:
            # Not for both, as above: ENXIO tells that the listener is dead.
            _Bell(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC).ring()
        except OSError as error:
            if error.errno != errno.ENXIO:
                # Where this process may open no more files, the listener is there all the same.
                return error.errno in (errno.EMFILE, errno.ENFILE)
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime < _RECHECK:
                    return True  # made this moment, and about to be opened
                path.unlink()
            return False
        return True


def route_topic(queue: str, route: str) -> str:
    """Name the bell of a route."""
    return _topic("r", f"{queue}\0{route}")


def mail_topic(worker: str) -> str:
    """Name the bell of a worker's mailbox."""
    return _topic("w", worker)


def _topic(kind: str, text: str) -> str:
    # Names may have any characters and 200 bytes, so the file is named by a hash.
    return f"{kind}-{hashlib.blake2b(text.encode('utf-8', 'surrogateescape'), digest_size=12).hexdigest()}"
