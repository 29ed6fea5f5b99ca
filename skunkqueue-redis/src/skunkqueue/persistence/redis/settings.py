"""Which server a config means, and how to talk to it. Opens nothing.

===================================  ==========================================================
``redis://[user:pass@]host[:6379][/db]``   one server; ``rediss://`` with TLS
``redis+unix:///path/to.sock``             one server on this machine
``redis+sentinel://h1[:26379],h2/name[/db]``  the server that the sentinels call the master of ``name``
``redis+cluster://h1[:6379],h2``           the node of the cluster that has this store's slot
===================================  ==========================================================

``valkey`` and ``valkeys`` may stand for ``redis`` and ``rediss``; ``rediss+sentinel`` and
``rediss+cluster`` use TLS too.
"""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from skunkqueue.config import redact
from skunkqueue.errors import ConfigError
from skunkqueue.persistence.backend import BackendConfig

DEFAULT_URL = "redis://localhost:6379"
_KINDS = ("", "unix", "sentinel", "cluster")
_PORTS = {"": 6379, "cluster": 6379, "sentinel": 26379}
_TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_SECONDS = {"retry_for": 3.0, "socket_timeout": 5.0, "connect_timeout": 3.0}
_LONGEST = 60.0
"""The server keeps its answers for twice as long, for calls that are sent again."""
_KNOWN = (
    "dbname",
    "replicas",
    *_SECONDS,
    *_TLS_FILES,
    "ssl_cert_reqs",
    "sentinel_username",
    "sentinel_password",
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A server, or several, and how to talk to it."""

    url: str
    """Without its password."""
    kind: str
    """What the scheme says after its plus: nothing, ``unix``, ``sentinel`` or ``cluster``."""
    hosts: tuple[tuple[str, int], ...]
    path: str = ""
    service: str = ""
    db: int = 0
    dbname: str
    username: str | None = None
    password: str | None = None
    tls: dict[str, Any] | None = None
    replicas: int = 0
    """How many replicas must have a write before it counts as accepted."""
    retry_for: float = 3.0
    """Seconds for which a call is tried again while the server is away."""
    socket_timeout: float = 5.0
    """Seconds without an answer after which a connection is taken to be dead."""
    connect_timeout: float = 3.0
    sentinel: dict[str, str] = {}
    """How to log in at the sentinels."""


def settings_of(config: BackendConfig) -> Settings:
    """Read a config. Raises ConfigError that names the setting, its value and the way out."""
    url = config.url or DEFAULT_URL
    if "://" not in url:
        url = f"redis://{url}"
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    queried = dict(parse_qsl(query, keep_blank_values=True))
    if "@" in query and ("@" not in rest or not queried.keys() <= set(_KNOWN)):
        # The text before the @ is part of a password, so no message may show it.
        msg = "the URL has an @ after its first ?: write ? in a user name or password as %3F, @ in an option as %40"
        raise ConfigError(msg)
    options = {**queried, **config.options}
    _refuse_unknown(options)
    base, _, kind = scheme.lower().partition("+")
    if kind not in _KINDS or base not in {"redis", "rediss", "valkey", "valkeys"}:
        msg = f"{scheme!r} is not a scheme of the redis backend: use redis, rediss, redis+unix, redis+sentinel or redis+cluster"
        raise ConfigError(msg)
    login, at, place = rest.rpartition("@")
    username, colon, password = login.partition(":")
    address, _, path = place.partition("/")
    service, db = "", path
    if kind == "sentinel":
        service, _, db = path.partition("/")
        if not service:
            msg = f"{redact(url)!r} names no master: write redis+sentinel://HOST:26379/NAME"
            raise ConfigError(msg)
    if kind in {"unix", "cluster"}:
        db = ""
    return Settings(
        url=f"{scheme}://{username}@{place}" if username else f"{scheme}://{place}",
        kind=kind,
        hosts=() if kind == "unix" else tuple(_host(one, _PORTS[kind]) for one in address.split(",")),
        path=f"/{unquote(path)}" if kind == "unix" else "",
        service=unquote(service),
        db=_database(db),
        dbname=_dbname(options.get("dbname") or config.dbname),
        username=unquote(username) or None if at else None,
        password=unquote(password) if colon else None,
        tls=_tls(options) if base in {"rediss", "valkeys"} else None,
        replicas=_replicas(options.get("replicas", "0")),
        sentinel={
            name: options[f"sentinel_{name}"]
            for name in ("username", "password")
            if f"sentinel_{name}" in options
        },
        **{name: _seconds(name, options.get(name, str(usual))) for name, usual in _SECONDS.items()},
    )


def _refuse_unknown(options: dict[str, str]) -> None:
    for name in options:
        if name not in _KNOWN:
            msg = f"the redis backend has no option {name!r}: it knows {', '.join(_KNOWN)}"
            raise ConfigError(msg)


def _host(text: str, port: int) -> tuple[str, int]:
    if text.startswith("["):
        host, closed, after = text[1:].partition("]")
        if not closed:
            msg = f"the address {text!r} lacks its closing bracket: write [::1]:{port}"
            raise ConfigError(msg)
        given = after.removeprefix(":")
    else:
        host, _, given = text.partition(":")
    if given and not (given.isascii() and given.isdigit() and 0 < int(given) < 65_536):
        msg = f"{given!r} is not a port: write HOST:{port}"
        raise ConfigError(msg)
    return unquote(host) or "localhost", int(given) if given else port


def _database(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and int(text) < 1_000_000):
        msg = f"{text!r} is not the number of a Redis database: end the URL in /0, or leave the number out"
        raise ConfigError(msg)
    return int(text)


def _dbname(name: str) -> str:
    if not name or len(name.encode()) > 200 or any(c in "{}" or not c.isprintable() for c in name):
        msg = f"dbname={name!r} cannot name a store: use up to 200 printable characters without braces"
        raise ConfigError(msg)
    return name


def _replicas(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) < 100):
        msg = f"replicas={text!r} is not a number of replicas: give 0 (the master alone) or more"
        raise ConfigError(msg)
    return int(text)


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST:
        msg = f"{name}={text!r} is not a number of seconds from 0 to 60"
        raise ConfigError(msg)
    return seconds


def _tls(options: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {name: options[name] for name in _TLS_FILES if name in options}
    for name, file in found.items():
        if not os.path.isfile(file):  # noqa: PTH113 - a name from a URL, looked at once
            msg = (
                f"{name}={file!r} is not a file that this process can see: check the path and its permissions"
            )
            raise ConfigError(msg)
    wanted = options.get("ssl_cert_reqs", "required")
    if wanted not in {"required", "none"}:
        msg = f"ssl_cert_reqs={wanted!r}: choose 'required', or 'none' to trust any server"
        raise ConfigError(msg)
    found["ssl_cert_reqs"] = wanted
    found["ssl_check_hostname"] = wanted == "required"
    return found
