"""Talking to the server: one request and its reply, and again where that is safe.

Knows connections, scripts and redis-py's errors; not what any script does.
"""

from __future__ import annotations

import itertools
import os
import random
import secrets
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import msgspec

from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import MovedError, NoScriptError, RedisError, ResponseError
from skunkqueue.clock import Clock, SystemClock, monotonic
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.latch import Latch
from skunkqueue.persistence.redis.errors import is_passing, may_be_done, translate
from skunkqueue.persistence.redis.nodes import AnyConnection, node_of
from skunkqueue.persistence.redis.scripts import Script
from skunkqueue.persistence.redis.settings import Settings

_encode = msgspec.msgpack.Encoder().encode
T = TypeVar("T")
_FIRST_WAIT, _LONGEST_WAIT = 0.02, 0.5
_SHORTEST = 0.01
"""Seconds; Redis 6.2 takes a blocking call's timeout of a millisecond for none at all, and blocks for ever."""
GRACE = 5.0
"""Seconds beyond a blocking call's timeout after which its connection is taken to be dead."""
_CLOSED = "this backend is closed"
Exchange = Generator[int, None, "bytes | None"]
"""A request under way: gives its descriptor first, and its reply in the end."""


class Link:
    """The way to one store, for any number of threads of one process."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.pid = os.getpid()
        self.prefix = f"{{{settings.dbname}}}:"
        self.closed = Latch()
        self.is_virtual = not isinstance(clock, SystemClock)
        self._node = node_of(settings)
        self._idle: deque[AnyConnection] = deque()
        self._blocked: set[AnyConnection] = set()
        self._nonces = itertools.count()
        self._nonce = secrets.token_hex(8)
        key = self.prefix.encode()
        self._tail = b"\r\n$1\r\n1\r\n$%d\r\n%b\r\n" % (len(key), key)
        self._kept = settings.replicas > 0
        # A write of this very connection, since WAIT waits for none but those; and what is asked for again is often
        # there already.
        touched = key + b"touched"
        self._wait = (
            b"*3\r\n$3\r\nSET\r\n$%d\r\n%b\r\n$0\r\n\r\n*3\r\n$4\r\nWAIT\r\n$%d\r\n%d\r\n$4\r\n2000\r\n"
            % (
                len(touched),
                touched,
                len(str(settings.replicas)),
                settings.replicas,
            )
        )

    # --- calls ------------------------------------------------------------------------------------

    def call(self, script: Script, *arguments: Any, blobs: Sequence[bytes] = (), kept: bool = False) -> bytes:
        """Run a script with a request, and bytes beside it; return its reply.

        Where the connection breaks it is run again, which every script takes care of. ``kept`` writes
        wait for the replicas asked for. Raises BackendError.
        """
        now = self.clock.now() if self.is_virtual else False
        request = [now, self.nonce(), False, *arguments]
        waits = kept and self._kept
        try:
            return self._once(script, [_encode(request), *blobs], waits=waits)
        except RedisError as error:
            # It may have been done.
            request[2] = True
            return self._again(error, partial(self._once, script, [_encode(request), *blobs], waits=waits))

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
            return self._again(error, partial(self._once, script, values, waits=waits))

    def send(
        self, script: Script, values: Sequence[bytes], *, otherwise: tuple[Script, str, Sequence[Any]]
    ) -> Callable[[], bytes]:
        """Send what ``plain`` would, and return what reads the answer; the server works in between."""

        def read() -> bytes:
            if connection is None:
                return self.plain(script, values, otherwise=otherwise)
            try:
                reply: bytes = connection.hear()
            except NoScriptError:
                self._idle.append(connection)
                return self.plain(script, values, otherwise=otherwise)
            except RedisError as error:
                connection.disconnect()
                again, nonce, arguments = otherwise
                request = [self.encoded(nonce, arguments)]
                return self._again(error, partial(self._once, again, request, waits=False))
            except BaseException:
                connection.disconnect()
                raise
            self._idle.append(connection)
            return reply

        connection: AnyConnection = None
        try:
            connection = self._borrow()
            connection.tell(self._message(script, values))
        except RedisError:
            # Asking for the answer tries again.
            connection = None
        return read

    def encoded(self, nonce: str, arguments: Sequence[Any]) -> bytes:
        """Make the request of a call that may have been made before."""
        return _encode([self.clock.now() if self.is_virtual else False, nonce, True, *arguments])

    def translated(self, error: RedisError) -> BackendError:
        """Take note of what went wrong, and tell it in our words."""
        self._lost(error)
        return translate(error, self.settings.url)

    def nonce(self) -> str:
        """Make a name for one call, that no other has: `slot.number`, with a slot for each thread."""
        return f"{self._nonce}{threading.get_ident():x}.{next(self._nonces):x}"

    def _again(self, error: RedisError, attempt: Callable[[], T]) -> T:
        """Try a call again that failed, where that makes sense, until it succeeds or the time is over."""
        began = monotonic()
        deadline = began + self.settings.retry_for
        pause = _FIRST_WAIT
        doubtful = False
        moves = 0
        while True:
            doubtful = doubtful or may_be_done(error)
            self._lost(error)
            if not isinstance(error, MovedError):
                if not is_passing(error) or monotonic() + pause > deadline:
                    raise self._final(error, doubtful=doubtful) from error
                self.closed.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter
                pause = min(2 * pause, _LONGEST_WAIT)
            elif monotonic() > deadline:
                raise self._final(error, doubtful=doubtful) from error
            else:
                # Not at once for ever: two nodes may each name the other.
                moves += 1
                self.closed.wait(0.0 if moves < 3 else _FIRST_WAIT)
            try:
                return attempt()
            except RedisError as another:
                error = another

    def _final(self, error: RedisError, *, doubtful: bool) -> BackendError:
        ours = translate(error, self.settings.url)
        if not doubtful:
            return ours
        return type(ours)(f"{ours}. What was asked for may have been done all the same")

    def _once(self, script: Script, values: Sequence[bytes], *, waits: bool) -> bytes:
        if self.closed.is_set():
            msg = f"{self.settings.url}: {_CLOSED}"
            raise BackendUnavailableError(msg)
        connection = self._borrow()
        try:
            reply = self._run(connection, script, values, waits=waits)
        except ResponseError as error:
            # A whole reply was read, so the connection is good; but not for what is elsewhere now.
            if waits or is_passing(error) or isinstance(error, MovedError):
                connection.disconnect()
            else:
                self._idle.append(connection)
            raise
        except BaseException:
            connection.disconnect()
            raise
        self._idle.append(connection)
        return reply

    def try_once(self, script: Script, values: Sequence[bytes]) -> None:
        """Run a script, but not again. Raises BackendError and redis-py's errors."""
        self._once(script, values, waits=False)

    def _run(
        self, connection: AnyConnection, script: Script, values: Sequence[bytes], *, waits: bool
    ) -> bytes:
        if waits:
            return self._run_and_wait(connection, script, values)
        reply: bytes
        try:
            connection.tell(self._message(script, values))
            reply = connection.hear()
        except NoScriptError:
            connection.tell(self._message(script, values, whole=True))
            reply = connection.hear()
        return reply

    def _run_and_wait(self, connection: AnyConnection, script: Script, values: Sequence[bytes]) -> bytes:
        """Run a script, and wait until enough replicas have what it wrote; both in one request."""
        connection.tell(self._message(script, values) + self._wait)
        read = partial(connection.read_response, disable_decoding=True)
        try:
            reply: bytes = read()
        except NoScriptError:
            read(), read()
            connection.tell(self._message(script, values, whole=True) + self._wait)
            reply = read()
        read()
        reached = read()
        if reached < self.settings.replicas:
            text = f"NOREPLICAS only {reached} of {self.settings.replicas} replicas have it"
            raise ResponseError(text)
        return reply

    def _message(self, script: Script, values: Sequence[bytes], *, whole: bool = False) -> bytes:
        count = len(values) + 4
        tail = self._tail + b"".join([b"$%d\r\n%b\r\n" % (len(value), value) for value in values])
        if whole:
            size = len(script.source)
            return b"*%d\r\n$4\r\nEVAL\r\n$%d\r\n%b%b" % (count, size, script.source, tail)
        return b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b%b" % (count, script.sha, tail)

    def last_word(self, script: Script, nonce: str, arguments: Sequence[Any]) -> None:
        """Run a script once more after ``close``, on a connection of its own. Raises redis-py's errors."""
        connection = self._node.connect()
        try:
            self._run(connection, script, [self.encoded(nonce, arguments)], waits=False)
        finally:
            connection.disconnect()

    def command(self, *words: str | int) -> Any:
        """Run a plain command that may be run twice. Raises BackendError."""

        def attempt() -> Any:
            connection = self._borrow()
            try:
                connection.send_command(*words)
                reply = connection.read_response(disable_decoding=True)
            except BaseException:
                connection.disconnect()
                raise
            self._idle.append(connection)
            return reply

        try:
            return attempt()
        except RedisError as error:
            return self._again(error, attempt)

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
        """Block as ``block`` does, then run a script, all in one request; ``None`` where it has to be sent again.

        Raises redis-py's errors; then the script may have been run.
        """
        exchange = self.exchange(keys, timeout, script, values)
        next(exchange)
        return reply_of(exchange)

    def exchange(
        self, keys: Sequence[str], timeout: float, script: Script, values: Sequence[bytes]
    ) -> Exchange:
        """Send what ``block_and_run`` does, and give the descriptor to wait at; then read the reply, and return it.

        Closing it in between breaks the connection.
        """
        with self._blocking() as connection:
            pops = connection.pack_command("BLPOP", *keys, f"{max(timeout, _SHORTEST):.3f}")
            connection.send_packed_command(
                (b"".join(pops) + self._message(script, values),), check_health=False
            )
            end = monotonic() + timeout + GRACE
            yield connection.fileno()
            try:
                connection.hear_within(max(end - monotonic(), _SHORTEST))
            except ResponseError:
                # The other reply is there too, and is as good as this one.
                connection.disconnect()
                raise
            try:
                reply: bytes = connection.read_response(disable_decoding=True)
            except NoScriptError:
                return None
        return reply

    def popping(
        self, keys: Sequence[str], timeout: float
    ) -> Generator[int, None, tuple[bytes, bytes] | None]:
        """Do what ``block`` does, once and in two steps, as ``exchange`` does. Raises redis-py's errors."""
        with self._blocking() as connection:
            connection.send_command("BLPOP", *keys, f"{max(timeout, _SHORTEST):.3f}")
            end = monotonic() + timeout + GRACE
            yield connection.fileno()
            reply = connection.hear_within(max(end - monotonic(), _SHORTEST))
        return None if reply is None else (reply[0], reply[1])

    @contextmanager
    def _blocking(self) -> Iterator[AnyConnection]:
        """Lend a connection that ``close`` may break, and keep it where it is whole afterwards."""
        connection = self._borrow()
        try:
            # In this order, as ``close`` cuts off who blocks after it has closed. Without a lock, which an exception
            # of a signal handler could leave taken, and which such a handler would wait for.
            self._blocked.add(connection)
            if self.closed.is_set():
                raise Unreachable(_CLOSED)  # noqa: TRY301 - to be disconnected below, as after any other
            yield connection
        except BaseException:
            connection.disconnect()
            raise
        finally:
            self._blocked.discard(connection)
        self._idle.append(connection)

    # --- connections ------------------------------------------------------------------------------

    def _borrow(self) -> AnyConnection:
        try:
            return self._idle.pop()
        except IndexError:
            pass
        try:
            return self._node.connect()
        except RedisError as error:
            error.unsent = True  # type: ignore[attr-defined]  # for errors.may_be_done
            raise

    def _lost(self, error: RedisError) -> None:
        """Take it that what broke one connection, or moved the store, did so to the idle ones too."""
        if is_passing(error) or isinstance(error, MovedError):
            self._node.look_again(error)
            self._drop_idle()

    def _drop_idle(self) -> None:
        try:
            while True:
                self._idle.pop().disconnect()
        except IndexError:
            pass

    def close(self) -> None:
        """Let go of all connections; calls that block return."""
        self.closed.set()
        for connection in list(self._blocked):
            connection.cut()
        self._drop_idle()


def reply_of(exchange: Generator[int, None, T]) -> T:
    """Read the reply to what was sent; see ``Link.block_and_run``."""
    try:
        next(exchange)
    except StopIteration as end:
        reply: T = end.value
        return reply
    msg = "an exchange has one reply"
    raise RuntimeError(msg)
