"""Serve the app with waitress: one process, so that one reader of the store answers all viewers."""

from __future__ import annotations

import errno
import logging
import signal
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

from waitress.server import create_server
from waitress.task import ThreadedTaskDispatcher
from waitress.wasyncore import close_all

from skunkqueue.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 24
"""Requests that are served at once; a page that listens for events keeps one busy."""
CONNECTIONS = 512
LARGEST_HEAD = 32_768
LARGEST_BODY = 1_048_576
"""The most bytes that the server takes; the app refuses smaller requests that are too large, with a message."""
IDLE = 120
"""Seconds after which a connection is closed that sends and takes nothing."""
PATIENCE = 0.5
"""Seconds that answers under way have to be finished in when the server ends; streams of events never are."""


_ENDING = logging.getLogger("waitress.ending")
_ENDING.setLevel(logging.ERROR)


class Address(NamedTuple):
    """Where the server listens."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address for a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - shown, not bound to
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


class _Dispatcher(ThreadedTaskDispatcher):
    """Threads that are not waited for long."""

    def shutdown(self, cancel_pending: bool = True, timeout: float = PATIENCE) -> bool:  # noqa: FBT001, FBT002 - waitress' signature
        """End the threads; those that are busy end with the process, which nobody need be warned of."""
        self.logger = _ENDING
        shortest: Any = min(timeout, PATIENCE)
        return bool(super().shutdown(cancel_pending, shortest))


class Server:
    """An app at its address."""

    def __init__(self, app: WSGIApplication, host: str, port: int) -> None:
        """Listen. Raises ConfigError where that cannot be done."""
        self._sockets = listen(host, port)
        self.address = Address(host, self._sockets[0].getsockname()[1])
        # It logs a warning whenever a request waits for a thread.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        dispatcher = _Dispatcher()
        dispatcher.set_thread_count(THREADS)
        # Its type leaves open how many sockets it has.
        self._server: Any = create_server(
            app,
            _dispatcher=dispatcher,
            sockets=self._sockets,
            threads=THREADS,
            connection_limit=CONNECTIONS,
            channel_timeout=IDLE,
            # A browser that has gone is noticed while its events are still being sent.
            channel_request_lookahead=1,
            max_request_header_size=LARGEST_HEAD,
            max_request_body_size=LARGEST_BODY,
            # The app drops them itself, where no proxy is named.
            clear_untrusted_proxy_headers=False,
            asyncore_use_poll=True,
            expose_tracebacks=False,
            ident=None,
        )
        self._dispatcher = dispatcher

    def run(self) -> None:
        """Serve until ``close``, or until KeyboardInterrupt is raised in this thread."""
        self._server.run()

    def close(self) -> None:
        """End: refuse new requests, and give those under way a moment."""
        self._server.pull_trigger()
        self._server.close()
        self._dispatcher.shutdown()
        # Browsers keep connections open that they may need; a thread in ``run`` would wait for each to end.
        close_all(self._server._map, ignore_all=True)  # noqa: SLF001 - the loop's own list; waitress names no other
        for each in self._sockets:
            each.close()


def serve(server: Server, about_to_end: Callable[[], object]) -> int:
    """Serve until a signal ends it; return the signal. Only for the main thread.

    ``about_to_end`` is called first, to end what would never end by itself.
    """
    heard: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        # A second one ends the process as it would end any.
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)
        heard.append(number)
        about_to_end()
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    with suppress(KeyboardInterrupt):
        server.run()
    server.close()
    return heard[0] if heard else 0


def listen(host: str, port: int) -> Sequence[socket.socket]:
    """Open the sockets of an address, all that its name stands for. Raises ConfigError."""
    sockets: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, protocol, _, address in dict.fromkeys(found):
            one = socket.socket(family, kind, protocol)
            sockets.append(one)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Where any port is fine, all have the one that the first was given.
            one.bind((address[0], sockets[0].getsockname()[1] or port, *address[2:]))
            one.listen(1_024)
    except OSError as error:
        for one in sockets:
            one.close()
        raise ConfigError(_explain(error, host, port)) from error
    return sockets


def _explain(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"no machine is known by the name {host!r}: give --host an address of this machine, such as 127.0.0.1"
    told = {
        errno.EADDRINUSE: f"port {port} of {host} is taken, perhaps by another `skunq web`: end that, or choose"
        f" another by --port",
        errno.EACCES: f"this user may not listen on port {port}: choose one from 1024 on by --port",
        errno.EADDRNOTAVAIL: f"{host} is not an address of this machine: give --host one that is, or 127.0.0.1",
    }
    return told.get(error.errno or 0, f"cannot listen on port {port} of {host}: {error.strerror}")
