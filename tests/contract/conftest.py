"""Makes the example backend importable where it is not installed, and starts servers for the others."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.mongo_fixtures import mongo_config_of, mongod, mongod_binary
from tests.support.redis_fixtures import valkey
from tests.support.store_fixtures import config_of, dbname

__all__ = [
    "config_of",
    "dbname",
    "mongo_config_of",
    "mongod",
    "mongod_binary",
    "valkey",
]

EXAMPLE = Path(__file__).parents[2] / "examples" / "memory-backend" / "src"

if str(EXAMPLE) not in sys.path:
    sys.path.append(str(EXAMPLE))
