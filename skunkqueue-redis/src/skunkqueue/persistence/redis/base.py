"""What every verb stands on: the open store, also after a fork, and who this backend is.

Knows no verb.
"""

from __future__ import annotations

import logging
import os
from abc import ABC
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.errors import BackendError, StoreMissingError
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.persistence.redis import wire
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.scripts import load
from skunkqueue.persistence.redis.settings import settings_of

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_CFG: Mapping[str, Any] = MappingProxyType(
    {"backend": "redis", "conn_url": "localhost:6379", "dbname": "skunkqueue"}
)
_OLDEST = (6, 2)
_FORMAT = b"1"
_NOW = load("now")

log = logging.getLogger("skunkqueue.redis")


class StoreBackend(Backend, ABC):
    """A backend that has a way to its store."""

    name: ClassVar[str] = "redis"
    default_cfg: ClassVar[Mapping[str, Any]] = DEFAULT_CFG
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"durable", "processes", "rows", "counters", "pools", "audit", "schedule pages"}
    )

    def __init__(self, link: Link, version: str) -> None:
        self._opened = link
        self._version = version
        self._moments: dict[tuple[str, str, str], tuple[float, float | None, float | None]] = {}
        """What the last empty claim said of when to look again, and when it said so."""
        self._doubts: dict[str, Any] = {}
        """Claims whose connection broke before it could say what was lent, by their nonce."""
        self._latest: dict[tuple[str, str, str], Any] = {}
        """By place, the claim that waits now, or waited last."""

    @classmethod
    def open(cls, config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> Self:
        """Connect, and see whether what answers there will do. Raises BackendError and ConfigError."""
        link = Link(settings_of(config), clock)
        try:
            return cls(link, _inspect(link, create=config.create))
        except BaseException:
            link.close()
            raise

    def close(self) -> None:
        """Let go of the connections and let blocked waits return."""
        if self._opened.pid == os.getpid():
            self._opened.close()

    def location(self) -> str:
        """Give the URL, without its password, and the name of the store."""
        settings = self._opened.settings
        return f"{settings.url} (store {settings.dbname})"

    def version(self) -> str:
        """Tell what answers there."""
        return self._version

    def now(self) -> float:
        """Ask the server for its time."""
        return wire.as_number(self._link.call(_NOW))

    @property
    def _link(self) -> Link:
        link = self._opened
        if link.pid != os.getpid():
            # Born by a fork: the connections are the parent's, so they are neither used nor closed here.
            self._opened = link = Link(link.settings, link.clock)
            self._moments = {}
            self._doubts = {}
            self._latest = {}
        return link


def _inspect(link: Link, *, create: bool) -> str:
    """Tell what the server is. Raises BackendError where it is too old, or the store of another version.

    Where it is not to be made, StoreMissingError says that there is no store.
    """
    known: dict[str, str] = {}
    for section in ("server", "memory"):
        for line in link.command("INFO", section).decode(errors="replace").splitlines():
            name, _, value = line.partition(":")
            known[name] = value
    redis = known.get("redis_version", "0")
    if tuple(int(part) for part in redis.split(".")[:2] if part.isdigit()) < _OLDEST:
        msg = (
            f"{link.settings.url}: Redis {redis} is too old: SkunkQueue needs Redis 6.2 or Valkey 8, or later"
        )
        raise BackendError(msg)
    policy = known.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        _warn_of(link.settings.url, policy)
    store = f"{link.prefix}format"
    if create:
        link.command("SET", store, _FORMAT.decode(), "NX")
    found = link.command("GET", store)
    if found is None:
        msg = (
            f"{link.settings.url}: there is no store {link.settings.dbname!r}: name another by its URL; the first"
            f" firing or `skunq work` makes one there"
        )
        raise StoreMissingError(msg)
    if found != _FORMAT:
        msg = (
            f"{link.settings.url}: the store {link.settings.dbname!r} has the format {found!r}, which this version of"
            f" skunkqueue-redis does not know: update it, or give this store a dbname of its own"
        )
        raise BackendError(msg)
    if "valkey_version" in known:
        return f"Valkey {known['valkey_version']}"
    return f"Redis {redis}"


@cache
def _warn_of(url: str, policy: str) -> None:
    """Warn once a process that the server may throw jobs away."""
    log.warning(
        "%s: the server's maxmemory-policy is %s, so it may throw firings away when its memory is full: set it to"
        " noeviction (`CONFIG SET maxmemory-policy noeviction`, and in its configuration file)",
        url,
        policy,
    )
