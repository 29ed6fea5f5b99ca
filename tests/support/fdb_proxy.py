"""A TCP proxy in front of a FoundationDB server, which may make it speak another version of the protocol.

Of the protocol it knows only where a new connection says its version.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import final

from tests.support.proxy import CHUNK, Link, TcpProxy

VERSION = slice(4, 12)
"""Where the first packet on a connection says the version of the protocol, behind its own length."""


@dataclass(eq=False)
class _Link(Link):
    greeting: bytes = b""
    """What has come of the server's first packet, as long as its version has not."""


@final
class FdbProxy(TcpProxy[_Link]):
    """Stands in front of the server on ``target``; clients connect to ``port``, the server's public one."""

    def __init__(self, target: int) -> None:
        self.protocol: int | None = None
        """The version that new connections are told, where it is not the server's own."""
        super().__init__(target)

    def _link(self, client: socket.socket, server: socket.socket) -> _Link:
        return _Link(client, server)

    def _request(self, link: _Link) -> bool:
        data = link.request()
        if data:
            link.server.sendall(data)
        return bool(data)

    def _reply(self, link: _Link) -> bool:
        data = link.server.recv(CHUNK)
        if not data:
            return False
        if self.protocol is not None and len(link.greeting) < VERSION.stop:
            link.greeting += data
            if len(link.greeting) < VERSION.stop:
                return True
            said = self.protocol.to_bytes(8, "little")
            data = link.greeting[: VERSION.start] + said + link.greeting[VERSION.stop :]
        link.client.sendall(data)
        return True
