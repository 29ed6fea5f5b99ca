"""The server process of the stand-in: ``python -m tests.support.fdb_standin.server PORT``.

One thread does all, so every commit is done as a whole. Knows sockets, watches and faults; transactions are the
business of ``keyspace``.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any, cast

import msgspec

from tests.support.fdb_standin.errors import FDBError
from tests.support.fdb_standin.faults import SILENCE, Call, Fault, Faults
from tests.support.fdb_standin.keyspace import Keyspace
from tests.support.fdb_standin.wire import Frames, framed

HOST = "127.0.0.1"
Reply = list[Any] | None
"""What to answer; ``None``: nothing."""


class Server:
    """The keys, those who watch them, and what is to go wrong."""

    def __init__(self) -> None:
        self.keys = Keyspace(lambda: time.monotonic_ns() // 1_000)
        self.keys.on_change = self._changed
        self.faults = Faults()
        self.late = 0
        """Commits that came after their failure, done or refused."""
        self._watches: dict[bytes, dict[tuple[Connection, int], bytes | None]] = defaultdict(dict)
        self._calls: dict[str, Callable[..., Reply]] = {
            "read": self.read,
            "commit": self.commit,
            "fault": self.fault,
            "clear_faults": self.clear_faults,
            "jump": self.jump,
            "statistics": self.statistics,
        }

    def answer(self, connection: Connection, message: list[Any]) -> Reply:
        """Do what a message asks for."""
        name, *arguments = message
        if name == "watch":
            return self.watch(connection, *arguments)
        if name == "unwatch":
            return self.unwatch(connection, *arguments)
        try:
            return self._calls[name](*arguments)
        except FDBError as error:
            return [error.code]

    # --- transactions -----------------------------------------------------------------------------

    def read(self, version: int, items: list[Any]) -> Reply:
        """Read keys and ranges at one version: a new one, where it is 0."""
        calls: list[Call] = [*(["version"] if not version else []), *(["read"] if items else [])]  # type: ignore[list-item]
        for call in calls:
            fault = self.faults.meet(call)
            if fault is not None:
                return [fault.code] if fault.code != SILENCE else None
        at = version or self.keys.read_version()
        found: list[Any] = []
        for item in items:
            if len(item) == 1:
                found.append(self.keys.get(item[0], at))
            elif len(item) == 3:
                found.append(self.keys.find(cast("Any", item), at))
            else:
                begin, end, limit, backwards = item
                found.append(self.keys.range(begin, end, limit, at, backwards=backwards))
        return [0, at, found]

    def commit(
        self, version: int, mutations: list[Any], points: list[bytes], ranges: list[Any], write: list[Any]
    ) -> Reply:
        """Commit, unless it is to go wrong."""

        def land() -> int:
            return self.keys.commit(version, mutations, (points, ranges), write)

        fault = self.faults.meet("commit", [one[1] for one in mutations])
        if fault is None:
            return [0, land()]
        if fault.landing == "before":
            land()
        elif fault.landing == "after":
            asyncio.get_running_loop().call_later(fault.delay, self._land_late, land)
        return [fault.code] if fault.code != SILENCE else None

    def _land_late(self, land: Callable[[], object]) -> None:
        self.late += 1
        with contextlib.suppress(FDBError):
            land()

    # --- watches ----------------------------------------------------------------------------------

    def watch(self, connection: Connection, number: int, key: bytes, seen: bytes | None) -> Reply:
        """Tell the connection once, when the key has another value than the one that was seen."""
        fault = self.faults.meet("watch", [key])
        if fault is not None:
            return [number, fault.code] if fault.code != SILENCE else None
        if self.keys.now(key) != seen:
            return [number, 0]
        self._watches[key][connection, number] = seen
        connection.watched[number] = key
        return None

    def unwatch(self, connection: Connection, number: int) -> Reply:
        """Forget a watch."""
        key = connection.watched.pop(number, None)
        if key is not None:
            self._watches[key].pop((connection, number), None)
        return None

    def forget(self, connection: Connection) -> None:
        """Forget all watches of a connection that is gone."""
        for number in list(connection.watched):
            self.unwatch(connection, number)

    def _changed(self, key: bytes, value: bytes | None) -> None:
        watching = self._watches.get(key)
        for (connection, number), seen in list(watching.items()) if watching else ():
            if seen != value:
                self.unwatch(connection, number)
                connection.send([number, 0])

    # --- what tests ask for -----------------------------------------------------------------------

    def fault(self, given: dict[str, Any]) -> Reply:
        """Have something go wrong."""
        self.faults.add(msgspec.convert(given, Fault))
        return [0]

    def clear_faults(self) -> Reply:
        """Have nothing go wrong any more; say how often something did."""
        met = self.faults.met
        self.faults.clear()
        return [0, met]

    def jump(self, versions: int) -> Reply:
        """Have versions jump."""
        self.keys.jump(versions)
        return [0]

    def statistics(self) -> Reply:
        """Count what was done."""
        counted = {
            "commits": self.keys.commits,
            "met": self.faults.met,
            "late": self.late,
            "conflicts": self.keys.conflicts,
            "reads": self.keys.reads,
            "versions": self.keys.versions,
            "watches": sum(map(len, self._watches.values())),
            "keys": sum(1 for _ in self.keys),
        }
        return [0, counted]


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, server: Server) -> None:
        self.watched: dict[int, bytes] = {}
        self._server = server
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for message in self._frames.feed(data):
            reply = self._server.answer(self, message)
            if reply is not None:
                self.send(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._server.forget(self)

    def send(self, message: list[Any]) -> None:
        """Send a message."""
        assert self._transport is not None
        self._transport.write(framed(message))


async def serve(port: int) -> None:
    """Serve until the process ends."""
    server = Server()
    listening = await asyncio.get_running_loop().create_server(lambda: Connection(server), HOST, port)
    await listening.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
