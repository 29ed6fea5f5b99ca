"""An open store as one process holds it: the connection, the wake-ups, the deferred writes, and what it remembers.

Every verb is a function that takes one of these. Knows no verb.
"""

from __future__ import annotations

import itertools
import secrets

from skunkqueue.clock import Clock
from skunkqueue.persistence.mongodb.connection import Connection
from skunkqueue.persistence.mongodb.count_writer import CountWriter
from skunkqueue.persistence.mongodb.deferred import Deferred
from skunkqueue.persistence.mongodb.opening import Server, prepared
from skunkqueue.persistence.mongodb.settings import Settings
from skunkqueue.persistence.mongodb.wakeups import Wakeups

LONG_AGO = -1e9
"""Before anything that a monotonic clock can show."""


class Store(Connection):
    """A connection, and the state that all verbs of one process share. Nothing of it survives a fork."""

    def __init__(
        self, settings: Settings, clock: Clock, server: Server | None = None, *, create: bool = True
    ) -> None:
        """Connect, and check the server and the store, unless ``server`` says that this was done before a fork."""
        super().__init__(settings, clock)
        try:
            self.server = prepared(self, create=create) if server is None else server
        except BaseException:
            super().close()
            raise
        self.wakeups = Wakeups(self, streams=self.server.kind == "set")
        self.count_writer = CountWriter(self)
        self.deferred = Deferred(self, self.wakeups.send, self.count_writer.write)
        self.leases: dict[str, tuple[str, str, float]] = {}
        """Of firings claimed here: queue and route, and when the lease ends, by the monotonic clock."""
        self.settled: dict[tuple[str, int], bool] = {}
        """Outcomes, by firing and token, that a call has settled before it failed: a call that settles them again succeeds."""
        self.listed_routes: dict[tuple[str, str], float] = {}
        """When a route was last seen listed, by the monotonic clock."""
        self.sampled_minute = -1
        """The minute of which samples are known to be taken."""
        self.packed_until = -1
        """Up to which hour those of all routes are known to be packed."""
        self.recovered_at = LONG_AGO
        """When this process last looked for what others left half done, by the monotonic clock."""
        self._nonces = map(f"{secrets.token_hex(5)}{{:x}}".format, itertools.count())

    def nonce(self) -> str:
        """Make a word that marks what one call changes, so that the call finds its own changes after a lost reply."""
        return next(self._nonces)

    def close(self) -> None:
        """Write what was deferred, end blocked waits, and close the connection."""
        self.deferred.close()
        self.closed.set()
        self.wakeups.close()
        super().close()
