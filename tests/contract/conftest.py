"""Makes the example backend importable where it is not installed, and starts servers for the others."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.redis_fixtures import cluster, config_of, dbname, redis62, valkey

__all__ = ["cluster", "config_of", "dbname", "redis62", "valkey"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "memory-backend" / "src"

if str(EXAMPLE) not in sys.path:
    sys.path.append(str(EXAMPLE))
