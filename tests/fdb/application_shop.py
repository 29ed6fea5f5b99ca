"""An application that has its data beside the store, on the stand-in or on a real server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from skunkqueue.contract.makers import (
    LEASE,
    QUEUE,
    ROUTE,
    WORKER,
    ids,
)
from skunkqueue.persistence.fdb.backend import FdbBackend
from tests.fdb.bindings import Bound


class Shop(NamedTuple):
    """An application that has its data beside the store."""

    store: FdbBackend
    bound: Bound

    def retried(self, work: Callable[[Any], object]) -> Any:
        """Do something in a transaction as ``@fdb.transactional`` does; return the transaction."""
        tr = self.bound.begin()
        for _ in range(10):
            try:
                work(tr)
                tr.commit().wait()
            except self.bound.binding.FDBError as error:
                tr.on_error(error).wait()
            else:
                return tr
        pytest.fail("the transaction does not come to an end")

    def lent(self, limit: int = 100) -> list[str]:
        return ids(self.store.claim(QUEUE, ROUTE, WORKER, limit, LEASE))
