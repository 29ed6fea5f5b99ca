"""A TCP proxy that loses and delays what passes to a Redis server and back, when a test says so.

Of the protocol it knows only how to tell a call of a script from other requests, so that a fault hits
the verb a test means and not the greeting of a new connection.
"""

from __future__ import annotations

import re
import socket
import ssl
from dataclasses import dataclass
from typing import final

from tests.support.proxy import CHUNK, Link, TcpProxy

SCRIPT_CALL = rb"\r\n(EVALSHA|EVAL|FCALL)\r\n"
"""Every verb that changes something is one call of a script."""
NOT_RUN = (b"-NOSCRIPT", b"-MOVED", b"-ASK", b"-LOADING")
"""Replies that say that the request was not done: the caller asks again, so the fault waits for that."""


@dataclass(eq=False)
class _Link(Link):
    fault: str = ""
    """What is to be done to the reply that comes next."""


@final
class Proxy(TcpProxy[_Link]):
    """Stands in front of the server on ``target``; clients connect to ``port``."""

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        self.swallowed = 0
        """Replies that were lost on purpose."""
        self.lost = 0
        """Requests that were."""
        self._swallow = self._lose = 0
        self._matching = re.compile(SCRIPT_CALL)
        self._delay = 0.0
        super().__init__(target, tls)

    # --- faults -----------------------------------------------------------------------------------

    def swallow_reply(self, n: int = 1, matching: bytes = SCRIPT_CALL) -> None:
        """Let the next ``n`` requests be done by the server, and close the connection instead of replying."""
        with self._state:
            self._swallow, self._matching = n, re.compile(matching)

    def lose_request(self, n: int = 1, matching: bytes = SCRIPT_CALL) -> None:
        """Close the connection at the next ``n`` requests instead of passing them on."""
        with self._state:
            self._lose, self._matching = n, re.compile(matching)

    def delay(self, seconds: float) -> None:
        """Deliver every reply so much later."""
        with self._state:
            self._delay = seconds

    # --- passing on -------------------------------------------------------------------------------

    def _link(self, client: socket.socket, server: socket.socket) -> _Link:
        return _Link(client, server)

    def _request(self, link: _Link) -> bool:
        data = link.request()
        if not data:
            return False
        with self._state:
            if (self._swallow or self._lose) and self._matching.search(data):
                if self._lose:
                    self._lose -= 1
                    self.lost += 1
                    return False
                link.fault = "swallow"
        link.server.sendall(data)
        return True

    def _reply(self, link: _Link) -> bool:
        data = link.server.recv(CHUNK)
        if not data:
            return False
        if link.fault == "swallow" and not data.startswith(NOT_RUN):
            link.fault = ""
            with self._state:
                swallow = self._swallow > 0
                self._swallow -= swallow
                self.swallowed += swallow
            if swallow:
                self._let_it_finish(link)
                return False
        if self._delay:
            link.closed.wait(self._delay)
        link.client.sendall(data)
        return True

    def _let_it_finish(self, link: _Link) -> None:
        # A pipeline may still be at work: the server has done all of it when it closes too.
        link.server.shutdown(socket.SHUT_WR)
        link.server.settimeout(30)
        while link.server.recv(CHUNK):
            pass
