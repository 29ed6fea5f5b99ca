"""redis-py's connections, with a short way to send a script's call and hear its reply.

redis-py connects, logs in and speaks TLS. Reading a reply takes it some 15 µs, more than the server needs for one firing.
Our scripts answer with one bulk string or an error, which is read here in less time.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis.connection import Connection, DefaultParser, SSLConnection, UnixDomainSocketConnection
from redis.exceptions import ConnectionError as UnreachableError
from redis.exceptions import InvalidResponse, RedisError
from redis.exceptions import TimeoutError as SilentError

if TYPE_CHECKING:
    _Base = Connection
else:
    _Base = object

_CHUNK = 1 << 14
_LITTLE = 1 << 12
"""Bytes that the reply of a wait has at most, as a rule."""
_error_of: Any = DefaultParser.parse_error
_END = b"\r\n"


class _Asking(_Base):
    """What every kind of connection adds to redis-py's."""

    _sock: Any
    disconnect: Any
    read_response: Any
    socket_timeout: Any

    def tell(self, message: bytes) -> None:
        """Send a whole request. Raises redis-py's errors, and is disconnected then."""
        try:
            self._sock.sendall(message)
        except BaseException as error:  # noqa: BLE001 - half a request may be sent, whatever the error
            self._break(error)

    def hear(self) -> bytes:
        """Read one reply, a bulk string, and nothing after it. Raises redis-py's errors.

        An error that the server sent leaves the connection as it is; any other breaks it.
        """
        try:
            data = self._sock.recv(_CHUNK)
            if data[:1] == b"$":
                at = data.find(_END)
                if at > 0:
                    whole = at + 4 + int(data[1:at])
                    if len(data) == whole:
                        return bytes(data[at + 2 : -2])
            return self._hear_rest(data)
        except _ServerSaidError as error:
            raise error.said from None
        except BaseException as error:
            self._break(error)
            raise

    def hear_popped(self, seconds: float) -> bytes:
        """Read the reply to a ``BLPOP``, which may take so long, and after it that of a script; return the latter.

        Raises redis-py's errors, also the script's own, which leaves the connection as it is; any other breaks it.
        """
        sock = self._sock
        try:
            sock.settimeout(seconds)
            data = sock.recv(_LITTLE)
            sock.settimeout(self.socket_timeout)
            if data[:4] == b"*2\r\n":
                # As a rule both have come, in one piece.
                begin = _end_of_bulk(data, _end_of_bulk(data, 4))
                if begin > 0 and _end_of_bulk(data, begin) == len(data):
                    return bytes(data[data.find(_END, begin) + 2 : -2])
            return self._hear_rest(self._after_popped(data))
        except _ServerSaidError as error:
            raise error.said from None
        except BaseException as error:
            self._break(error)
            raise

    def hear_within(self, seconds: float) -> Any:
        """Read a reply of any kind that may take longer than others do. Raises redis-py's errors."""
        sock = self._sock
        if sock is None:
            msg = "the connection was closed"
            raise UnreachableError(msg)
        try:
            sock.settimeout(seconds)
            reply = self.read_response(disable_decoding=True)
            sock.settimeout(self.socket_timeout)
        except RedisError:
            raise
        except BaseException as error:
            self._break(error)
            raise
        return reply

    def fileno(self) -> int:
        """Return the socket's descriptor; -1 where it was closed."""
        sock = self._sock
        return -1 if sock is None else int(sock.fileno())

    def cut(self) -> None:
        """End it for the thread that reads from it; that thread disconnects it."""
        with suppress(OSError, AttributeError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def _after_popped(self, data: bytes) -> bytes:
        """Read on to the end of the reply to a ``BLPOP``; return what has come after it."""
        # Not within the ``try`` of its caller; see turns.py.
        while (begin := _end_of_popped(data)) == 0:
            data += self._more(_CHUNK)
        return data[begin:]

    def _hear_rest(self, data: bytes) -> bytes:
        """Read on where a reply has not come in one piece, or is an error."""
        while _END not in data:
            data += self._more(_CHUNK)
        line, _, rest = data.partition(_END)
        if line[:1] == b"-":
            raise _ServerSaidError(_error_of(line[1:].decode(errors="replace")))
        if line[:1] != b"$":
            msg = f"a script is answered with {bytes(line[:40])!r}"
            raise InvalidResponse(msg)
        size = int(line[1:]) + 2
        parts, got = [rest], len(rest)
        while got < size:
            part = self._more(min(size - got, 1 << 20))
            parts.append(part)
            got += len(part)
        return b"".join(parts)[:-2]

    def _more(self, size: int) -> bytes:
        data: bytes = self._sock.recv(size)
        if not data:
            msg = "the server closed the connection"
            raise UnreachableError(msg)
        return data

    def _break(self, error: BaseException) -> None:
        """Disconnect, and raise one of redis-py's errors."""
        self.disconnect()
        if isinstance(error, socket.timeout):
            msg = "no answer in time"
            raise SilentError(msg) from error
        if isinstance(error, (OSError, AttributeError, ValueError)):
            # Another thread may have closed it meanwhile; then there is no socket.
            msg = f"the connection is broken: {error}"
            raise UnreachableError(msg) from error
        raise error


def _end_of_popped(data: bytes) -> int:
    """Return where the reply to a ``BLPOP`` ends: a list's name and its element, or that none came; 0: later."""
    end = data.find(_END)
    if end < 0:
        return 0
    line = data[:end]
    if line == b"*-1":
        return end + 2
    if line == b"*2":
        found = _end_of_bulk(data, _end_of_bulk(data, end + 2))
        return found if found <= len(data) else 0
    if line[:1] == b"-":
        raise _error_of(line[1:].decode(errors="replace"))
    msg = f"BLPOP is answered with {line[:40]!r}"
    raise InvalidResponse(msg)


def _end_of_bulk(data: bytes, begin: int) -> int:
    """Return where a bulk string ends, perhaps beyond the data; 0 where none begins there, or its length has not come."""
    end = data.find(_END, begin)
    if not 0 < begin < end or data[begin : begin + 1] != b"$":
        return 0
    return end + 4 + int(data[begin + 1 : end])


class _ServerSaidError(Exception):
    """An error that the server sent; the connection is as good as before."""

    def __init__(self, said: Exception) -> None:
        super().__init__(said)
        self.said = said


class PlainConnection(_Asking, Connection):
    """Over TCP."""


class TLSConnection(_Asking, SSLConnection):
    """Over TLS."""


class LocalConnection(_Asking, UnixDomainSocketConnection):
    """Over a socket of this machine."""
