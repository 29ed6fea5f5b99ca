"""Wakes the main thread, from other threads and from signal handlers."""

from __future__ import annotations

import contextlib
import os
import select


class Wakeup:
    """A wake-up is kept until somebody waits; several count as one.

    A pipe, so that the main thread can wait for it and for a store's descriptor at once. Writing into it takes no lock, so
    a signal handler may wake while its thread wakes or waits.
    """

    __slots__ = ("_read", "_write")

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)

    def wake(self) -> None:
        """Wake the thread that waits, or the next one that does. A full pipe (EAGAIN) is enough to wake it."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b"!")

    def wait(self, timeout: float | None = None, *fds: int) -> bool:
        """Block until ``wake`` is called, one of ``fds`` can be read, or the timeout (seconds) is over; return whether it was ``wake``."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        for fd in fds:
            if fd >= 0:
                poll.register(fd, select.POLLIN)
        found = poll.poll(None if timeout is None else max(timeout, 0.0) * 1000)
        if not any(one == self._read for one, _ in found):
            return False
        with contextlib.suppress(BlockingIOError):
            while len(os.read(self._read, 4096)) == 4096:
                pass
        return True

    def __del__(self) -> None:
        # Only now, when nobody can call ``wake`` any more: the descriptor's number may be used again after that.
        for fd in (getattr(self, "_read", -1), getattr(self, "_write", -1)):
            # At the interpreter's end the modules may be gone already, and so are the descriptors.
            if fd >= 0 and contextlib is not None and os is not None:
                with contextlib.suppress(OSError):
                    os.close(fd)
