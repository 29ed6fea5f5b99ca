"""What every verb stands on: the open store, also after a fork, and who this backend is. Knows no verb."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.persistence.backend import Backend, BackendConfig, Remark
from skunkqueue.persistence.redis import advice, server_time
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.opening import open_link
from skunkqueue.persistence.redis.settings import settings_of

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_CFG: Mapping[str, Any] = MappingProxyType(
    {"backend": "redis", "conn_url": "localhost:6379", "dbname": "skunkqueue"}
)


class StoreBackend(Backend, ABC):
    """A backend that has a store open."""

    name: ClassVar[str] = "redis"
    default_cfg: ClassVar[Mapping[str, Any]] = DEFAULT_CFG
    capabilities: ClassVar[frozenset[str]] = frozenset({"durable", "processes"})

    def __init__(self, link: Link, version: str) -> None:
        self._opened = link
        self._version = version

    @classmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> Self:
        """Open the store in the server; see ``Backend.open``."""
        return cls(*open_link(settings_of(config), clock, create=config.create))

    def close(self) -> None:
        """Let go of the connections and let blocked waits return."""
        if self._opened.pid == os.getpid():
            self._opened.close()

    def location(self) -> str:
        """Give the URL, without its password, and the name of the store."""
        settings = self._opened.settings
        return f"{settings.url} (store {settings.dbname})"

    def version(self) -> str:
        """Give the server's name and version."""
        return self._version

    def remarks(self) -> list[Remark]:
        """Report on the server's memory, and on what it writes to its disk."""
        return [*advice.remarks(advice.look(self._link))]

    def now(self) -> float:
        """Ask the server for its time."""
        return server_time.now(self._link)

    @property
    def _link(self) -> Link:
        link = self._opened
        if link.pid != os.getpid():
            # Born by a fork: the connections are the parent's, so they are neither used nor closed here.
            self._opened = link = Link(link.settings, link.clock)
        return link
