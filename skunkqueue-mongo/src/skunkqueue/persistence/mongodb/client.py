"""Making a pymongo client, and choosing the write concern of accepted firings."""

from __future__ import annotations

import warnings
from typing import Any

from pymongo import MongoClient, WriteConcern
from pymongo.errors import ConfigurationError, InvalidName, InvalidURI

from skunkqueue.errors import ConfigError
from skunkqueue.persistence.mongodb.schema import Document
from skunkqueue.persistence.mongodb.settings import Settings

_SELECTION = 2.0
"""Seconds for which pymongo itself looks for a server at most; our own loop then tries again."""


def connect(settings: Settings) -> MongoClient[Document]:
    """Make a client; it connects at the first call. Raises ConfigError where pymongo refuses the URL or its options."""
    seconds = {
        "serverSelectionTimeoutMS": min(_SELECTION, settings.connect_timeout or _SELECTION),
        "connectTimeoutMS": settings.connect_timeout,
        "socketTimeoutMS": settings.socket_timeout,
    }
    options: dict[str, Any] = {name: int(1_000 * value) or None for name, value in seconds.items()}
    if "retrywrites=" not in settings.uri.rpartition("?")[2].lower():
        # ``Connection.run`` tries again, and every call may be made twice. With pymongo's own retries a replica set
        # writes once more to remember each write, which is a quarter of what a firing costs there.
        options["retryWrites"] = False
    try:
        with warnings.catch_warnings():
            # pymongo warns of options that it does not know, and ignores them.
            warnings.simplefilter("error", UserWarning)
            return MongoClient(settings.uri, appname="skunkqueue", tz_aware=True, **options)
    except (ConfigurationError, InvalidURI, InvalidName, UserWarning, ValueError, TypeError) as error:
        msg = f"pymongo refuses the URL {settings.shown!r} or its options: {error}"
        raise ConfigError(msg) from error


def write_concern_of(client: MongoClient[Document]) -> WriteConcern:
    """Return the write concern for accepted firings: what the URL says, or else the server's own default.

    The server would add w=1 to a write concern that names no w (``journal=true``), whatever its default is.
    Such a one gets ``majority``.
    """
    given = client.write_concern
    if given.document and given.document.get("w", "majority") == "majority":
        return WriteConcern(**{"w": "majority", "wtimeout": 10_000, **given.document})
    return given
