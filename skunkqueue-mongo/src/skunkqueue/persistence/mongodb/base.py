"""What every verb needs of the backend: the open store, also after a fork, and the backend's name and limits.

Knows no verb.
"""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.persistence.backend import Backend, BackendConfig, Remark
from skunkqueue.persistence.mongodb import advice
from skunkqueue.persistence.mongodb.settings import settings_of
from skunkqueue.persistence.mongodb.store import Store

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_CFG: Mapping[str, Any] = MappingProxyType(
    {"backend": "mongodb", "conn_url": "localhost:27017", "dbname": "skunkqueue"}
)


class StoreBackend(Backend, ABC):
    """A backend that has a store open."""

    name: ClassVar[str] = "mongodb"
    default_cfg: ClassVar[Mapping[str, Any]] = DEFAULT_CFG
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"durable", "processes", "rows", "counters", "pools", "audit", "schedule pages"}
    )
    # A document has 16 MiB at most, for body, attempt state and result together.
    max_payload: ClassVar[int | None] = 4 << 20

    def __init__(self, store: Store) -> None:
        self._opened = store

    @classmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> Self:
        """Connect, and check the server and the store. Raises BackendError and ConfigError."""
        return cls(Store(settings_of(config), clock, create=config.create))

    def close(self) -> None:
        """Close the connections and end blocked waits."""
        if self._opened.pid == os.getpid():
            self._opened.close()

    def location(self) -> str:
        """Return the URL, without its password, and the database."""
        settings = self._opened.settings
        return f"{settings.shown}/{settings.dbname}"

    def version(self) -> str:
        """Return the server's version and kind."""
        return str(self._opened.server)

    def remarks(self) -> list[Remark]:
        """Report on the room that is left on the server's disk."""
        return [*advice.remarks(advice.look(self._store))]

    def now(self) -> float:
        """Ask the server for its time."""
        return self._store.time.now()

    @property
    def _store(self) -> Store:
        store = self._opened
        if store.pid != os.getpid():
            # After a fork: the client's sockets and locks belong to the parent, so nothing of it is used here.
            store = self._opened = Store(store.settings, store.clock, store.server)
        return store
