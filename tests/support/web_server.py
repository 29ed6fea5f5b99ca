"""The monitor, served by the real server on a free port of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from waitress.server import create_server


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve an app; give its address."""
    # One address, so one socket; the type also allows for several.
    server: Any = create_server(app, host="127.0.0.1", port=0, threads=32, channel_request_lookahead=1)
    thread = threading.Thread(target=server.run, name="web server", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        thread.join(30)
