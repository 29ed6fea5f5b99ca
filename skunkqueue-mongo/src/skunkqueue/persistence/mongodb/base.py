"""What every verb stands on: the open store, also after a fork, and who this backend is.

Knows no verb.
"""

from __future__ import annotations

import itertools
import os
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.errors import BackendError, StoreMissingError
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.persistence.mongodb.bells import Bells
from skunkqueue.persistence.mongodb.later import Later, Span
from skunkqueue.persistence.mongodb.link import Link
from skunkqueue.persistence.mongodb.schema import FORMAT, Document, exists, prepare
from skunkqueue.persistence.mongodb.settings import settings_of

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_CFG: Mapping[str, Any] = MappingProxyType(
    {"backend": "mongodb", "conn_url": "localhost:27017", "dbname": "skunkqueue"}
)
_OLDEST = (5, 0)
_KINDS = {"standalone": "standalone", "set": "replica set", "sharded": "sharded cluster"}


class StoreBackend(Backend, ABC):
    """A backend that has a way to its store."""

    name: ClassVar[str] = "mongodb"
    default_cfg: ClassVar[Mapping[str, Any]] = DEFAULT_CFG
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"durable", "processes", "rows", "counters", "pools", "audit", "schedule pages"}
    )
    # A document has 16 MiB at most: body, attempt state and result, with room for what follows.
    max_payload: ClassVar[int | None] = 4 << 20

    def __init__(self, link: Link, version: str, kind: str) -> None:
        self._version = version
        self._kind = kind
        self._begin(link)

    def _begin(self, link: Link) -> None:
        self._opened_bells = Bells(link, streams=self._kind == "set")
        self._held: dict[str, tuple[str, str, float]] = {}
        """Of firings that this handle has claimed: queue and route, and when the lease ends, by the monotonic clock."""
        self._later = Later(link, self._opened_bells.ring, self._write_counts)
        self._known_jobs: dict[tuple[str, str], frozenset[str]] = {}
        """Jobs of a route that its counters tell apart, as far as this handle knows."""
        self._listed: dict[tuple[str, str], float] = {}
        """When this handle last saw a route listed."""
        self._nonces = map(f"{secrets.token_hex(5)}{{:x}}".format, itertools.count())
        # Last, since other threads go by it.
        self._opened = link

    @classmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> Self:
        """Connect, and see whether what answers there will do. Raises BackendError and ConfigError."""
        link = Link(settings_of(config), clock)
        try:
            version, kind = _inspect(link, create=config.create)
            return cls(link, version, kind)
        except BaseException:
            link.close()
            raise

    def close(self) -> None:
        """Let go of the connections and let blocked waits return."""
        if self._opened.pid == os.getpid():
            self._later.close()
            self._opened.closed.set()
            self._opened_bells.close()
            self._opened.close()

    def location(self) -> str:
        """Give the URL, without its password, and the database."""
        settings = self._opened.settings
        return f"{settings.shown}/{settings.dbname}"

    def version(self) -> str:
        """Tell what answers there."""
        return f"MongoDB {self._version} ({_KINDS[self._kind]})"

    def now(self) -> float:
        """Ask the server for its time."""
        return self._link.now()

    @property
    def _link(self) -> Link:
        link = self._opened
        if link.pid != os.getpid():
            # Born by a fork: the client's sockets and locks are the parent's, so nothing of it is used here.
            self._begin(Link(link.settings, link.clock))
            link = self._opened
        return link

    @property
    def _bells(self) -> Bells:
        # After a fork both are made anew.
        _ = self._link
        return self._opened_bells

    @abstractmethod
    def _write_counts(self, counted: Mapping[Span, dict[str, float]]) -> None:
        """Add what was counted to the counters."""

    def _nonce(self) -> str:
        """Make a word that marks what one call has changed, so that it knows it again after a lost reply."""
        return next(self._nonces)


def _inspect(link: Link, *, create: bool) -> tuple[str, str]:
    """Tell what the server is. Raises BackendError where it is too old, or the store of another version.

    Where it is not to be made, StoreMissingError says that there is no store.
    """
    settings = link.settings
    patience = min(settings.retry_for, settings.connect_timeout)
    hello: Document = link.run_for(patience, link.client.admin.command, "hello")
    info: Document = link.run_for(patience, link.client.admin.command, "buildInfo")
    version = str(info["version"])
    if tuple(info["versionArray"][:2]) < _OLDEST:
        msg = f"{settings.shown}: MongoDB {version} is too old: SkunkQueue needs 5.0 or later"
        raise BackendError(msg)
    kind = "standalone"
    if hello.get("msg") == "isdbgrid":
        kind = "sharded"
    elif "setName" in hello:
        kind = "set"
    link.learn(hello["localTime"].timestamp())
    if not create and not link.run(exists, link.db):
        msg = (
            f"{settings.shown}: there is no store {settings.dbname!r}: name another by its URL or dbname; the first"
            f" firing or `skunq work` makes one there"
        )
        raise StoreMissingError(msg)
    found = link.run(prepare, link.db)
    if found != FORMAT:
        msg = (
            f"{settings.shown}: the store {settings.dbname!r} has the format {found!r}, which this version of"
            f" skunkqueue-mongo does not know: update it, or give this store a dbname of its own"
        )
        raise BackendError(msg)
    return version, kind
