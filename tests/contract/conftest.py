"""Makes the example backend importable where it is not installed, and starts servers for the others."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.mongo_fixtures import mongo_config_of, mongod, mongod_binary, new_mongo_proxy, new_mongod
from tests.support.redis_fixtures import new_proxy, new_server, valkey
from tests.support.store_fixtures import config_of, dbname

__all__ = [
    "config_of",
    "dbname",
    "mongo_config_of",
    "mongod",
    "mongod_binary",
    "new_mongo_proxy",
    "new_mongod",
    "new_proxy",
    "new_server",
    "valkey",
]

EXAMPLE = Path(__file__).parents[2] / "examples" / "memory-backend" / "src"

if str(EXAMPLE) not in sys.path:
    sys.path.append(str(EXAMPLE))
