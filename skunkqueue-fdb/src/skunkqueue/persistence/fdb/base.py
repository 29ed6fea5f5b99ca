"""What every verb stands on: the open store, and who this backend is. Knows no verb."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.persistence.backend import Backend, BackendConfig, Remark
from skunkqueue.persistence.fdb import advice, enqueue
from skunkqueue.persistence.fdb.binding import Binding
from skunkqueue.persistence.fdb.group_commit import GroupCommit
from skunkqueue.persistence.fdb.opening import open_link
from skunkqueue.persistence.fdb.settings import settings_of
from skunkqueue.persistence.fdb.transactions import Link

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_CFG: Mapping[str, Any] = MappingProxyType(
    {"backend": "fdb", "conn_url": "fdb://", "dbname": "skunkqueue"}
)


class StoreBackend(Backend, ABC):
    """A backend that has a store open."""

    name: ClassVar[str] = "fdb"
    default_cfg: ClassVar[Mapping[str, Any]] = DEFAULT_CFG
    capabilities: ClassVar[frozenset[str]] = frozenset({"durable", "processes"})
    max_payload: ClassVar[int | None] = 2_000_000
    binding: ClassVar[Binding | None] = None
    """What is used of FoundationDB; ``None``: the module ``fdb``, once a store is opened."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._group = GroupCommit(partial(enqueue.put_in, link))

    @classmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> Self:
        """Open the store in the cluster; see ``Backend.open``."""
        return cls(open_link(settings_of(config), clock, cls.binding, create=config.create))

    def close(self) -> None:
        """Let blocked waits return. The network thread stays, as a process can start it only once."""
        if self._link.pid == os.getpid():
            self._link.close()

    def location(self) -> str:
        """Give the URL and the name of the store."""
        settings = self._link.settings
        return f"{settings.place} (store {settings.dbname})"

    def version(self) -> str:
        """Give the version of the client's API, which is that of the release: 730 for 7.3."""
        return f"FoundationDB {self._link.api / 100:.1f}"

    def now(self) -> float:
        """Tell the store's time, as this process knows it without asking."""
        self._link.check()
        return self._link.time.now()

    def remarks(self) -> Sequence[Remark]:
        """Say what is worth knowing of the cluster; see ``Backend.remarks``."""
        status = self._link.read(advice.look)
        return [] if status is None else [*advice.remarks(status, self._link.settings)]
