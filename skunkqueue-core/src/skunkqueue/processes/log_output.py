"""Writes log lines: to standard error, or to a file that other tools may rotate.

It never raises, whatever becomes of file and stream: who logs goes on. While the file cannot be
written, its lines go to standard error. Does not know how a line is made of a record.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
from collections.abc import Callable

from skunkqueue.clock import monotonic

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0
_PATIENCE = 1_000
"""Milliseconds to wait for a non-blocking stream to take a line."""
_STDERR = 2


class LogOutput(logging.Handler):
    """Writes each record as one line; several processes may write to one file."""

    def __init__(
        self, path: str | None, *, errors: int = _STDERR, monotonic: Callable[[], float] = monotonic
    ) -> None:
        """``path``: absolute, or ``None`` for the stream behind the descriptor ``errors`` alone."""
        super().__init__()
        self._monotonic = monotonic
        # A copy, which stays open when a job closes standard error.
        self._errors = _Descriptor()
        with contextlib.suppress(OSError):
            self._errors.hold(os.dup(errors))
        self._path = path
        self._file = _Descriptor()
        self._failed = False
        self._retry_at = 0.0
        self._wait = _FIRST_WAIT
        self._astray = 0
        """Lines that the file has missed since it failed."""
        self._lost = 0
        """Lines that standard error has missed since it failed."""

    def open(self) -> None:
        """Open the file now, where there is one, and not at the first line; raises OSError."""
        if self._path is not None:
            self._open(self._path)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record to the file, or to standard error without a file, or if it fails."""
        try:
            line = self._line(record)
            if self._path is None:
                self._say(line)
            elif not self._write_file(self._path, line):
                self._astray += 1
                self._say(line)
        except Exception:  # noqa: BLE001 - such as a lack of memory; there is nowhere to report it
            self._lost += 1

    def close(self) -> None:
        """Do nothing: ``logging.config`` closes every handler it finds, also those it leaves in use."""

    def leave(self) -> None:
        """Close file and stream."""
        self._file.drop()
        self._errors.drop()
        super().close()

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode(errors="backslashreplace")

    def _note(self, level: int, text: str) -> bytes:
        return self._line(logging.LogRecord("skunkqueue.log", level, __file__, 0, text, (), None))

    # --- the file -------------------------------------------------------------------------------------

    def _write_file(self, path: str, line: bytes) -> bool:
        now = self._monotonic()
        if self._failed and now < self._retry_at:
            return False
        try:
            if not self._file.is_at(path):
                self._open(path)
            if self._failed:
                line = self._note(logging.WARNING, self._recovery(path)) + line
            self._file.write(line)
        except OSError as error:
            self._fail(path, error, now)
            return False
        if self._failed:
            self._failed, self._astray, self._wait = False, 0, _FIRST_WAIT
        return True

    def _open(self, path: str) -> None:
        self._file.drop()
        # Without a reader, a FIFO would not block only this line but the whole process.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        descriptor = os.open(path, flags, 0o666)
        os.set_blocking(descriptor, True)
        self._file.hold(descriptor)

    def _fail(self, path: str, error: OSError, now: float) -> None:
        self._retry_at = now + self._wait
        self._wait = min(2 * self._wait, _LONGEST_WAIT)
        if not self._failed:
            self._failed = True
            reason = error.strerror or type(error).__name__
            text = (
                f"the log file {path!r} cannot be written: {reason}; "
                f"its lines go to standard error until it can be written again"
            )
            self._say(self._note(logging.ERROR, text))

    def _recovery(self, path: str) -> str:
        return f"the log file {path!r} can be written again: {self._astray} lines went to standard error"

    # --- standard error -------------------------------------------------------------------------------

    def _say(self, line: bytes) -> None:
        lost = self._lost
        if lost:
            line = self._note(logging.WARNING, f"{lost} log lines could not be written and are lost") + line
        try:
            self._errors.write(line)
        except OSError:
            self._lost += 1
        else:
            # Another line may have been lost meanwhile, by a signal handler that logs.
            self._lost -= lost


class _Descriptor:
    """An open file, known by its identity: its number may come to mean another file, if a job closes it."""

    def __init__(self) -> None:
        self._number = -1
        self._identity = (0, 0)
        self._is_torn = False
        """Half a line was written last."""

    def hold(self, number: int) -> None:
        self._number = number
        self._identity = _identity(os.fstat(number))
        self._is_torn = False

    def drop(self) -> None:
        number, self._number = self._number, -1
        with contextlib.suppress(OSError):
            if number >= 0 and _identity(os.fstat(number)) == self._identity:
                os.close(number)

    def is_at(self, path: str) -> bool:
        """Check that this is still the file of that name; raises OSError other than that it is missing."""
        try:
            return self._number >= 0 and _identity(os.stat(path)) == self._identity  # noqa: PTH116 - called for every line
        except FileNotFoundError:
            return False

    def write(self, line: bytes) -> None:
        """Write all of it; raises OSError. The next line then begins on a new one."""
        if self._number < 0 or _identity(os.fstat(self._number)) != self._identity:
            self._number = -1
            raise OSError(0, "it was closed")
        rest = memoryview(b"\n" + line if self._is_torn else line)
        whole = len(rest)
        try:
            while rest:
                try:
                    rest = rest[os.write(self._number, rest) :]
                except BlockingIOError:
                    if not self._wait():
                        raise
        finally:
            if len(rest) < whole:
                self._is_torn = len(rest) > 0

    def _wait(self) -> bool:
        # Unlike `select`, it takes descriptors of any number.
        poll = select.poll()
        poll.register(self._number, select.POLLOUT)
        return bool(poll.poll(_PATIENCE))


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
