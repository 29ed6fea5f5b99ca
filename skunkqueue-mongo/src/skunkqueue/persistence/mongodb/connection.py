"""The connection to the server: one client for each process, its collections, and calls that are tried again.

Knows no firing. Every call that goes through ``run`` may be made twice, since a reply may be lost on its way. So the
second call must change nothing more.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ParamSpec, TypeVar

import pymongo
from bson.errors import BSONError
from pymongo import ReadPreference, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from skunkqueue.clock import Clock, monotonic
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.latch import Latch
from skunkqueue.persistence.mongodb.client import connect, write_concern_of
from skunkqueue.persistence.mongodb.driver_threads import DriverThreads
from skunkqueue.persistence.mongodb.errors import is_passing, translate
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.server_time import ServerTime
from skunkqueue.persistence.mongodb.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
_NOT_STORABLE = (BSONError, OverflowError)
"""What pymongo raises for values that no document can hold, or that it cannot read; no subclasses of PyMongoError."""
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 1.0
_CLOSE_TIMEOUT = 0.5
"""Seconds for which closing waits for the server at most."""

_WHOLE = 1_000_000
"""Documents in an answer at most, and 16 MB. By itself the server sends a hundred and waits to be asked for the rest."""


class Connection:
    """The collections of a store, the server's time, and ``run``."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.time = ServerTime(clock, self._ask_time)
        self.pid = os.getpid()
        self.closed = Latch()
        self._driver_threads = DriverThreads()
        self.client = connect(settings)
        options: dict[str, Any] = {
            "read_preference": ReadPreference.PRIMARY,
            "read_concern": ReadConcern("local"),
        }
        self.db = self.client.get_database(
            settings.dbname, write_concern=write_concern_of(self.client), **options
        )
        self.firings: Collection[Document] = self.db.firings
        self.routes: Collection[Document] = self.db.routes
        self.workers: Collection[Document] = self.db.workers
        self.commands: Collection[Document] = self.db.commands
        self.schedules: Collection[Document] = self.db.schedules
        self.pools: Collection[Document] = self.db.pools
        self.audit_log: Collection[Document] = self.db.audit
        self.staged: Collection[Document] = self.db.parcels
        """Staged batches; the stored name is older."""
        self.signals: Collection[Document] = self._with("bells", 1)
        """Wake-ups for those who follow this capped collection; the stored name is older."""
        self.signals_w0: Collection[Document] = self._with("bells", 0)
        self.firings_w1: Collection[Document] = self._with("firings", 1)
        """For claims: one that is lost with its server is a lease that ended, and its holder hears of that."""
        self.staged_w1: Collection[Document] = self._with("parcels", 1)
        """For removing them: one that stays after all is inserted once more, which changes nothing."""
        self.tallies: Collection[Document] = self._with("tallies", 1)
        """Counters: a count that is lost with its server is lost."""
        self.old_minutes: Collection[Document] = self._with("minutes", 1)
        """Counters of the version before."""

    def _with(self, name: str, w: int) -> Collection[Document]:
        """Return a collection whose writes wait for so many servers."""
        return self.db.get_collection(name, write_concern=WriteConcern(w=w))

    def close(self) -> None:
        """Close the client; safe to call twice."""
        self.closed.set()

        def close_client() -> None:
            # Without a server, pymongo would look for one first.
            with suppress(PyMongoError), pymongo.timeout(_CLOSE_TIMEOUT):
                self.client.close()

        self.uninterrupted(close_client)
        self._driver_threads.close()

    def uninterrupted(self, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call pymongo where no signal handler can interrupt it; every call of pymongo goes through here."""
        return self._driver_threads.run(action, *args, **kwargs)

    def run(self, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something that may be done twice, again and again while the server is away.

        Raises BackendError after ``retry_for`` seconds.
        """
        return self.run_for(self.settings.retry_for, action, *args, **kwargs)

    def run_and_report(self, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, bool]:
        """Do so, and return also whether it was tried more than once, so that an earlier try may have done it."""
        tries = itertools.count()

        def attempt() -> tuple[T, bool]:
            again = next(tries) > 0
            return action(*args, **kwargs), again

        return self.run(attempt)

    def remove(self, collection: Collection[Document], query: Document) -> int:
        """Remove documents that were found; return how many, or 1 where an earlier try may have done it."""
        done, again = self.run_and_report(collection.delete_many, query)
        return max(done.deleted_count, int(again))

    def run_for(self, patience: float, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do so, with other seconds than ``retry_for``."""
        end, pause = None, _FIRST_PAUSE
        while True:
            try:
                return self.uninterrupted(action, *args, **kwargs)
            except (PyMongoError, *_NOT_STORABLE) as error:
                if self.closed.is_set():
                    msg = f"{self.settings.shown}: this store was closed"
                    raise BackendUnavailableError(msg) from error
                now = monotonic()
                if end is None:
                    end = now + patience
                if not is_passing(error) or now + pause > end:
                    raise self.translated(error) from error
            # At random, since all processes that lost the server come back at the same moment.
            self.closed.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause = min(2 * pause, _LONGEST_PAUSE)

    def find(self, collection: Collection[Document], *args: Any, **kwargs: Any) -> list[Document]:
        """Read all documents that ``Collection.find`` finds."""
        return self.run(lambda: list(collection.find(*args, batch_size=_WHOLE, **kwargs)))

    def aggregate(
        self, collection: Collection[Document], pipeline: list[Document], **options: Any
    ) -> list[Document]:
        """Read all documents that a pipeline returns."""
        return self.run(lambda: list(collection.aggregate(pipeline, batchSize=_WHOLE, **options)))

    def try_once(self, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Do something that must not be done twice and may stay undone; return ``None`` where it failed."""
        try:
            return self.uninterrupted(action, *args, **kwargs)
        except (PyMongoError, *_NOT_STORABLE) as error:
            if not is_passing(error) and not self.closed.is_set():
                raise self.translated(error) from error
            return None

    def translated(self, error: Exception) -> Exception:
        """Make our error out of one that pymongo raised."""
        if isinstance(error, OverflowError):
            return BackendError(f"{self.settings.shown}: a number does not fit into 64 bits: {error}")
        return translate(error, self.settings.shown)

    def _ask_time(self) -> float:
        hello: Document = self.run(lambda: self.client.admin.command("hello"))
        now: float = hello["localTime"].timestamp()
        return now
