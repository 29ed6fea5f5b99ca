"""A TCP proxy on loopback that passes on, holds, cuts and refuses connections, when a test says so.

Knows bytes and connections; those that inherit know a protocol, and break what passes at its joints.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Generic, TypeVar

from typing_extensions import Self

from tests.support.server_process import HOST, free_port
from tests.support.waiting import eventually

CHUNK = 1 << 16


@dataclass(eq=False)
class Link:
    """One client's connection and its counterpart."""

    client: socket.socket
    server: socket.socket
    closed: threading.Event = field(default_factory=threading.Event)

    def close(self) -> None:
        """End both sides; the link's own thread notices and lets go of them."""
        self.closed.set()
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)

    def request(self) -> bytes:
        """Take what the client has sent; nothing where it has closed."""
        data = self.client.recv(CHUNK)
        # What TLS has read ahead is seen by no selector.
        while data and isinstance(self.client, ssl.SSLSocket) and self.client.pending():
            data += self.client.recv(CHUNK)
        return data


L = TypeVar("L", bound=Link)
P = TypeVar("P", bound="TcpProxy[Any]")


class TcpProxy(ABC, Generic[L]):
    """Stands in front of the server on ``target``; clients connect to ``port``."""

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        self.target = target
        self.port = free_port()
        self.accepted = 0
        """Connections that clients have made."""
        self._tls = tls
        self._state = threading.Condition()
        self._links: set[L] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self._frozen = False
        self.accept()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    # --- what knows the protocol --------------------------------------------------------------------

    @abstractmethod
    def _link(self, client: socket.socket, server: socket.socket) -> L:
        """Make the record of a new connection."""

    @abstractmethod
    def _request(self, link: L) -> bool:
        """Take what the client has sent and pass it on; say whether the connection goes on."""

    @abstractmethod
    def _reply(self, link: L) -> bool:
        """Take what the server has sent and pass it on; say whether the connection goes on."""

    # --- faults -------------------------------------------------------------------------------------

    def freeze(self) -> None:
        """Pass nothing on, and close nothing: a network that has gone dark."""
        with self._state:
            self._frozen = True

    def thaw(self) -> None:
        """Pass on what has been held since ``freeze``, and all that follows."""
        with self._state:
            self._frozen = False
            self._state.notify_all()

    def cut(self) -> None:
        """Close all connections that are open now."""
        links = self._close_links()
        eventually(lambda: not self._links & links, what="the connections are closed")

    def refuse(self) -> None:
        """Let nobody connect, as where no server is; connections that are open stay."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def accept(self) -> None:
        """Let clients connect (again)."""
        assert self._listener is None, "the proxy accepts connections already"
        # Only for this port: see free_port for why nobody else should have it.
        self._listener = socket.create_server((HOST, self.port), backlog=128)
        self._start(self._take, self._listener)

    def close(self) -> None:
        """Close everything and wait until it is."""
        self.refuse()
        self.thaw()
        self.cut()
        for thread in list(self._threads):
            thread.join(5)
            assert not thread.is_alive(), "a thread of the proxy hangs"

    # --- passing on ---------------------------------------------------------------------------------

    def _close_links(self) -> set[L]:
        with self._state:
            links = set(self._links)
        for link in links:
            link.close()
        with self._state:
            # Those that stand frozen look at once whether they are closed.
            self._state.notify_all()
        return links

    def _start(self, run: object, *arguments: object) -> None:
        assert callable(run)
        thread = threading.Thread(target=run, args=arguments, name="proxy", daemon=True)
        self._threads = [*(old for old in self._threads if old.is_alive()), thread]
        thread.start()

    def _take(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(client.close)
            try:
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._tls is not None:
                    client.settimeout(30)
                    client = self._tls.wrap_socket(client, server_side=True)
                    stack.callback(client.close)
                    client.settimeout(None)
                server = stack.enter_context(socket.create_connection((HOST, self.target), 5))
            except OSError:
                return
            server.settimeout(None)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = self._link(client, server)
            with self._state:
                self._links.add(link)
                # Of a connection that was on its way when it ended, ``cut`` has not known.
                refused = self._listener is None
            try:
                if refused:
                    return
                with contextlib.suppress(OSError, ValueError):
                    self._pass_on(link)
            finally:
                link.close()
                with self._state:
                    self._links.discard(link)

    def _pass_on(self, link: L) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(link.client, selectors.EVENT_READ, self._request)
            selector.register(link.server, selectors.EVENT_READ, self._reply)
            going = True
            while going and not link.closed.is_set():
                for key, _ in selector.select():
                    with self._state:
                        self._state.wait_for(lambda: not self._frozen or link.closed.is_set())
                    going = going and key.data(link)
