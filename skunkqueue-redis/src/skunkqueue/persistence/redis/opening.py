"""Opening a store: connecting, and checking that the server and the store will do."""

from __future__ import annotations

import logging
from functools import cache

from skunkqueue.clock import Clock
from skunkqueue.errors import BackendError, StoreMissingError
from skunkqueue.persistence.redis.link import Link
from skunkqueue.persistence.redis.settings import Settings

_OLDEST = (6, 2)
_FORMAT = b"1"

log = logging.getLogger("skunkqueue.redis")


def open_link(settings: Settings, clock: Clock, *, create: bool) -> tuple[Link, str]:
    """Connect; return the link and what answers there. Raises BackendError and ConfigError."""
    link = Link(settings, clock)
    try:
        version = _check_server(link)
        _check_store(link, create=create)
    except BaseException:
        link.close()
        raise
    return link, version


def _check_server(link: Link) -> str:
    """Return the server's name and version. Raises BackendError where it is too old."""
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
    if "valkey_version" in known:
        return f"Valkey {known['valkey_version']}"
    return f"Redis {redis}"


def _check_store(link: Link, *, create: bool) -> None:
    """Make the store where that is wanted. Raises BackendError where it is missing, or of another version."""
    store = f"{link.prefix}format"
    found = link.command("GET", store)
    if found is None and create:
        # Only here, since a server whose memory is full refuses it.
        link.command("SET", store, _FORMAT.decode(), "NX")
        found = link.command("GET", store)
    if found is None:
        msg = (
            f"{link.settings.url}: there is no store {link.settings.dbname!r}: name another by its URL; a program"
            f" that fires, or `skunq work`, makes one there"
        )
        raise StoreMissingError(msg)
    if found != _FORMAT:
        msg = (
            f"{link.settings.url}: the store {link.settings.dbname!r} has the format {found!r}, which this version of"
            f" skunkqueue-redis does not know: update it, or give this store a dbname of its own"
        )
        raise BackendError(msg)


@cache
def _warn_of(url: str, policy: str) -> None:
    """Warn once a process that the server may throw jobs away."""
    log.warning(
        "%s: the server's maxmemory-policy is %s, so it may throw firings away when its memory is full: set it to"
        " noeviction (`CONFIG SET maxmemory-policy noeviction`, and in its configuration file)",
        url,
        policy,
    )
