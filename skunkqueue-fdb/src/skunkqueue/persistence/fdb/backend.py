"""The verbs of the hot path over FoundationDB: each is one transaction, by the module that is named as its area."""

from __future__ import annotations

from skunkqueue.persistence.fdb.base import StoreBackend


class FdbBackend(StoreBackend):
    """A store in a FoundationDB cluster, for any number of processes on any number of machines."""
