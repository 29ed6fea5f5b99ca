"""Where the server is: at a fixed address, where sentinels say, or the node of a cluster that has our slot.

Each class connects to the one server that takes writes, and finds it again after it moved.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Protocol

from redis.backoff import NoBackoff
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    AuthenticationError,
    MovedError,
    NoPermissionError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as Unreachable
from redis.retry import Retry
from skunkqueue.persistence.redis.connections import LocalConnection, PlainConnection, TLSConnection
from skunkqueue.persistence.redis.errors import NoMasterError, SentinelLoginError, is_passing
from skunkqueue.persistence.redis.settings import Settings

AnyConnection = Any
"""redis-py's connection, which its stubs type as several unrelated classes."""


class Node(Protocol):
    """The server that takes writes."""

    def connect(self) -> AnyConnection:
        """Connect to it. Raises redis-py's errors."""

    def look_again(self, error: RedisError) -> None:
        """Forget where it was, as a call failed with this error."""


def node_of(settings: Settings) -> Node:
    """Choose by the URL's scheme."""
    if settings.kind == "sentinel":
        return SentinelNode(settings)
    if settings.kind == "cluster":
        return ClusterNode(settings)
    return FixedNode(settings)


def _shared(settings: Settings) -> dict[str, Any]:
    return {
        "username": settings.username,
        "password": settings.password,
        "socket_timeout": settings.socket_timeout or None,
        "socket_connect_timeout": settings.connect_timeout or None,
        # The link decides which calls are tried again: redis-py cannot know which may be.
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        **(settings.tls or {}),
    }


def _reach(settings: Settings, address: tuple[str, int], **other: Any) -> AnyConnection:
    kind = TLSConnection if settings.tls else PlainConnection
    connection: AnyConnection = kind(host=address[0], port=address[1], **{**_shared(settings), **other})
    connection.connect()
    return connection


class FixedNode:
    """One server at one address."""

    def __init__(self, settings: Settings) -> None:
        # Made one by one: redis-py's pool counts all connections that it ever made, and stops at its limit.
        kwargs = {**_shared(settings), "db": settings.db}
        kind: Any = TLSConnection if settings.tls else PlainConnection
        if settings.kind == "unix":
            kwargs.pop("socket_connect_timeout")
            self._make = partial(LocalConnection, path=settings.path, **kwargs)
        else:
            ((host, port),) = settings.hosts
            self._make = partial(kind, host=host, port=port, **kwargs)

    def connect(self) -> AnyConnection:
        """Connect to it."""
        connection: AnyConnection = self._make()
        connection.connect()
        return connection

    def look_again(self, error: RedisError) -> None:
        """Do nothing: its address is fixed."""


class SentinelNode:
    """The server that the sentinels call the master."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sentinels: list[tuple[str, int]] = list(settings.hosts)
        self._login = {name: settings.sentinel.get(name) for name in ("username", "password")}

    def connect(self) -> AnyConnection:
        """Ask one sentinel after the other, and connect to the master that it names, if that can be reached and says that it is one."""
        said: list[RedisError] = []
        failed: set[tuple[str, int]] = set()
        for address in tuple(self._sentinels):
            try:
                master = self._ask(address)
            except RedisError as error:
                said.append(error)
                continue
            if master in failed:
                # Once is enough for one that does not answer.
                continue
            try:
                connection = self._master_at(master)
            except (AuthenticationError, NoPermissionError):
                raise
            except RedisError as error:
                failed.add(master)
                said.append(
                    _like(error, f"{_shown(address)} names {_shown(master)}: {error or type(error).__name__}")
                )
                continue
            # The next time this one is asked first.
            self._sentinels = [address, *(other for other in self._sentinels if other != address)]
            return connection
        if any(map(is_passing, said)):
            raise NoMasterError(self._settings.service, said)
        raise said[0]

    def _ask(self, sentinel: tuple[str, int]) -> tuple[str, int]:
        """Ask where the master is.

        By the command that clients are to use: during a failover it names the new master as soon as there is one, and
        ``SENTINEL MASTER``, by which redis-py finds it, the old one for some seconds more. That one is asked whether a master
        is down, which another sentinel may have replaced already.
        """
        service, name = self._settings.service, _shown(sentinel)
        flags: list[bytes] = []
        try:
            connection = _reach(self._settings, sentinel, **self._login)
            try:
                connection.send_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", service)
                found = connection.read_response(disable_decoding=True)
                if found is not None:
                    flags = _flags(connection, service, found)
            finally:
                connection.disconnect()
        except (AuthenticationError, NoPermissionError) as error:
            raise SentinelLoginError(name, error) from error
        except RedisError as error:
            raise _like(error, f"{name}: {error or type(error).__name__}") from error
        if found is None:
            msg = f"{name} knows no such master"
            raise Unreachable(msg)
        master = found[0].decode(), int(found[1])
        if not {b"s_down", b"o_down"}.isdisjoint(flags):
            msg = f"by {name} the master {_shown(master)} is down"
            raise Unreachable(msg)
        return master

    def _master_at(self, address: tuple[str, int]) -> AnyConnection:
        connection = _reach(self._settings, address, db=self._settings.db)
        try:
            connection.send_command("ROLE")
            role = connection.read_response(disable_decoding=True)
        except BaseException:
            connection.disconnect()
            raise
        if role[0] != b"master":
            connection.disconnect()
            msg = "it says that it is no master"
            raise Unreachable(msg)
        return connection

    def look_again(self, error: RedisError) -> None:
        """Do nothing: the sentinels are asked at every connection."""


def _flags(connection: AnyConnection, service: str, found: list[bytes]) -> list[bytes]:
    """Read what a sentinel says of the master that it has named; nothing where it speaks of another, or may not say."""
    try:
        connection.send_command("SENTINEL", "MASTER", service)
        told = connection.read_response(disable_decoding=True)
    except ResponseError:
        return []
    about = dict(zip(told[::2], told[1::2], strict=True))
    return about.get(b"flags", b"").split(b",") if [about.get(b"ip"), about.get(b"port")] == found else []


def _like(error: RedisError, text: str) -> RedisError:
    """Make an error that passes if this one does."""
    return Unreachable(text) if is_passing(error) else RedisError(text)


def _shown(address: tuple[str, int]) -> str:
    return f"{address[0]}:{address[1]}"


class ClusterNode:
    """The node that has our slot, found by asking any node."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._slot = key_slot(b"{%b}:" % settings.dbname.encode())
        self._known: list[tuple[str, int]] = list(settings.hosts)
        self._owner: tuple[str, int] | None = None

    def connect(self) -> AnyConnection:
        """Connect to the owner of our slot; ask the cluster where it is not known."""
        owner = self._owner
        if owner is None:
            # Several threads may ask at once. A lock could be held by a thread that a signal handler interrupted.
            self._owner = owner = self._ask()
        try:
            return _reach(self._settings, owner)
        except RedisError:
            self._owner = None
            raise

    def look_again(self, error: RedisError) -> None:
        """Follow a redirection; forget the owner where it failed otherwise."""
        if isinstance(error, MovedError):
            self._owner = (error.host, error.port)
        elif not isinstance(error, AskError):
            self._owner = None

    def _ask(self) -> tuple[str, int]:
        last: RedisError = Unreachable("no node of the cluster is known")
        for address in tuple(self._known):
            try:
                connection = _reach(self._settings, address)
                try:
                    connection.send_command("CLUSTER", "SLOTS")
                    ranges = connection.read_response(disable_decoding=True)
                finally:
                    connection.disconnect()
            except RedisError as error:
                last = error
                continue
            owner = None
            for first, end, master, *_ in ranges:
                # A node that does not know its own name means the address at which it was asked.
                node = ((master[0] or b"").decode() or address[0], int(master[1]))
                if node not in self._known:
                    self._known.append(node)
                if first <= self._slot <= end:
                    owner = node
            if owner is not None:
                return owner
            last = Unreachable(f"the cluster has no owner for slot {self._slot} now")
        raise last
