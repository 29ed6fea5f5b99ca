"""The monitor, served by the real server on a free port of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from skunkqueue.web.server import Server


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an app; give its address."""
    server = Server(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run, name="web server", daemon=True)
    thread.start()
    try:
        yield server.address.url
    finally:
        server.close()
        thread.join(10)
        assert not thread.is_alive(), "the server goes on after it was closed"
