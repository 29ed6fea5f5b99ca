"""A stand-in for a sentinel that was cut off from the others: a real one cannot be kept from hearing of them."""

from __future__ import annotations

import socketserver
import threading
from types import TracebackType
from typing import final

from tests.support.server_process import HOST


@final
class SentinelStandIn:
    """Names a master for ever, and says of it what it is told to."""

    def __init__(self, master: int, *, flags: str) -> None:
        """``master``: its port; ``flags``: as ``SENTINEL MASTER`` tells them."""
        named = _array("127.0.0.1", str(master))
        about = _array("name", "mymaster", "ip", "127.0.0.1", "port", str(master), "flags", flags)

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                while head := self.rfile.readline():
                    words = [self._word() for _ in range(int(head[1:]))]
                    verb = words[1].upper() if words[0].upper() == b"SENTINEL" else b""
                    self.wfile.write(
                        {b"GET-MASTER-ADDR-BY-NAME": named, b"MASTER": about}.get(verb, b"+OK\r\n")
                    )

            def _word(self) -> bytes:
                length = int(self.rfile.readline()[1:])
                return self.rfile.read(length + 2)[:-2]

        self._server = socketserver.ThreadingTCPServer((HOST, 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def __enter__(self) -> SentinelStandIn:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _array(*words: str) -> bytes:
    parts = [f"${len(word)}\r\n{word}\r\n" for word in words]
    return f"*{len(parts)}\r\n{''.join(parts)}".encode()
