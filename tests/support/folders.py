"""Where tests keep their files: in memory, where there is room, since they write through to the disk all the time.

What a killed process wrote is there in either case; a test that wants a disk says so (``durable``).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")  # noqa: S108 - folders of its own are made there
ROOM = 2 << 30
"""Bytes that must be free: a whole run leaves a tenth of this, and each MongoDB server needs some."""
VARIABLE = "PYTEST_DEBUG_TEMPROOT"
"""Where pytest makes its folders, if set."""


def memory() -> Path | None:
    """Find a file system in memory that has room, and where programs may be started."""
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=MEMORY):
        forbidden = os.statvfs(MEMORY).f_flag & getattr(os, "ST_NOEXEC", 0)
        if not forbidden and shutil.disk_usage(MEMORY).free >= ROOM:
            return MEMORY
    return None


def keep_in_memory() -> None:
    """Have pytest make its folders there, unless somebody has said where."""
    found = memory()
    if found is not None and "TMPDIR" not in os.environ:
        os.environ.setdefault(VARIABLE, str(found))
