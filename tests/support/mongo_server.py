"""One MongoDB server, as a test wants it: standalone or a member of a replica set, with users, with parameters.

Knows the server's options and how to ask it things; knows nothing of queues.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final
from urllib.parse import quote, urlencode

import pymongo
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from tests.support.folders import memory
from tests.support.server_process import HOST, ServerProcess

Document = dict[str, Any]

PARAMETERS: Mapping[str, str] = {
    "diagnosticDataCollectionEnabled": "false",
    # It deletes by the real clock, and many tests have a clock of their own.
    "ttlMonitorEnabled": "false",
    # A primary that is told to end lingers for its clients.
    "shutdownTimeoutMillisForSignaledShutdown": "100",
    # Instead of as often as seconds go by, for tests that wait until a secondary has something.
    "logicalSessionRefreshMillis": "3600000",
    # A member of a set keeps the files of what was dropped for five minutes otherwise, and so many tests drop theirs
    # that it came to hold 20,000 of them, and died.
    "minSnapshotHistoryWindowInSeconds": "0",
}
NOTHING: Mapping[str, str] = {}
KEY = "c2t1bmtxdWV1ZQ=="
"""What members of a replica set with users show one another."""


@dataclass(frozen=True)
class User:
    """Someone who may log in; ``roles`` as in ``createUser``: names, or documents with ``role`` and ``db``."""

    name: str
    password: str
    roles: Sequence[str | Mapping[str, str]] = ()
    database: str = "admin"
    """Where the user lives: what a client calls ``authSource``."""


ADMIN = User("admin", "p@ss/w:rd", ["root"])


@final
class MongoServer(ServerProcess):
    """A server with a folder of its own; see ``url`` for how to reach it.

    With ``users`` one must log in; ``ADMIN`` may do everything and is who the test itself comes as.
    ``parameters`` are those of ``--setParameter``. What was written with ``j`` outlives SIGKILL in any
    case (other writes do so after 100 ms); a server that is ``durable`` has it on a disk, as a real one would. ``replica_set`` names the set that it waits
    to be taken into (see ``MongoReplicaSet``).
    """

    port_taken = "address already in use"

    def __init__(
        self,
        binary: Path,
        folder: Path,
        *,
        replica_set: str = "",
        users: Sequence[User] = (),
        parameters: Mapping[str, str] = NOTHING,
        durable: bool = False,
    ) -> None:
        super().__init__(folder)
        self.binary = binary
        self.replica_set = replica_set
        self.users = users
        self.parameters = {**PARAMETERS, **parameters}
        """Read at each start."""
        self._furnished = False
        self._began = 0
        self._client: MongoClient[Document] | None = None
        # Deleted at the end in both cases: an empty server has 20 MB, and pytest keeps its folders.
        self.scratch = Path(tempfile.mkdtemp(prefix="data-", dir=None if durable else memory() or folder))

    def __repr__(self) -> str:
        return f"mongod on port {self.port}"

    def url(
        self,
        dbname: str = "",
        *,
        user: str | None = None,
        password: str | None = None,
        port: int = 0,
        **options: str,
    ) -> str:
        """Make the URL of a store there, for the admin unless another ``user`` is named ("" for nobody).

        ``port`` is that of a proxy; a client that comes through one must not look for the server behind it.
        """
        if port:
            options.setdefault("directConnection", "true")
        elif self.replica_set and "directConnection" not in options:
            options.setdefault("replicaSet", self.replica_set)
        return url_of([port or self.port], self.login(user, password), dbname, options)

    def login(self, user: str | None = None, password: str | None = None) -> str:
        """Write the part of a URL that says who comes: the admin unless another is named."""
        if user is None:
            user, secret = (ADMIN.name, ADMIN.password) if self.users else ("", "")
        else:
            secret = next((known.password for known in self.users if known.name == user), "")
        if not user:
            return ""
        return f"{quote(user, safe='')}:{quote(secret if password is None else password, safe='')}@"

    def client(self) -> MongoClient[Document]:
        """Give the test's own client of this one server, always the same; any thread may use it."""
        if self._client is None:
            self._client = self.connect()
        return self._client

    def connect(self, *, login: bool = True, patience: float = 60.0) -> MongoClient[Document]:
        """Make a client of this one server, for the caller to close."""
        milliseconds = int(patience * 1e3)
        return MongoClient(
            url_of([self.port], self.login(None if login else ""), "", {"directConnection": "true"}),
            serverSelectionTimeoutMS=milliseconds,
            connectTimeoutMS=milliseconds,
            # One that stands still keeps nobody waiting for longer.
            socketTimeoutMS=milliseconds,
        )

    def command(self) -> list[str]:
        """Remember where the log ends, so that ``answers`` reads what this process says."""
        self._began = self.log.stat().st_size if self.log.exists() else 0
        line = [
            str(self.binary),
            *("--dbpath", str(self.scratch)),
            *("--bind_ip", HOST),
            *("--port", str(self.port)),
            "--nounixsocket",
            "--quiet",
            *("--wiredTigerCacheSizeGB", "0.25"),
            # 300 MB are laid out ahead otherwise.
            *("--wiredTigerEngineConfigString", "log=(file_max=16MB,prealloc=false)"),
            *(
                word
                for name, value in self.parameters.items()
                for word in ("--setParameter", f"{name}={value}")
            ),
        ]
        if self.replica_set:
            line += ["--replSet", self.replica_set, "--oplogSize", "256"]
        if self.users:
            line += ["--auth", *(["--keyFile", str(self._key())] if self.replica_set else [])]
        return line

    def start(self, *, wait: bool = True) -> None:
        """Start it; the first time, make its users."""
        super().start(wait=wait)
        if wait and not self.replica_set:
            self.furnish()

    def furnish(self) -> None:
        """Make the users where that has not been done; a replica set's primary does it for all."""
        if self._furnished or not self.users:
            return
        # While no user exists, any connection from this machine may make the first.
        with self.connect(login=False) as nobody:
            _create(nobody, ADMIN)
        for user in self.users:
            _create(self.client(), user)
        self._furnished = True

    def answers(self) -> bool:
        """Read in the log that this very process listens, for a stranger on the port would answer too."""
        with self.log.open("rb") as log:
            log.seek(self._began)
            return b'"Waiting for connections"' in log.read()

    def hello(self) -> Document:
        """Ask what it takes itself for; nothing where it does not answer."""
        if self.running:
            with contextlib.suppress(PyMongoError), self.connect(login=False, patience=0.5) as client:
                return client.admin.command("hello")
        return {}

    def close(self) -> None:
        """End it, forget its data, and let go of the test's client."""
        if self._client is not None:
            let_go(self._client)
        # In good order it would write down first what is to be deleted.
        self.kill()
        super().close()

    def _key(self) -> Path:
        path = self.folder / "key"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(KEY, encoding="ascii")
        return path


def url_of(ports: Sequence[int], login: str, dbname: str, options: Mapping[str, str]) -> str:
    """Make the URL of a store on one server or several."""
    hosts = ",".join(f"{HOST}:{port}" for port in ports)
    query = urlencode({**({"dbname": dbname} if dbname else {}), **options})
    return f"mongodb://{login}{hosts}/" + (f"?{query}" if query else "")


def let_go(client: MongoClient[Document]) -> None:
    """Close a client whose server may be gone: it would try for half a minute to end its sessions there."""
    with pymongo.timeout(0.2):
        client.close()


def _create(client: MongoClient[Document], user: User) -> None:
    client[user.database].command("createUser", user.name, pwd=user.password, roles=list(user.roles))
