"""Keeps standard output and error open, whatever a job does to them."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TextIO


class _KeptRaw(io.FileIO):
    """A descriptor that stays open."""

    def close(self) -> None:
        """Do nothing."""


class _KeptBuffer(io.BufferedWriter):
    """A buffer that stays open."""

    def close(self) -> None:
        """Write out what is there, and stay open."""
        self.flush()


class _KeptText(io.TextIOWrapper):
    """A stream that stays open when a job closes it."""

    def close(self) -> None:
        """Write out what is there, and stay open."""
        self.flush()


class OutputStreams:
    """The process' output streams; ``keep`` puts them right after a job."""

    def __init__(self) -> None:
        """Take the streams over; what jobs print appears line by line."""
        self._copies = {number: os.dup(number) for number in (1, 2) if _identity(number) is not None}
        self._identities = {number: _identity(number) for number in self._copies}
        self.out: TextIO = _kept(1) if 1 in self._copies else sys.stdout
        self.err: TextIO = _kept(2) if 2 in self._copies else sys.stderr
        sys.stdout, sys.stderr = self.out, self.err

    def keep(self) -> None:
        """Undo what a job did to them; costs about 1 µs where it did nothing."""
        if sys.stdout is not self.out:
            sys.stdout = self.out
        if sys.stderr is not self.err:
            sys.stderr = self.err
        for number, identity in self._identities.items():
            if _identity(number) != identity:
                os.dup2(self._copies[number], number, inheritable=True)

    def flush(self) -> None:
        """Write out what jobs have printed; a reader that has gone away is not an error."""
        for stream in (self.out, self.err):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()


def _kept(number: int) -> TextIO:
    raw = _KeptRaw(number, "wb", closefd=False)
    return _KeptText(_KeptBuffer(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _identity(number: int) -> tuple[int, int] | None:
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return found.st_dev, found.st_ino
