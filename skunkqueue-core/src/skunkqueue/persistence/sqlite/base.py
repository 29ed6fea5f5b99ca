"""What every verb stands on: the open store, also after a fork, and who this backend is.

Knows no verb.
"""

from __future__ import annotations

import os
import sqlite3
from abc import ABC
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.persistence.sqlite.opening import Store, open_store
from skunkqueue.persistence.sqlite.place import place_of, require

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_CFG: Mapping[str, Any] = MappingProxyType(
    {"backend": "sqlite", "conn_url": None, "dbname": "skunkqueue"}
)


class StoreBackend(Backend, ABC):
    """A backend that has a store open."""

    name: ClassVar[str] = "sqlite"
    default_cfg: ClassVar[Mapping[str, Any]] = DEFAULT_CFG
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"durable", "processes", "rows", "counters", "pools", "audit", "schedule pages"}
    )

    def __init__(self, store: Store) -> None:
        self._opened = store

    @classmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> Self:
        """Open the file, making it and its tables where there are none.

        Raises StoreMissingError where the config does not want them made.
        """
        where = place_of(config)
        if not config.create:
            require(where.path)
        return cls(open_store(where, clock, default=config.url is None))

    def close(self) -> None:
        """Close the file and let blocked waits return."""
        if self._opened.pid == os.getpid():
            self._opened.close()

    def location(self) -> str:
        """Give the URL of the file."""
        return f"sqlite:///{self._opened.place.path}"

    def version(self) -> str:
        """Give the version of the SQLite library in use."""
        return f"SQLite {sqlite3.sqlite_version}"

    def now(self) -> float:
        """Read the machine's clock."""
        return self._opened.clock.now()

    @property
    def _store(self) -> Store:
        store = self._opened
        if store.pid != os.getpid():
            # Born by a fork: what belongs to the parent is not used here.
            self._opened = store = open_store(store.place, store.clock, default=False)
        return store
