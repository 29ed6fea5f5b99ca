"""The way to the server: one client for each process, calls that are tried again, and the server's time.

Knows no firing. Every call that comes through here may be made twice, since a reply may be lost on its way;
whoever writes one sees to it that the second does nothing more.
"""

from __future__ import annotations

import itertools
import os
import random
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any, ParamSpec, TypeVar

import pymongo
from bson.errors import BSONError
from pymongo import MongoClient, ReadPreference, WriteConcern
from pymongo.collection import Collection
from pymongo.errors import ConfigurationError, InvalidName, InvalidURI, PyMongoError
from pymongo.read_concern import ReadConcern

from skunkqueue.clock import Clock, SystemClock, monotonic
from skunkqueue.errors import BackendError, BackendUnavailableError, ConfigError
from skunkqueue.latch import Latch
from skunkqueue.persistence.mongodb.calls import Calls
from skunkqueue.persistence.mongodb.errors import is_passing, translate
from skunkqueue.persistence.mongodb.moments import Moment
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")

_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 1.0
_SELECTION = 2.0
"""Seconds for which pymongo itself looks for a server at most, before it is asked again."""
_GOODBYE = 0.5
_STRAY = 0.1
"""Seconds by which the clocks of this machine may differ in what has passed before the server is asked again."""
_ANEW = 30.0
"""Seconds after which the server's time is asked for anew, rather than reckoned."""


class Link:
    """An open store as its verbs see it: collections, time, and ``run``."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.is_virtual = not isinstance(clock, SystemClock)
        self.pid = os.getpid()
        self.closed = Latch()
        self._calls = Calls()
        self.client = _connect(settings)
        options: dict[str, Any] = {
            "read_preference": ReadPreference.PRIMARY,
            "read_concern": ReadConcern("local"),
        }
        accepted = self.client.write_concern
        # Where the URL names none it is the server's own default, which is for those to choose who run it. Of one
        # that says less than all (``journal=true``) the server would make w=1, whatever its default.
        if accepted.document and accepted.document.get("w", "majority") == "majority":
            accepted = WriteConcern(**{"w": "majority", "wtimeout": 10_000, **accepted.document})
        self.db = self.client.get_database(settings.dbname, write_concern=accepted, **options)
        self.firings: Collection[Document] = self.db.firings
        self.routes: Collection[Document] = self.db.routes
        self.workers: Collection[Document] = self.db.workers
        self.commands: Collection[Document] = self.db.commands
        self.schedules: Collection[Document] = self.db.schedules
        self.parcels: Collection[Document] = self.db.parcels
        self.pools: Collection[Document] = self.db.pools
        self.audit_log: Collection[Document] = self.db.audit
        one = WriteConcern(w=1)
        # A claim that is lost with a server is a lease that ended: its holder is told so.
        self.lent: Collection[Document] = self.db.get_collection("firings", write_concern=one)
        # A count that is lost with a server is lost.
        self.tallies: Collection[Document] = self.db.get_collection("tallies", write_concern=one)
        self.minutes: Collection[Document] = self.db.get_collection("minutes", write_concern=one)
        """Counters of the version before."""
        self.spent: Collection[Document] = self.db.get_collection("parcels", write_concern=one)
        self.rings: Collection[Document] = self.db.get_collection("bells", write_concern=WriteConcern(w=0))
        self.bells: Collection[Document] = self.db.get_collection("bells", write_concern=one)
        self._offset: float | None = None
        self._learnt = self._learnt_by_day = 0.0

    def close(self) -> None:
        """Let go of the server; safe to call twice."""
        self.closed.set()

        def say_goodbye() -> None:
            # With the server gone, pymongo would look for it once more.
            with suppress(PyMongoError), pymongo.timeout(_GOODBYE):
                self.client.close()

        self.aside(say_goodbye)
        self._calls.close()

    @property
    def moment(self) -> Moment:
        """Now, by the clock that judges: for use within updates and pipelines."""
        return Moment(self.clock.now() if self.is_virtual else None)

    def now(self) -> float:
        """Ask the server for its time."""
        if self.is_virtual:
            return self.clock.now()
        hello: Document = self.run(lambda: self.client.admin.command("hello"))
        now: float = hello["localTime"].timestamp()
        self.learn(now)
        return now

    def learn(self, now: float) -> None:
        """Take in what the server's clock showed a moment ago."""
        self._learnt, self._learnt_by_day = monotonic(), time.time()
        self._offset = now - self._learnt

    def about_now(self) -> float:
        """Reckon the server's time, good to some milliseconds; costs nothing while it was heard of lately."""
        if self.is_virtual:
            return self.clock.now()
        passed = monotonic()
        since = passed - self._learnt
        # A machine that slept has not counted that; then its other clock has gone on.
        slept = abs(time.time() - self._learnt_by_day - since) > _STRAY
        if self._offset is None or since > _ANEW or slept:
            return self.now()
        return passed + self._offset

    def date(self, past: float = 0.0) -> datetime:
        """Reckon the server's time, less so many seconds, as a date to compare with those of documents."""
        return datetime.fromtimestamp(self.about_now() - past, timezone.utc)

    def aside(self, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something with pymongo where no signal handler can interrupt it; every call of it goes this way."""
        return self._calls.run(action, *args, **kwargs)

    def run(self, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something that may be done twice, again and again while the server is away.

        Raises BackendError, after ``retry_for`` seconds of trying.
        """
        return self.run_for(self.settings.retry_for, action, *args, **kwargs)

    def run_and_tell(self, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> tuple[T, bool]:
        """Do so, and say whether it was tried again, and may have been done before."""
        tries = itertools.count()

        def attempt() -> tuple[T, bool]:
            again = next(tries) > 0
            return action(*args, **kwargs), again

        return self.run(attempt)

    def run_for(self, patience: float, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do so with another patience, in seconds."""
        end, pause = None, _FIRST_PAUSE
        while True:
            try:
                return self.aside(action, *args, **kwargs)
            except (PyMongoError, BSONError, OverflowError) as error:
                if self.closed.is_set():
                    msg = f"{self.settings.shown}: this store was closed"
                    raise BackendUnavailableError(msg) from error
                now = monotonic()
                if end is None:
                    end = now + patience
                if not is_passing(error) or now + pause > end:
                    raise self.translated(error) from error
            # Spread out, since all who lost the server come back at the same moment.
            self.closed.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause = min(2 * pause, _LONGEST_PAUSE)

    def find(self, collection: Collection[Document], *args: Any, **kwargs: Any) -> list[Document]:
        """Read all documents that ``Collection.find`` finds."""
        return self.run(lambda: list(collection.find(*args, **kwargs)))

    def aggregate(self, collection: Collection[Document], pipeline: list[Document]) -> list[Document]:
        """Read all that a pipeline gives."""
        return self.run(lambda: list(collection.aggregate(pipeline)))

    def try_once(self, action: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Do something that must not be done twice and may be left undone; ``None`` where it was."""
        try:
            return self.aside(action, *args, **kwargs)
        except PyMongoError as error:
            if not is_passing(error) and not self.closed.is_set():
                raise self.translated(error) from error
            return None

    def translated(self, error: Exception) -> Exception:
        """Make our error out of one that pymongo raised."""
        if isinstance(error, OverflowError):
            return BackendError(f"{self.settings.shown}: a number does not fit into 64 bits: {error}")
        return translate(error, self.settings.shown)


def _connect(settings: Settings) -> MongoClient[Document]:
    seconds = {
        "serverSelectionTimeoutMS": min(_SELECTION, settings.connect_timeout or _SELECTION),
        "connectTimeoutMS": settings.connect_timeout,
        "socketTimeoutMS": settings.socket_timeout,
    }
    options: dict[str, Any] = {name: int(1_000 * value) or None for name, value in seconds.items()}
    if "retrywrites=" not in settings.uri.rpartition("?")[2].lower():
        # ``run`` tries again, and every call may be done twice. With pymongo's own retries a replica set would remember
        # each write by writing once more, which is a quarter of what a firing costs there.
        options["retryWrites"] = False
    try:
        with warnings.catch_warnings():
            # pymongo warns of options that it does not know, and goes on without them.
            warnings.simplefilter("error", UserWarning)
            return MongoClient(
                settings.uri,
                appname="skunkqueue",
                tz_aware=True,
                **options,
            )
    except (ConfigurationError, InvalidURI, InvalidName, UserWarning, ValueError, TypeError) as error:
        msg = f"the URL {settings.shown!r} or its options make no sense to pymongo: {error}"
        raise ConfigError(msg) from error
