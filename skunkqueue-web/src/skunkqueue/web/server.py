"""Serve the app with waitress: one process, so that one reader of the store answers all viewers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import waitress

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

THREADS = 32
"""Requests that are served at once; a page that listens for events keeps one busy."""


def serve(app: WSGIApplication, host: str, port: int) -> None:
    """Serve until interrupted."""
    # A browser that has gone is noticed while its events are still being sent.
    waitress.serve(app, host=host, port=port, threads=THREADS, channel_request_lookahead=1, ident=None)
