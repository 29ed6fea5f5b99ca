"""FIFOs beside the file, by which a process wakes others within a fraction of a millisecond after a commit.

A wake-up says "look again" and carries nothing else. One too many does no harm, and a lost one costs a second, since
every wait looks at the store from time to time. Knows nothing of the store.

Nothing is locked here, since a signal handler may wake others while its thread does so: what threads share is replaced in
one step, and a descriptor is closed once it is not in use any more.
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
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, starmap
from pathlib import Path

from skunkqueue.clock import monotonic
from skunkqueue.persistence.sqlite.descriptor import Descriptor

_OPEN_FIFOS = 64
_RECHECK = 2.0
"""Seconds after which an open FIFO is compared with the one on disk, which may have been replaced."""
_FRESH = 0.1
"""Seconds. A listing of the folder that is made sooner after its last change may miss a file of the same tick of the
file system's clock."""
_LEFT = 60.0
"""Seconds after which the FIFO of a mailbox is known to be left over, if its owner is not listed."""
_NO_FIFOS_PAUSE = 0.02
_MAIL = "w-"
"""How the names of the FIFOs of mailboxes begin."""
_PROBE = "probe"
"""A FIFO that is never used: making it shows whether the file system has FIFOs."""


class _Fifo(Descriptor):
    """An open FIFO."""

    __slots__ = ("checked",)

    def __init__(self, path: Path, flags: int) -> None:
        super().__init__(path, flags)
        self.checked = monotonic()

    def wake(self) -> None:
        """Wake one wait. A full FIFO (EAGAIN) holds enough wake-ups."""
        with contextlib.suppress(OSError):
            os.write(self.fd, b"!")


class Fifos:
    """The folder of FIFOs of one store, as one process uses it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: OrderedDict[str, _Fifo] = OrderedDict()
        self._listed: tuple[int, bool, list[str]] = (-1, False, [])
        """When the folder last changed, whether the listing is known to be complete, and who listened then."""
        self._numbers = itertools.count(1)
        self._pipe: list[int] = []
        # In one call, as in `_Fifo`. Only macOS lacks `pipe2`.
        pipes = starmap(os.pipe2, ((os.O_CLOEXEC,),)) if hasattr(os, "pipe2") else starmap(os.pipe, ((),))
        self._pipe.extend(chain.from_iterable(pipes))
        self._shut_read, self._shut_write = self._pipe
        self.closed = False
        self.works = self._try()

    def wake(self, topic: str) -> None:
        """Wake one wait for ``topic`` (more may wake, and find nothing); one ``write`` as a rule."""
        if not self.works or self.closed:
            return
        fifo = self._fifo(topic)
        if fifo is not None:
            fifo.wake()

    def wake_settled(self) -> None:
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
                # This process may open no more files now. What it did is committed, and waits look by themselves.
                return
            listeners = [name for name in found if name.startswith("d-")]
            # A later change in this same tick would not be seen: list again until the tick is over.
            complete = time.time_ns() - changed > _FRESH * 1e9
            self._listed = (changed, complete, listeners)
        if listeners:
            self._listed = (changed, complete, [name for name in listeners if self._wake_listener(name)])

    @contextlib.contextmanager
    def listening(self, topic: str) -> Iterator[int]:
        """Hear ``topic`` within the block, which gets the descriptor for ``pause``."""
        fifo = None
        if self.works:
            # Without its FIFO a wait looks at the store more often, and misses nothing.
            with contextlib.suppress(OSError):
                fifo = self._make(topic)
        yield -1 if fifo is None else fifo.fd

    @contextlib.contextmanager
    def listening_settled(self) -> Iterator[int]:
        """Hear ``wake_settled`` within the block."""
        topic = f"d-{os.getpid()}-{next(self._numbers)}"
        try:
            with self.listening(topic) as fd:
                yield fd
        finally:
            self.forget(topic)

    def pause(self, fds: Sequence[int], seconds: float) -> bool:
        """Block until a FIFO wakes it, ``close`` is called, or the time is over; return whether time is left."""
        lacks_one = min(fds) < 0
        if lacks_one:
            seconds = min(seconds, _NO_FIFOS_PAUSE)
        poll = select.poll()
        poll.register(self._shut_read, select.POLLIN)
        for fd in fds:
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        for found, _ in poll.poll(max(0.0, seconds) * 1000):
            if found in fds:
                try:
                    # One byte only: the next byte is for another wait.
                    return os.read(found, 1) != b""
                except BlockingIOError:
                    return False
            return True
        return lacks_one

    @staticmethod
    def drain(fd: int) -> None:
        """Drop earlier wake-ups; the caller looks at the store after that."""
        if fd >= 0:
            with contextlib.suppress(BlockingIOError):
                while len(os.read(fd, 65536)) == 65536:
                    pass

    def forget(self, topic: str) -> None:
        """Remove a FIFO that is not used again."""
        if not self.works:
            return
        self._open.pop(topic, None)
        with contextlib.suppress(OSError):
            (self._folder / topic).unlink()

    def clear_up(self, kept: Collection[str]) -> None:
        """Remove the FIFOs of mailboxes but for those that are kept, if nothing was written to them for a while.

        One is made anew where a worker listens once more, or is sent a command, just after it has left.
        """
        with contextlib.suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                if not entry.name.startswith(_MAIL) or entry.name in kept:
                    continue
                with contextlib.suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > _LEFT:
                        self.forget(entry.name)

    def close(self) -> None:
        """End every wait in this process, now and later."""
        self.closed = True
        self._open.clear()
        # The read end stays open until this object goes, since a wait may still use it.
        os.write(self._shut_write, b"!")

    def __del__(self) -> None:
        for fd in getattr(self, "_pipe", ()):
            # At the end of the interpreter modules may be gone already, and the descriptors with them.
            if contextlib is not None and os is not None:
                with contextlib.suppress(OSError):
                    os.close(fd)

    def _try(self) -> bool:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            # One name for all processes, and it stays: a process that is killed here leaves nothing else behind.
            self._make(_PROBE)
        except OSError:
            # Some file systems have no FIFOs. Waits then look 50 times a second.
            return False
        return True

    def _make(self, topic: str) -> _Fifo:
        path = self._folder / topic
        # Opened for reading and writing, so that both ends are always open: opening never fails or
        # blocks, and poll() never reports a hang-up. Linux, macOS and the BSDs allow that for FIFOs.
        flags = os.O_RDWR | os.O_NONBLOCK
        try:
            return _Fifo(path, flags)
        except FileNotFoundError:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.mkfifo(path, 0o600)
            return _Fifo(path, flags)

    def _fifo(self, topic: str) -> _Fifo | None:
        now = monotonic()
        fifo = self._open.get(topic)
        if fifo is not None:
            if now - fifo.checked < _RECHECK:
                return fifo
            try:
                if os.stat(self._folder / topic).st_ino == os.fstat(fifo.fd).st_ino:  # noqa: PTH116 - pairs with fstat
                    fifo.checked = now
                    return fifo
            except OSError:
                pass
            self._open.pop(topic, None)
        try:
            fifo = self._make(topic)
        except OSError:
            return None
        self._open[topic] = fifo
        if len(self._open) > _OPEN_FIFOS:
            with contextlib.suppress(KeyError):
                self._open.popitem(last=False)
        return fifo

    def _wake_listener(self, name: str) -> bool:
        path = self._folder / name
        try:
            # For writing only: ENXIO says that the listener is dead.
            _Fifo(path, os.O_WRONLY | os.O_NONBLOCK).wake()
        except OSError as error:
            if error.errno != errno.ENXIO:
                # Where this process may open no more files, the listener may still be there.
                return error.errno in (errno.EMFILE, errno.ENFILE)
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime < _RECHECK:
                    return True  # just made, and about to be opened
                path.unlink()
            return False
        return True


def route_topic(queue: str, route: str) -> str:
    """Return the topic of a route."""
    return _topic("r-", f"{queue}\0{route}")


def mail_topic(worker: str) -> str:
    """Return the topic of the mailbox of a worker or pool."""
    return _topic(_MAIL, worker)


def _topic(kind: str, text: str) -> str:
    # A name may have any characters and 200 bytes, so the file is named by a hash.
    return f"{kind}{hashlib.blake2b(text.encode('utf-8', 'surrogateescape'), digest_size=12).hexdigest()}"
