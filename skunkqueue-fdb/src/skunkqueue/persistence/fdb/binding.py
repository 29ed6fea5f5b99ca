"""FoundationDB's Python binding: what we use of it, loading it, and choosing the version of its API.

The binding loads a library in C, which must not be older than the binding, and starts one network thread a process. Knows
no key.
"""

from __future__ import annotations

import importlib
import re
import sys
import threading
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any, Protocol, TypeVar

from skunkqueue.errors import BackendError
from skunkqueue.turns import Exclusive

OLDEST = 710
"""The oldest version of the API that we can use."""
MODULE = "fdb"
_opening = Exclusive()
T = TypeVar("T")


class Future(Protocol):
    """Something that will be there."""

    def wait(self) -> Any:
        """Block until it is; raise the binding's error."""

    def is_ready(self) -> bool:
        """Return whether it is."""

    def cancel(self) -> None:
        """Cancel it; a thread that waits for it gets an error."""

    def on_ready(self, callback: Callable[[Any], object], /) -> None:
        """Have a function called once it is there, by the network thread."""


class Value(Future, Protocol):
    """The value of a key that will be there."""

    @property
    def value(self) -> bytes | None:
        """Block until it is there; ``None``: the key has none."""


class KeyValue(Protocol):
    """A key and its value."""

    @property
    def key(self) -> bytes:
        """The key."""

    @property
    def value(self) -> bytes:
        """Its value."""


class Range(Protocol):
    """Keys and values of a range that will be there; they are asked for at once."""

    def to_list(self) -> Sequence[KeyValue]:
        """Block until they are there."""


class Reading(Protocol):
    """Reads of one version of the store."""

    def get(self, key: bytes, /) -> Value:
        """Ask for a value."""

    def get_range(
        self,
        begin: Any,
        end: bytes,
        limit: int = 0,
        reverse: bool = False,  # noqa: FBT001, FBT002 - as the binding has it
        streaming_mode: int = -1,
    ) -> Range:
        """Ask for what is in ``begin <= key < end``; ``limit`` 0: all."""


class TransactionOptions(Protocol):
    """What may be set for a transaction."""

    def set_timeout(self, param: int, /) -> None:
        """Set the milliseconds after which all of it fails."""

    def set_read_system_keys(self) -> None:
        """Let it read the cluster's own keys, which begin with the byte 255."""


class RawTransaction(Reading, Protocol):
    """A transaction of the binding. A caller that waits for its futures must keep it."""

    @property
    def snapshot(self) -> Reading:
        """The same reads, with which no write of another transaction conflicts."""

    @property
    def options(self) -> TransactionOptions:
        """Its options."""

    def set(self, key: bytes, value: bytes, /) -> None:
        """Set a value."""

    def clear(self, key: bytes, /) -> None:
        """Remove a key."""

    def clear_range(self, begin: bytes, end: bytes, /) -> None:
        """Remove all keys in ``begin <= key < end``."""

    def add(self, key: bytes, param: bytes, /) -> None:
        """Add a little-endian number to the value, without reading it."""

    def set_versionstamped_key(self, key: bytes, param: bytes, /) -> None:
        """Set a value under a key that gets the commit's versionstamp."""

    def get_versionstamp(self) -> Future:
        """Ask for the commit's versionstamp; it is there once that has succeeded, and an error otherwise."""

    def watch(self, key: bytes, /) -> Future:
        """Once committed, be told of the next change of this key."""

    def add_read_conflict_key(self, key: bytes, /) -> None:
        """Conflict with transactions that write this key, as if it had been read."""

    def add_read_conflict_range(self, begin: bytes, end: bytes, /) -> None:
        """Conflict with transactions that write in this range."""

    def add_write_conflict_key(self, key: bytes, /) -> None:
        """Have those conflict who read this key, as if it had been written."""

    def add_write_conflict_range(self, begin: bytes, end: bytes, /) -> None:
        """Have those conflict who read in this range."""

    def get_read_version(self) -> Future:
        """Ask for the version that is read."""

    def set_read_version(self, version: int, /) -> None:
        """Read this version, known to be committed."""

    def get_committed_version(self) -> int:
        """Return the version of the commit; -1 where nothing was written."""

    def commit(self) -> Future:
        """Commit."""

    def cancel(self) -> None:
        """Give up; a thread that waits for its futures gets an error."""


class Database(Protocol):
    """An open cluster."""

    @property
    def options(self) -> Any:
        """Its options, such as a limit of time for all its transactions."""

    def create_transaction(self) -> Any:
        """Begin a ``RawTransaction``."""


class StreamingMode(Protocol):
    """How a range comes."""

    @property
    def want_all(self) -> int:
        """All of it, soon."""

    @property
    def exact(self) -> int:
        """As many as ``limit`` says, in one go."""


class Binding(Protocol):
    """The module ``fdb``, or what stands in for it in tests."""

    @property
    def LATEST_API_VERSION(self) -> int:  # noqa: N802 - the binding's name
        """The newest version of the API that it knows; bindings of 7.1 and 7.2 do not have this."""

    @property
    def FDBError(self) -> type[Exception]:  # noqa: N802 - the binding's name
        """Its errors, which have a ``code`` and a ``description``."""

    @property
    def StreamingMode(self) -> Any:  # noqa: N802 - the binding's name
        """``StreamingMode``, or an object of it."""

    @property
    def KeySelector(self) -> Any:  # noqa: N802 - the binding's name
        """A key by its place among others."""

    @property
    def options(self) -> Any:
        """Options of the network, which may be set before it starts."""

    def is_api_version_selected(self) -> bool:
        """Return whether this process has chosen a version of the API."""

    def get_api_version(self) -> int:
        """Return which."""

    def api_version(self, ver: int, /) -> None:
        """Choose one, once a process. Raises RuntimeError where the library does not know it."""

    def open(self, cluster_file: str | None = None, /) -> Any:
        """Open a ``Database`` and start the network thread, where none runs. Does not wait for the cluster."""


def load() -> Binding:
    """Import the binding. Raises BackendError where it is not installed."""
    try:
        found: Binding = importlib.import_module(MODULE)
    except ImportError as error:
        msg = (
            f"FoundationDB's Python binding is not installed ({error}): run `pip install 'skunkqueue[fdb]'`, and install"
            f" the FoundationDB client library, which is a package of the system"
        )
        raise BackendError(msg) from error
    _leave_imports_alone()
    return found


def _leave_imports_alone() -> None:
    """Take the binding's own finder of modules out of Python's: it is too old for Python, which warns at later imports."""
    for finder in tuple(sys.meta_path):
        if type(finder).__module__ == f"{MODULE}.six" and not hasattr(finder, "find_spec"):
            sys.meta_path.remove(finder)


def choose_version(binding: Binding) -> int:
    """Choose the version of the API, or take the one that the application chose; return it.

    Raises BackendError where the library is missing, or older than the binding.
    """
    # Threads may open their first stores at the same time, and it can be chosen only once.
    return _alone(lambda: _choose(binding))


def open_database(binding: Binding, cluster_file: str | None) -> Any:
    """Open a ``Database``; see ``Binding.open``, which takes a lock."""
    return _alone(lambda: binding.open(cluster_file))


def _alone(action: Callable[[], T]) -> T:
    """Run what a signal handler must not do that has interrupted its own thread at it: the handler gets an error."""
    found = _opening.run(lambda: (action(),), otherwise=None)
    if found is None:
        msg = "a signal handler cannot open a store on FoundationDB while the thread that it interrupted opens one: open it before"
        raise BackendError(msg)
    return found[0]


def _choose(binding: Binding) -> int:
    if binding.is_api_version_selected():
        chosen = binding.get_api_version()
        if chosen < OLDEST:
            msg = (
                f"this process has chosen version {chosen} of FoundationDB's API, and SkunkQueue needs {OLDEST} or later:"
                f" call fdb.api_version({OLDEST}) where your program now asks for {chosen}"
            )
            raise BackendError(msg)
        return chosen
    try:
        newest: int = getattr(binding, "LATEST_API_VERSION", OLDEST)
        binding.api_version(newest)
    except RuntimeError as error:
        raise BackendError(_unfit(str(error))) from error
    except Exception as error:
        # The binding raises a bare Exception where it finds no library, and OSError where that cannot be loaded.
        msg = (
            f"FoundationDB's client library cannot be loaded ({error}): install the package foundationdb-clients of"
            f" FoundationDB 7.1 to 7.4, or set LD_LIBRARY_PATH to the folder of libfdb_c.so"
        )
        raise BackendError(msg) from error
    return newest


def _unfit(told: str) -> str:
    """Say why binding and library do not fit together, and how they do."""
    numbers = [int(number) for number in re.findall(r"\b[5-9]\d\d\b", told)]
    if len(numbers) == 1 and numbers[0] < OLDEST:
        return (
            f"FoundationDB's Python binding {installed()} knows version {numbers[0]} of the API, and SkunkQueue needs {OLDEST}"
            f" or later: run `pip install 'foundationdb>=7.1,<7.2'`, which any client library from 7.1 on works with"
        )
    if len(numbers) < 2 or numbers[0] <= numbers[1]:
        return f"FoundationDB's Python binding {installed()} cannot be used: {told}"
    library = numbers[1]
    release = f"{library // 100}.{library // 10 % 10}"
    after = f"{library // 100}.{library // 10 % 10 + 1}"
    return (
        f"FoundationDB's Python binding {installed()} is newer than the client library of this machine, which is of"
        f" version {release}: run `pip install 'foundationdb>={release},<{after}'`"
    )


def installed() -> str:
    """Return the version of the binding; empty where it was not installed by pip."""
    try:
        return metadata.version("foundationdb")
    except metadata.PackageNotFoundError:
        return ""


def is_of_parent(binding: Binding) -> bool:
    """Return whether the network thread was the parent's, before this process was forked: then no call ever returns."""
    thread = getattr(getattr(binding, "impl", None), "_network_thread", None)
    return isinstance(thread, threading.Thread) and not thread.is_alive()
