"""Connections that are open and idle, lent to one call at a time; and those that block, which ``close`` may break."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import MovedError, RedisError
from skunkqueue.latch import Latch
from skunkqueue.persistence.redis.errors import is_passing
from skunkqueue.persistence.redis.nodes import AnyConnection, Node

CLOSED = "this backend is closed"


class IdleConnections:
    """The connections of one process to one server, for any number of threads."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.closed = Latch()
        self._idle: deque[AnyConnection] = deque()
        self._blocked: set[AnyConnection] = set()
        self.keep = self._idle.append
        """Take back a connection that is whole."""

    def borrow(self) -> AnyConnection:
        """Lend a connection, a new one where none is idle. Raises redis-py's errors."""
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return self.node.connect()
        except RedisError as error:
            error.unsent = True  # type: ignore[attr-defined]  # for errors.may_be_done
            raise

    @contextmanager
    def blocking(self) -> Iterator[AnyConnection]:
        """Lend a connection that ``close`` may break, and keep it where it is whole afterwards."""
        connection = self.borrow()
        try:
            # In this order, as ``close`` breaks the blocked connections after it has closed. There is no lock: the exception of a
            # signal handler could leave it taken, and another handler would wait for it.
            self._blocked.add(connection)
            if self.closed.is_set():
                raise Unreachable(CLOSED)  # noqa: TRY301 - to be disconnected below, as after any other
            yield connection
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self._blocked.discard(connection)
        self.keep(connection)

    def lost(self, error: RedisError) -> None:
        """Assume that what broke one connection, or moved the store, did so to the idle ones too."""
        if is_passing(error) or isinstance(error, MovedError):
            self.node.look_again(error)
            self._drop()

    def close(self) -> None:
        """Let go of all connections; calls that block return."""
        self.closed.set()
        for connection in list(self._blocked):
            connection.cut()
        self._drop()

    def _drop(self) -> None:
        try:
            while True:
                self._idle.pop().disconnect()
        except IndexError:
            pass
