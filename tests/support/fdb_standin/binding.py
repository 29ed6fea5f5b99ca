"""What ``import fdb`` gives, as far as it is needed, over servers of the stand-in."""

from __future__ import annotations

import os

from tests.support.fdb_standin.database import Database
from tests.support.fdb_standin.errors import FDBError, Predicates
from tests.support.fdb_standin.futures import Future
from tests.support.fdb_standin.options import NetworkOptions
from tests.support.fdb_standin.transaction import KeySelector, KeyValue, Transaction

LATEST_API_VERSION = 730
DEFAULT_FILE = "/etc/foundationdb/fdb.cluster"

__all__ = [
    "LATEST_API_VERSION",
    "Database",
    "FDBError",
    "Future",
    "KeySelector",
    "KeyValue",
    "StreamingMode",
    "Transaction",
    "api_version",
    "get_api_version",
    "is_api_version_selected",
    "open",
    "options",
    "predicates",
]

_chosen: list[int] = []
options = NetworkOptions()
predicates = Predicates()


class StreamingMode:
    """How a range is to come; here always at once."""

    want_all = -2
    iterator = -1
    exact = 0
    small = 1
    medium = 2
    large = 3
    serial = 4


def is_api_version_selected() -> bool:
    """Say whether somebody has chosen one."""
    return bool(_chosen)


def get_api_version() -> int:
    """Give the one that was chosen."""
    if not _chosen:
        msg = "API version is not set"
        raise RuntimeError(msg)
    return _chosen[0]


def api_version(ver: int) -> None:
    """Choose one, once."""
    if _chosen and _chosen[0] != ver:
        msg = f"FDB API already loaded at version {_chosen[0]}"
        raise RuntimeError(msg)
    if ver > LATEST_API_VERSION:
        msg = f"Latest known FDB API version is {LATEST_API_VERSION}"
        raise RuntimeError(msg)
    if not _chosen:
        _chosen.append(ver)


def open(cluster_file: str | None = None) -> Database:  # noqa: A001 - as the binding has it
    """Open a database; whether its server is there shows when it is used."""
    get_api_version()
    return Database(str(cluster_file or os.environ.get("FDB_CLUSTER_FILE") or DEFAULT_FILE))
