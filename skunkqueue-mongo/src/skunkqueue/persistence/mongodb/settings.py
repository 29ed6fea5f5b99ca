"""Settings: which server a config means, and how to talk to it. Opens nothing.

=================================================  ================================================
``mongodb://[user:pass@]host[:27017][,host2]/[db]``  a server, or the members of a replica set
``mongodb+srv://[user:pass@]name/[db]``              the servers that DNS names
=================================================  ================================================

Our own options are taken out of the URL; all others are pymongo's (``replicaSet``, ``tls``,
``authSource``, ``w``, ...).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode

import msgspec
from pymongo.errors import ConfigurationError
from pymongo.uri_parser import validate_options

from skunkqueue.config import DEFAULT_DBNAME
from skunkqueue.errors import ConfigError
from skunkqueue.persistence.backend import BackendConfig

DEFAULT_URL = "mongodb://localhost:27017"
_SCHEMES = ("mongodb", "mongodb+srv")
_SECONDS = {"retry_for": 20.0, "socket_timeout": 20.0, "connect_timeout": 5.0}
_LONGEST = 120.0
_OURS = {
    "sockettimeoutms": "socket_timeout",
    "connecttimeoutms": "connect_timeout",
    "serverselectiontimeoutms": "retry_for",
}
_CONNECTIONS = 3
"""Connections that a process needs at least: a stream holds one for itself, and one that replaces it another."""
_FORBIDDEN = frozenset('/\\. "$*<>:|?\0')
_RESERVED = frozenset({"admin", "config", "local"})
_QUESTION_MARK = (
    "the URL has an @ after its first ?: write ? in a user name or password as %3F, @ in an option as %40"
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A store, and how to reach it."""

    shown: str
    """The URL for people, without its password."""
    uri: str
    """The URL for pymongo, without our own options."""
    dbname: str
    retry_for: float
    """Seconds for which a verb is tried again while no server takes it: longer than an election lasts."""
    socket_timeout: float
    """Seconds without an answer after which a connection counts as dead."""
    connect_timeout: float
    """Seconds for making a connection; also how long opening a store looks for a server."""


def settings_of(config: BackendConfig) -> Settings:
    """Read a config. Raises ConfigError."""
    url = config.url or DEFAULT_URL
    if "://" not in url:
        url = f"mongodb://{url}"
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in _SCHEMES:
        msg = f"{scheme!r} is not a scheme of the mongodb backend: use mongodb:// or mongodb+srv://"
        raise ConfigError(msg)
    rest, _, query = rest.partition("?")
    if "@" in query and "@" not in rest:
        # The text before the @ may be a part of a password, so no message may quote it.
        raise ConfigError(_QUESTION_MARK)
    place, _, path = rest.rpartition("/") if "/" in rest else (rest, "", "")
    if "@" in path:
        # As above.
        msg = "the URL has an @ after its last /: write / in a user name or password as %2F, @ in a database's name as %40"
        raise ConfigError(msg)
    options: dict[str, Any] = {**dict(parse_qsl(query, keep_blank_values=True)), **config.options}
    try:
        seconds = {name: _seconds(name, options.pop(name, str(usual))) for name, usual in _SECONDS.items()}
        _refuse(options)
    except ConfigError:
        if "@" in query:
            # What is refused may be a part of a password that has an @ and then a question mark.
            raise ConfigError(_QUESTION_MARK) from None
        raise
    named = options.pop("dbname", None)
    dbname = named or (unquote(path) if path and config.dbname == DEFAULT_DBNAME else config.dbname)
    tail = f"?{urlencode(options)}" if options else ""
    return Settings(
        shown=_shown(scheme, place),
        uri=f"{scheme.lower()}://{place}/{path}{tail}",
        dbname=_dbname(dbname),
        **seconds,
    )


def _shown(scheme: str, place: str) -> str:
    """Leave the password out, whatever characters it has."""
    login, at, hosts = place.rpartition("@")
    user, colon, _ = login.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}{at}{hosts}"


def _refuse(options: dict[str, Any]) -> None:
    for name in options:
        if name.lower() in _OURS:
            msg = f"{name}: set {_OURS[name.lower()]} instead, in seconds"
            raise ConfigError(msg)
    for name, value in options.items():
        if name != "dbname":
            _check(name, value)


def _check(name: str, value: Any) -> None:
    """Check one option by itself: of a whole URL pymongo may say only that some option is wrong."""
    try:
        checked = validate_options({name: value}, warn=False)
    except (ConfigurationError, ValueError, TypeError) as error:
        # Without the value, which may be a secret.
        msg = f"pymongo refuses the option {name!r}: {error}"
        raise ConfigError(msg) from error
    read = next(iter(checked.values()), None)
    # However it was written: ``W=0``, ``w=00``.
    if name.lower() == "w" and read == 0:
        msg = "w=0: the server would not say whether it has a firing, so nothing could be promised; use w=1 or more"
        raise ConfigError(msg)
    if name.lower() == "maxpoolsize" and read and read < _CONNECTIONS:
        msg = f"maxPoolSize={read}: waiting for wake-ups holds up to two connections; use {_CONNECTIONS} or more"
        raise ConfigError(msg)


def _dbname(name: str) -> str:
    if not name or len(name.encode()) > 63 or set(name) & _FORBIDDEN or name in _RESERVED:
        msg = (
            f"dbname={name!r} cannot name a MongoDB database for firings: use up to 63 bytes without any of"
            f' / \\ . " $ * < > : | ? and blanks, but none of {", ".join(sorted(_RESERVED))}'
        )
        raise ConfigError(msg)
    return name


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST:
        msg = f"{name}={text!r} is not a number of seconds from 0 to {_LONGEST:g}"
        raise ConfigError(msg)
    return seconds
