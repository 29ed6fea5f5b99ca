"""What the monitor counts of itself."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from typing import cast

from flask import Flask, Response, current_app, g, request

KEY = "skunkqueue.own_metrics"


class Requests:
    """Requests by endpoint and kind of answer, and the seconds that they took."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def add(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one."""
        with self._lock:
            self._counts[endpoint, f"{status // 100}xx"] += 1
            self._seconds[endpoint] += seconds

    def read(self) -> tuple[dict[tuple[str, str], int], dict[str, float]]:
        """Return the counts, and the seconds by endpoint."""
        with self._lock:
            return dict(self._counts), dict(self._seconds)


def install(app: Flask) -> None:
    """Count the requests of an app."""
    app.extensions[KEY] = Requests()
    app.before_request(_begin)
    app.after_request(_end)


def requests() -> Requests:
    """Return the counts of the app that serves this request."""
    return cast("Requests", current_app.extensions[KEY])


def _begin() -> None:
    g.begun = time.perf_counter()


def _end(response: Response) -> Response:
    begun = g.get("begun")
    if begun is not None:
        # Only endpoints that exist, so that requests cannot make the list grow.
        requests().add(request.endpoint or "none", response.status_code, time.perf_counter() - begun)
    return response
