"""A replica set of MongoDB servers that elects within seconds, and failovers at will.

Knows how a set is made and who leads it, and nothing of what is stored.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, final

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from tests.support.mongo_server import NOTHING, Document, MongoServer, User, let_go, url_of
from tests.support.server_process import HOST
from tests.support.waiting import eventually

NAME = "rs"
PATIENCE = 60.0
SETTINGS: Mapping[str, Any] = {"electionTimeoutMillis": 1_000, "heartbeatIntervalMillis": 200}
"""A tenth of the usual: how long a primary may be silent, and how often they ask."""

NOBODY_ELSE = 262
"""The code of the error where nobody could follow a primary that is to step down."""


@final
class MongoReplicaSet:
    """So many ``members``, all equal; one alone is its own primary. Other arguments as of ``MongoServer``."""

    def __init__(
        self,
        binary: Path,
        folder: Path,
        members: int = 1,
        *,
        users: Sequence[User] = (),
        parameters: Mapping[str, str] = NOTHING,
        durable: bool = False,
    ) -> None:
        self.servers = [
            MongoServer(
                binary,
                folder / f"server{number}",
                replica_set=NAME,
                users=users,
                parameters=parameters,
                durable=durable,
            )
            for number in range(members)
        ]
        self._client: MongoClient[Document] | None = None

    def __repr__(self) -> str:
        return f"replica set on ports {', '.join(str(server.port) for server in self.servers)}"

    def url(
        self, dbname: str = "", *, user: str | None = None, password: str | None = None, **options: str
    ) -> str:
        """Make the URL of a store there; see ``MongoServer.url``."""
        login = self.servers[0].login(user, password)
        ports = [server.port for server in self.servers]
        return url_of(ports, login, dbname, {"replicaSet": NAME, **options})

    def client(self) -> MongoClient[Document]:
        """Give the test's own client of the whole set, always the same; any thread may use it."""
        if self._client is None:
            self._client = MongoClient(self.url(), serverSelectionTimeoutMS=int(PATIENCE * 1e3))
        return self._client

    def start(self) -> None:
        """Start all, make them a set, and wait until every member is in it and writes are taken."""
        for server in self.servers:
            server.start()
        members = [
            {"_id": number, "host": f"{HOST}:{server.port}"} for number, server in enumerate(self.servers)
        ]
        config = {"_id": NAME, "members": members, "settings": dict(SETTINGS)}
        with self.servers[0].connect(login=False) as nobody:
            nobody.admin.command("replSetInitiate", config)
        self.primary().furnish()
        self.whole()

    def primary(self) -> MongoServer:
        """Wait until a member leads and takes writes by a majority, and name it."""
        found = eventually(self._primary, PATIENCE, every=0.05, what=f"{self} has a primary")
        assert found is not None
        return found

    def whole(self) -> None:
        """Wait until all members that run are primary or secondary: none still copies or recovers."""
        eventually(self._whole, PATIENCE, every=0.05, what=f"all members of {self} have caught up")

    def heal(self) -> None:
        """Start those that were killed, and wait until all are in the set again and one leads."""
        for server in self.servers:
            if not server.running:
                server.start()
        self.whole()
        self.primary()

    def step_down(self, seconds: int = 5) -> MongoServer:
        """Have the primary give up, and not stand again for so long; return it, which lives on.

        ``primary`` waits for the next. In a set of one that is the same, when the seconds are over.
        """
        old = self.primary()
        # Others that gave up shortly before may not stand yet either.
        eventually(lambda: self._gave_up(old, seconds), PATIENCE, every=0.1, what=f"{old} gives up")
        return old

    def kill_primary(self) -> MongoServer:
        """Kill the primary (SIGKILL); return it, which may be started again; ``primary`` waits for the next."""
        old = self.primary()
        old.kill()
        return old

    def close(self) -> None:
        """End all processes, and let go of the test's client."""
        if self._client is not None:
            let_go(self._client)
        for server in self.servers:
            server.close()

    def _gave_up(self, old: MongoServer, seconds: int) -> bool:
        alone = len([server for server in self.servers if server.running]) == 1
        command = {
            "replSetStepDown": seconds,
            "secondaryCatchUpPeriodSecs": 0 if alone else min(1, seconds - 1),
            "force": alone,
        }
        try:
            old.client().admin.command(command)
        except OperationFailure as error:
            if error.code != NOBODY_ELSE:
                raise
            return False
        return True

    def _primary(self) -> MongoServer | None:
        found = [
            (hello["electionId"], server) for server, hello in self._hellos() if hello["isWritablePrimary"]
        ]
        if not found:
            return None
        # One that was cut off may not know yet that it leads no more: the election that came last decides.
        _, primary = max(found, key=lambda pair: bytes(pair[0].binary))
        with contextlib.suppress(PyMongoError), primary.connect(login=False, patience=2) as nobody:
            # Once per term an entry of the primary's own goes to a majority; then writes do too.
            status: Document = nobody.admin.command("hello")
            if status["isWritablePrimary"] and status["lastWrite"]["majorityOpTime"]["t"] == _term(status):
                return primary
        return None

    def _whole(self) -> bool:
        return all(
            hello.get("isWritablePrimary") or hello.get("secondary") for _, hello in self._hellos()
        ) and len(self._hellos()) == len([server for server in self.servers if server.running])

    def _hellos(self) -> list[tuple[MongoServer, Document]]:
        answers = [(server, server.hello()) for server in self.servers]
        return [(server, hello) for server, hello in answers if hello]


def _term(hello: Document) -> int:
    # The last eight bytes of the election's id are its term.
    return int.from_bytes(hello["electionId"].binary[4:], "big")
