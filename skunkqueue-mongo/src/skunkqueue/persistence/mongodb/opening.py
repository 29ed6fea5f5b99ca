"""Opening a store: which server answers, is it new enough, and are the collections and indexes there."""

from __future__ import annotations

from typing import NamedTuple

from skunkqueue.errors import BackendError, StoreMissingError
from skunkqueue.persistence.mongodb.connection import Connection
from skunkqueue.persistence.mongodb.schema import FORMAT, Document, exists, prepare

_OLDEST = (5, 0)
_KINDS = {"standalone": "standalone", "set": "replica set", "sharded": "sharded cluster"}


class Server(NamedTuple):
    """What answers at the URL."""

    version: str
    kind: str
    """``standalone``, ``set`` or ``sharded``."""

    def __str__(self) -> str:
        return f"MongoDB {self.version} ({_KINDS[self.kind]})"


def prepared(connection: Connection, *, create: bool) -> Server:
    """Check the server, and make what is missing of the store.

    Raises BackendError where the server is too old or the store has another format, and StoreMissingError where the store
    does not exist and ``create`` is false.
    """
    server = _server(connection)
    settings = connection.settings
    if not create and not connection.run(exists, connection.db):
        msg = (
            f"{settings.shown}: there is no store {settings.dbname!r}: name another by its URL or dbname; a program"
            f" that fires, or `skunq work`, makes one there"
        )
        raise StoreMissingError(msg)
    found = connection.run(prepare, connection.db)
    if found != FORMAT:
        msg = (
            f"{settings.shown}: the store {settings.dbname!r} has the format {found!r}, which this version of"
            f" skunkqueue-mongo does not know: update skunkqueue-mongo, or use another dbname"
        )
        raise BackendError(msg)
    return server


def _server(connection: Connection) -> Server:
    settings = connection.settings
    patience = min(settings.retry_for, settings.connect_timeout)
    hello: Document = connection.run_for(patience, connection.client.admin.command, "hello")
    info: Document = connection.run_for(patience, connection.client.admin.command, "buildInfo")
    version = str(info["version"])
    if tuple(info["versionArray"][:2]) < _OLDEST:
        msg = f"{settings.shown}: MongoDB {version} is too old: SkunkQueue needs 5.0 or later"
        raise BackendError(msg)
    kind = "standalone"
    if hello.get("msg") == "isdbgrid":
        kind = "sharded"
    elif "setName" in hello:
        kind = "set"
    return Server(version, kind)
