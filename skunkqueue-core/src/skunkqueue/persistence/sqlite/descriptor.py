"""A file that this process has open, without any of its content in memory."""

from __future__ import annotations

import os
from itertools import starmap
from pathlib import Path


class Descriptor:
    """An open file. It is closed when the object goes, so that nothing is written to another file under its old number."""

    __slots__ = ("_fds", "fd")

    def __init__(self, path: Path, flags: int) -> None:
        """Open it, for this user alone where it is made. Raises OSError."""
        self._fds: list[int] = []
        # In one call, so that a signal handler cannot raise between opening it and noting that it is open.
        self._fds.extend(starmap(os.open, ((path, flags | os.O_CLOEXEC, 0o600),)))
        self.fd = self._fds[0]

    def __del__(self) -> None:
        for fd in getattr(self, "_fds", ()):
            # At the end of the interpreter modules may be gone already, and the descriptors with them.
            if os is not None:
                os.close(fd)
