"""What the fixtures of this folder give: stores, and stores over a line that can be broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend
from tests.support.redis_proxy import Proxy

OpenStore = Callable[[BackendConfig], Backend]


@dataclass(frozen=True)
class Line:
    """One store, over a line that can be broken, and directly."""

    proxy: Proxy
    far: Backend
    near: Backend
