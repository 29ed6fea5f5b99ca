"""Talking to the server: requests and their replies, sent again where that is safe, and calls that block.

Knows connections, scripts and redis-py's errors; not what any script does.
"""

from __future__ import annotations

import itertools
import os
import secrets
import threading
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, TypeVar

import msgspec

from redis.exceptions import MovedError, NoScriptError, RedisError, ResponseError
from skunkqueue.clock import Clock, SystemClock, monotonic
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.persistence.redis.errors import is_passing, translate
from skunkqueue.persistence.redis.idle import CLOSED, IdleConnections
from skunkqueue.persistence.redis.nodes import AnyConnection, node_of
from skunkqueue.persistence.redis.retries import try_again
from skunkqueue.persistence.redis.script_calls import ScriptCalls
from skunkqueue.persistence.redis.scripts import Script
from skunkqueue.persistence.redis.settings import Settings

_encode = msgspec.msgpack.Encoder().encode
T = TypeVar("T")
_SHORTEST = 0.01
"""Seconds; Redis 6.2 takes a timeout of a millisecond for no timeout, and blocks for ever."""
GRACE = 5.0
"""Seconds beyond a blocking call's timeout after which its connection is taken to be dead."""
Exchange = Generator[int, None, "bytes | None"]
"""A request under way: gives its descriptor first, and its reply in the end."""


class Link:
    """The way to one store, for any number of threads of one process."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.pid = os.getpid()
        self.prefix = f"{{{settings.dbname}}}:"
        self.is_virtual = not isinstance(clock, SystemClock)
        self._connections = IdleConnections(node_of(settings))
        self.closed = self._connections.closed
        """Is set once ``close`` was called."""
        self._scripts = ScriptCalls(self.prefix, settings.replicas)
        self._nonces = itertools.count()
        self._nonce = secrets.token_hex(8)
        self._kept = settings.replicas > 0

    # --- calls ------------------------------------------------------------------------------------

    def call(
        self,
        script: Script,
        *arguments: Any,
        blobs: Sequence[bytes] = (),
        kept: bool = False,
        nonce: str | None = None,
    ) -> bytes:
        """Run a script with a request, and bytes beside it; return its reply.

        Where the connection breaks it is run again; every script can be. ``kept``: wait until the replicas asked for have
        what it wrote. ``nonce``: the name of the call, where the caller has one. Raises BackendError.
        """
        now = self.clock.now() if self.is_virtual else False
        request = [now, nonce or self.nonce(), False, *arguments]
        waits = kept and self._kept
        try:
            return self._once(script, [_encode(request), *blobs], waits=waits)
        except RedisError as error:
            # The script may have run, and the third element tells it so.
            request[2] = True
            return self._try_again(
                error, partial(self._once, script, [_encode(request), *blobs], waits=waits)
            )

    def plain(
        self,
        script: Script,
        values: Sequence[bytes],
        *,
        otherwise: tuple[Script, str, Sequence[Any]] | None = None,
        kept: bool = False,
    ) -> bytes:
        """Run a script that takes its arguments as they are.

        Where that fails it is run again, or ``otherwise`` instead: a script, a nonce and a request.
        """
        waits = kept and self._kept
        try:
            return self._once(script, values, waits=waits)
        except RedisError as error:
            if otherwise is not None:
                script, nonce, arguments = otherwise
                values = [self.encoded(nonce, arguments)]
            return self._try_again(error, partial(self._once, script, values, waits=waits))

    def send(
        self, script: Script, values: Sequence[bytes], *, otherwise: tuple[Script, str, Sequence[Any]]
    ) -> Callable[[], bytes]:
        """Send what ``plain`` would, and return what reads the reply; the server works in between."""

        def read() -> bytes:
            if connection is None:
                return self.plain(script, values, otherwise=otherwise)
            try:
                reply: bytes = connection.hear()
            except NoScriptError:
                self._connections.keep(connection)
                return self.plain(script, values, otherwise=otherwise)
            except RedisError as error:
                connection.disconnect()
                again, nonce, arguments = otherwise
                request = [self.encoded(nonce, arguments)]
                return self._try_again(error, partial(self._once, again, request, waits=False))
            except BaseException:
                connection.disconnect()
                raise
            self._connections.keep(connection)
            return reply

        connection: AnyConnection = None
        try:
            connection = self._connections.borrow()
            connection.tell(self._scripts.message(script, values))
        except RedisError:
            # Reading the reply tries again.
            connection = None
        return read

    def encoded(self, nonce: str, arguments: Sequence[Any]) -> bytes:
        """Make the request of a call that may have been made before."""
        return _encode([self.clock.now() if self.is_virtual else False, nonce, True, *arguments])

    def translated(self, error: RedisError) -> BackendError:
        """Note that a connection broke; return the error that says so."""
        self._connections.lost(error)
        return translate(error, self.settings.url)

    def nonce(self) -> str:
        """Make a name for one call that no other call has: `slot.number`, with a slot for each thread."""
        return f"{self._nonce}{threading.get_ident():x}.{next(self._nonces):x}"

    def _try_again(self, error: RedisError, attempt: Callable[[], T]) -> T:
        return try_again(error, attempt, self._connections, self.settings)

    def _once(self, script: Script, values: Sequence[bytes], *, waits: bool) -> bytes:
        if self.closed.is_set():
            msg = f"{self.settings.url}: {CLOSED}"
            raise BackendUnavailableError(msg)
        connection = self._connections.borrow()
        try:
            run = self._scripts.run_and_wait if waits else self._scripts.run
            reply = run(connection, script, values)
        except ResponseError as error:
            # A whole reply was read, so the connection is good; but not for what is elsewhere now.
            if waits or is_passing(error) or isinstance(error, MovedError):
                connection.disconnect()
            else:
                self._connections.keep(connection)
            raise
        except BaseException:
            connection.disconnect()
            raise
        self._connections.keep(connection)
        return reply

    def try_once(self, script: Script, values: Sequence[bytes]) -> None:
        """Run a script, but not again. Raises BackendError and redis-py's errors."""
        self._once(script, values, waits=False)

    def last_word(self, script: Script, nonce: str, arguments: Sequence[Any]) -> None:
        """Run a script once more after ``close``, on a connection of its own. Raises redis-py's errors."""
        connection = self._connections.node.connect()
        try:
            self._scripts.run(connection, script, [self.encoded(nonce, arguments)])
        finally:
            connection.disconnect()

    def command(self, *words: str | int) -> Any:
        """Run a plain command that may be run twice. Raises BackendError."""

        def attempt() -> Any:
            connection = self._connections.borrow()
            try:
                connection.send_command(*words)
                reply = connection.read_response(disable_decoding=True)
            except BaseException:
                connection.disconnect()
                raise
            self._connections.keep(connection)
            return reply

        try:
            return attempt()
        except RedisError as error:
            return self._try_again(error, attempt)

    def block(self, keys: Sequence[str], timeout: float) -> tuple[bytes, bytes] | None:
        """Pop from the first of some lists that has an element; ``None`` after ``timeout`` seconds, or closed.

        Raises BackendError.
        """
        end = monotonic() + timeout
        while True:
            try:
                popping = self.popping(keys, max(end - monotonic(), _SHORTEST))
                next(popping)
                return reply_of(popping)
            except RedisError as error:
                if self.closed.is_set():
                    return None
                ours = self.translated(error)
                if not isinstance(error, MovedError) or monotonic() >= end:
                    raise ours from error

    def block_and_run(
        self, keys: Sequence[str], timeout: float, script: Script, values: Sequence[bytes]
    ) -> bytes | None:
        """Block as ``block`` does, then run a script, all in one request; ``None`` where it must be sent again.

        Raises redis-py's errors; then the script may have been run.
        """
        exchange = self.exchange(keys, timeout, script, values)
        next(exchange)
        return reply_of(exchange)

    def exchange(
        self, keys: Sequence[str], timeout: float, script: Script, values: Sequence[bytes]
    ) -> Exchange:
        """Send what ``block_and_run`` does; give the descriptor to wait at; then read the reply, and return it.

        Closing it in between breaks the connection.
        """
        with self._connections.blocking() as connection:
            pops = connection.pack_command("BLPOP", *keys, f"{max(timeout, _SHORTEST):.3f}")
            connection.send_packed_command(
                (b"".join(pops) + self._scripts.message(script, values),), check_health=False
            )
            end = monotonic() + timeout + GRACE
            yield connection.fileno()
            try:
                reply: bytes = connection.hear_popped(max(end - monotonic(), _SHORTEST))
            except NoScriptError:
                return None
        return reply

    def popping(
        self, keys: Sequence[str], timeout: float
    ) -> Generator[int, None, tuple[bytes, bytes] | None]:
        """Do what ``block`` does, once and in two steps, as ``exchange`` does. Raises redis-py's errors."""
        with self._connections.blocking() as connection:
            connection.send_command("BLPOP", *keys, f"{max(timeout, _SHORTEST):.3f}")
            end = monotonic() + timeout + GRACE
            yield connection.fileno()
            reply = connection.hear_within(max(end - monotonic(), _SHORTEST))
        return None if reply is None else (reply[0], reply[1])

    def close(self) -> None:
        """Let go of all connections; calls that block return."""
        self._connections.close()


def reply_of(exchange: Generator[int, None, T]) -> T:
    """Read the reply to what was sent; see ``Link.block_and_run``."""
    try:
        next(exchange)
    except StopIteration as end:
        reply: T = end.value
        return reply
    msg = "an exchange has one reply"
    raise RuntimeError(msg)
