"""A TCP proxy on loopback that loses, delays and breaks what passes through it, when a test says so.

Knows bytes and connections. Of the protocol it knows only how to tell a call of a script from other
requests, so that a fault hits the verb a test means and not the greeting of a new connection.
"""

from __future__ import annotations

import contextlib
import re
import selectors
import socket
import ssl
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import final

from tests.support.server_process import HOST, free_port
from tests.support.waiting import eventually

SCRIPT_CALL = rb"\r\n(EVALSHA|EVAL|FCALL)\r\n"
"""Every verb that changes something is one call of a script."""
NOT_RUN = (b"-NOSCRIPT", b"-MOVED", b"-ASK", b"-LOADING")
"""Replies that say that the request was not done: the caller asks again, so the fault waits for that."""
CHUNK = 1 << 16


@dataclass(eq=False)
class _Link:
    """One client's connection and its counterpart."""

    client: socket.socket
    server: socket.socket
    closed: threading.Event = field(default_factory=threading.Event)
    fault: str = ""
    """What is to be done to the reply that comes next."""

    def close(self) -> None:
        """End both sides; the link's own thread notices and lets go of them."""
        self.closed.set()
        for side in (self.client, self.server):
            with contextlib.suppress(OSError):
                side.shutdown(socket.SHUT_RDWR)


@final
class Proxy:
    """Stands in front of the server on ``target``; clients connect to ``port``."""

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        self.target = target
        self.port = free_port()
        self.swallowed = 0
        """Replies that were lost on purpose."""
        self.lost = 0
        """Requests that were."""
        self.accepted = 0
        """Connections that clients have made."""
        self._tls = tls
        self._state = threading.Condition()
        self._links: set[_Link] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket | None = None
        self._swallow = self._lose = 0
        self._matching = re.compile(SCRIPT_CALL)
        self._delay = 0.0
        self._frozen = False
        self.accept()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

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
        with self._state:
            links = list(self._links)
        for link in links:
            link.close()
        with self._state:
            # Those that stand frozen look at once whether they are closed.
            self._state.notify_all()
        eventually(lambda: not self._links & set(links), what="the connections are closed")

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

    # --- passing on -------------------------------------------------------------------------------

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
                    client.settimeout(5)
                    client = self._tls.wrap_socket(client, server_side=True)
                    stack.callback(client.close)
                    client.settimeout(None)
                server = stack.enter_context(socket.create_connection((HOST, self.target), 5))
            except OSError:
                return
            server.settimeout(None)
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(client, server)
            with self._state:
                self._links.add(link)
            try:
                with contextlib.suppress(OSError, ValueError):
                    self._pass_on(link)
            finally:
                link.close()
                with self._state:
                    self._links.discard(link)

    def _pass_on(self, link: _Link) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(link.client, selectors.EVENT_READ, self._request)
            selector.register(link.server, selectors.EVENT_READ, self._reply)
            going = True
            while going and not link.closed.is_set():
                for key, _ in selector.select():
                    with self._state:
                        self._state.wait_for(lambda: not self._frozen or link.closed.is_set())
                    going = going and key.data(link)

    def _request(self, link: _Link) -> bool:
        data = link.client.recv(CHUNK)
        # What TLS has read ahead is seen by no selector.
        while data and isinstance(link.client, ssl.SSLSocket) and link.client.pending():
            data += link.client.recv(CHUNK)
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
        link.server.settimeout(5)
        while link.server.recv(CHUNK):
            pass
