"""The binding and its stand-in, so that tests may be told to use either; each test has keys of its own."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from skunkqueue.persistence.fdb.backend import FdbBackend
from tests.support.fdb_server import FdbServer, find_fdbserver
from tests.support.fdb_standin import binding as stand_in_binding
from tests.support.fdb_standin.process import StandInServer

API = 710


@dataclass(frozen=True)
class Bound:
    """A binding, and a database of it."""

    binding: Any
    database: Any
    cluster_file: Path
    prefix: bytes

    def key(self, name: str = "") -> bytes:
        """Make a key of this test."""
        return self.prefix + name.encode()

    def names(self, pairs: Any) -> list[tuple[str, bytes]]:
        """Give keys as this test names them, and their values."""
        return [(pair.key.removeprefix(self.prefix).decode(), pair.value) for pair in pairs]

    def begin(self) -> Any:
        """Begin a transaction that does not wait for ever."""
        transaction = self.database.create_transaction()
        transaction.options.set_timeout(20_000)
        return transaction

    def put(self, **values: bytes) -> None:
        """Commit some values."""
        transaction = self.begin()
        for name, value in values.items():
            transaction.set(self.key(name), value)
        transaction.commit().wait()

    def all(self) -> list[tuple[str, bytes]]:
        """Read all keys of this test."""
        return self.names(self.begin().get_range_startswith(self.prefix).to_list())

    def refusal(self, call: Callable[[], object]) -> int:
        """Give the code of the error that a call raises; 0 where it raises none."""
        try:
            call()
        except self.binding.FDBError as error:
            code: int = error.code
            return code
        return 0


class Either(NamedTuple):
    """A store on the stand-in or on a real server: how it is opened, and where it is."""

    kind: type[FdbBackend]
    url: str


def chosen(binding: Any) -> Any:
    """Have a binding ready, with the version of its interface that somebody has chosen before, or with ours."""
    if not binding.is_api_version_selected():
        binding.api_version(API)
    return binding


def fdb_binding() -> Any:
    """Import the binding; skip loudly where it, or the server that it is for, is not to be had."""
    find_fdbserver()
    return chosen(importlib.import_module("fdb"))


def of_fdb(server: FdbServer, name: str) -> Bound:
    """Use the binding itself, on a real server."""
    binding = fdb_binding()
    file = server.cluster_file
    return Bound(binding, binding.open(str(file)), file, f"{name}/".encode())


def of_stand_in(server: StandInServer, name: str) -> Bound:
    """Use the stand-in."""
    binding = chosen(stand_in_binding)
    file = server.cluster_file
    return Bound(binding, binding.open(str(file)), file, f"{name}/".encode())


__all__ = ["Bound", "Either", "fdb_binding", "of_fdb", "of_stand_in"]
