"""Giving way: processes that write all the time let others in which have waited for some milliseconds to read.

What is read is sorted first, for which a reader needs its turn to write. SQLite gives the turn to whoever asks first,
and that is nearly always the process that has just ended its own. So a reader that waits leaves a note of when it last
did, in a file beside the store, and whoever is about to write looks there first. A note that nobody renews is over at
once, so a process that dies while it waits holds nobody up. Processes that write do not give way to each other: the more
of them wait, the less would be done.
"""

from __future__ import annotations

import os
import struct
import time
from contextlib import suppress
from pathlib import Path

from skunkqueue.clock import monotonic
from skunkqueue.persistence.sqlite.descriptor import Descriptor

_LOOK_EVERY = 0.001
"""Seconds between two looks at the note: most transactions take less."""
_FRESH = 0.003
"""Seconds for which a note holds; one that waits renews it several times within that."""
_RECHECK = 2.0
"""Seconds after which the open file is compared with the one beside the store, which may have been replaced."""
_PAUSE = 0.0006
"""Seconds for which the file is left alone: those that have waited long try again within that."""
_note = struct.Struct("d")


class GivingWay:
    """The note of one store, as one process uses it. Without the file nobody gives way, which loses nothing."""

    def __init__(self, path: Path) -> None:
        """``path``: of the file, in a folder that others make; it is opened when it is first used."""
        self._path = path
        self._file: Descriptor | None = None
        self._is_closed = False
        self._checked = -_RECHECK
        self._looked = self._noted = 0.0

    def wait(self) -> None:
        """Note that this process waits, and has waited for long."""
        now = monotonic()
        file = self._opened(now)
        if file is not None:
            self._noted = now
            with suppress(OSError):
                os.pwrite(file.fd, _note.pack(self._noted), 0)

    def give_way(self) -> None:
        """Pause where another process has waited for long."""
        now = monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        file = self._opened(now)
        if file is None:
            return
        try:
            (noted,) = _note.unpack(os.pread(file.fd, _note.size, 0))
        except (OSError, struct.error):
            # Nobody has ever waited.
            return
        if 0 <= now - noted < _FRESH and noted != self._noted:
            time.sleep(_PAUSE)

    def close(self) -> None:
        """Close the file, and leave it closed."""
        self._file, self._is_closed = None, True

    def _opened(self, now: float) -> Descriptor | None:
        file = self._file
        if self._is_closed or now - self._checked < _RECHECK:
            return file
        self._checked = now
        try:
            if file is None or os.fstat(file.fd).st_ino != os.stat(self._path).st_ino:  # noqa: PTH116 - pairs with fstat
                file = None
        except OSError:
            file = None
        if file is None:
            with suppress(OSError):
                file = Descriptor(self._path, os.O_RDWR | os.O_CREAT)
        self._file = file
        return file
