"""A database of the stand-in, and the one-call transactions that the binding's databases have."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import TypeVar

from tests.support.fdb_standin.errors import FDBError
from tests.support.fdb_standin.line import Watches, Way
from tests.support.fdb_standin.options import DatabaseOptions, Settings
from tests.support.fdb_standin.transaction import KeyValue, Transaction

T = TypeVar("T")


class Database:
    """An open database; it ends with the last who knows it."""

    def __init__(self, cluster_file: str) -> None:
        self.way = Way(cluster_file)
        self.settings = Settings()
        self.options = DatabaseOptions(self.settings)
        self._watches = Watches(self.way)
        # Not __del__: it would come after that of sockets, where all of them are found to be garbage at once.
        weakref.finalize(self, _close, self.way, self._watches, os.getpid())

    @property
    def watches(self) -> Watches:
        """All of its watches."""
        self._watches.limit = self.settings.watches
        return self._watches

    def create_transaction(self) -> Transaction:
        self.way.check_process()
        return Transaction(self)

    def run(self, change: Callable[[Transaction], T]) -> T:
        """Do something in a transaction, again and again until it commits."""
        transaction = self.create_transaction()
        while True:
            try:
                found = change(transaction)
                transaction.commit().wait()
            except FDBError as error:
                transaction.on_error(error).wait()
            else:
                return found

    def get(self, key: bytes) -> bytes | None:
        return self.run(lambda transaction: transaction.get(key).value)

    def get_range(self, begin: bytes, end: bytes, limit: int = 0) -> list[KeyValue]:
        return self.run(lambda transaction: transaction.get_range(begin, end, limit).to_list())

    def set(self, key: bytes, value: bytes) -> None:
        self.run(lambda transaction: transaction.set(key, value))

    def clear_range(self, begin: bytes, end: bytes) -> None:
        self.run(lambda transaction: transaction.clear_range(begin, end))

    def __getitem__(self, key: bytes) -> bytes | None:
        return self.get(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.set(key, value)


def _close(way: Way, watches: Watches, pid: int) -> None:
    # A forked child has copies of all this, and nothing of it to end.
    if pid == os.getpid():
        watches.close()
        way.close()
