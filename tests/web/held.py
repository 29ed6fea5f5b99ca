"""Operations that stay under way for as long as a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from skunkqueue.bulk import Bulk
from skunkqueue.control import Control
from skunkqueue.listings import Query, Row
from skunkqueue.persistence import Backend
from skunkqueue.web.operations import Operations
from tests.support.waiting import PATIENCE
from tests.web.firings import firing


class Held:
    """An operation that waits at its first page until it is let go on."""

    def __init__(self, store: Backend, count: int) -> None:
        store.enqueue([firing() for _ in range(count)])
        self.at_page = threading.Event()
        self.go_on = threading.Event()
        self.bulk = Bulk(Control(store, "ann"), "kill", Query(), keep=self._keep)

    def _keep(self, rows: Sequence[Row]) -> Sequence[Row]:
        self.at_page.set()
        assert self.go_on.wait(PATIENCE)
        return rows

    def begun(self, known: Operations) -> str:
        """Start it, and wait until it is at its first page; return its id."""
        id_ = known.start(self.bulk, "ann", "Kill all").id
        assert self.at_page.wait(PATIENCE)
        return id_


Hold = Callable[[int], Held]
