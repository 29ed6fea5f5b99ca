"""What the fixtures of this folder give: stores, closed when the test ends."""

from __future__ import annotations

from collections.abc import Callable

from skunkqueue.persistence import BackendConfig
from skunkqueue.persistence.backend import Backend

OpenStore = Callable[[BackendConfig], Backend]
