"""Script calls as bytes of the server's protocol, and running one on a connection. Tries nothing again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from redis.exceptions import NoScriptError, ResponseError
from skunkqueue.persistence.redis.nodes import AnyConnection
from skunkqueue.persistence.redis.scripts import Script

_TOUCH = b"redis.call('DEL', KEYS[1] .. 'room') redis.call('SET', KEYS[1] .. 'touched', '')"
"""A write that a server whose memory is full takes too, as it begins with a removal (``scripts/lib/room.lua``)."""


class ScriptCalls:
    """Calls of scripts on the keys of one store."""

    def __init__(self, prefix: str, replicas: int) -> None:
        key = prefix.encode()
        self._replicas = replicas
        self._tail = b"\r\n$1\r\n1\r\n$%d\r\n%b\r\n" % (len(key), key)
        # WAIT waits only for writes of its own connection. A call that is sent again may write nothing, so a write goes before.
        self._wait = b"*4\r\n$4\r\nEVAL\r\n$%d\r\n%b%b*3\r\n$4\r\nWAIT\r\n$%d\r\n%d\r\n$4\r\n2000\r\n" % (
            len(_TOUCH),
            _TOUCH,
            self._tail,
            len(str(replicas)),
            replicas,
        )

    def message(self, script: Script, values: Sequence[bytes], *, whole: bool = False) -> bytes:
        """Write the call of a script; ``whole``: with the script itself, for a server that does not know it."""
        count = len(values) + 4
        tail = self._tail + b"".join([b"$%d\r\n%b\r\n" % (len(value), value) for value in values])
        if whole:
            size = len(script.source)
            return b"*%d\r\n$4\r\nEVAL\r\n$%d\r\n%b%b" % (count, size, script.source, tail)
        return b"*%d\r\n$7\r\nEVALSHA\r\n$40\r\n%b%b" % (count, script.sha, tail)

    def run(self, connection: AnyConnection, script: Script, values: Sequence[bytes]) -> bytes:
        """Run a script; return its reply. Raises redis-py's errors."""
        reply: bytes
        try:
            connection.tell(self.message(script, values))
            reply = connection.hear()
        except NoScriptError:
            connection.tell(self.message(script, values, whole=True))
            reply = connection.hear()
        return reply

    def run_and_wait(self, connection: AnyConnection, script: Script, values: Sequence[bytes]) -> bytes:
        """Run a script, and wait until enough replicas have what it wrote; both in one request."""
        connection.tell(self.message(script, values) + self._wait)
        read = partial(connection.read_response, disable_decoding=True)
        try:
            reply: bytes = read()
        except NoScriptError:
            read(), read()
            connection.tell(self.message(script, values, whole=True) + self._wait)
            reply = read()
        read()
        reached = read()
        if reached < self._replicas:
            text = f"NOREPLICAS only {reached} of {self._replicas} replicas have it"
            raise ResponseError(text)
        return reply
