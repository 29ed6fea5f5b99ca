"""Which cluster a config means, and how to talk to it. Opens nothing.

=========================================  ==========================================================
``fdb://``                                 the cluster file that FoundationDB itself would take
``fdb:///etc/foundationdb/fdb.cluster``    this cluster file
``fdb://description:id@host:port,host2:port``  the content of a cluster file
=========================================  ==========================================================

Each may have ``?dbname=shop&retry_for=30``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

import msgspec

from skunkqueue.errors import ConfigError
from skunkqueue.persistence.backend import BackendConfig

DEFAULT_URL = "fdb://"
CONNECTION = re.compile(r"[A-Za-z0-9_]+:[A-Za-z0-9]+@[^\s,@]+:\d+(:tls)?(,[^\s,@]+:\d+(:tls)?)*")
"""What a cluster file holds."""
_PORT = re.compile(r":(\d+)(?=:tls|,|$)")
_SECONDS = {"retry_for": 10.0, "timeout": 5.0}
_LONGEST = 3_600.0
TLS = {
    "tls_password": "set_tls_password",
    "tls_certificate_file": "set_tls_cert_path",
    "tls_key_file": "set_tls_key_path",
    "tls_ca_file": "set_tls_ca_path",
    "tls_verify_peers": "set_tls_verify_peers",
}
"""Options of the network, and what the binding calls them, which wants the password before the key."""
_KNOWN = ("dbname", *_SECONDS, *TLS)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster, and how to talk to it."""

    cluster_file: str | None = None
    """``None``: the one that FoundationDB itself takes (``FDB_CLUSTER_FILE``, the working folder, ``/etc``)."""
    connection: str | None = None
    """What a cluster file would hold, where the URL says it."""
    dbname: str
    retry_for: float = 10.0
    """Seconds for which a call is tried again while the cluster is away or transactions conflict."""
    timeout: float = 5.0
    """Seconds after which one try of a transaction is given up."""
    tls: dict[str, str] = {}
    """Options of the binding's network, by name."""

    @property
    def place(self) -> str:
        """The URL, for people."""
        return f"fdb://{self.connection or self.cluster_file or ''}"


def settings_of(config: BackendConfig) -> Settings:
    """Read a config. Raises ConfigError that names the setting, its value and the way out."""
    url = config.url or DEFAULT_URL
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "fdb", url
    if scheme.lower() != "fdb":
        msg = f"{scheme!r} is not a scheme of the fdb backend: write fdb://, fdb:///PATH or fdb://DESCRIPTION:ID@HOST:PORT"
        raise ConfigError(msg)
    rest, _, query = rest.partition("?")
    options = {**dict(parse_qsl(query, keep_blank_values=True)), **config.options}
    for name in options:
        if name not in _KNOWN:
            msg = f"the fdb backend has no option {name!r}: it knows {', '.join(_KNOWN)}"
            raise ConfigError(msg)
    place = unquote(rest)
    connection = place if place and "/" not in place else None
    if connection is not None:
        _check_connection(connection)
    else:
        _check_path(place)
    return Settings(
        cluster_file=place if place and connection is None else None,
        connection=connection,
        dbname=_dbname(options.get("dbname") or config.dbname),
        retry_for=_seconds("retry_for", options),
        timeout=_seconds("timeout", options),
        tls={name: options[name] for name in TLS if name in options},
    )


def _check_connection(connection: str) -> None:
    if not CONNECTION.fullmatch(connection):
        msg = (
            f"fdb://{connection} names neither a cluster file nor a cluster: write fdb:///PATH/fdb.cluster,"
            f" or fdb://DESCRIPTION:ID@HOST:PORT as a cluster file has it"
        )
        raise ConfigError(msg)
    for port in _PORT.findall(connection):
        if not 0 < int(port) < 65_536:
            msg = (
                f"fdb://{connection}: {port} is not a port: write the one of the coordinator, from 1 to 65535"
            )
            raise ConfigError(msg)


def _check_path(place: str) -> None:
    connection, slash, dbname = place.partition("/")
    if slash and CONNECTION.fullmatch(connection):
        msg = (
            f"fdb://{place} would be the path of a cluster file: to name a store in that cluster, write"
            f" fdb://{connection}?dbname={dbname}"
        )
        raise ConfigError(msg)


def _dbname(name: str) -> str:
    if not name or len(name.encode()) > 200 or not name.isprintable():
        msg = f"dbname={name!r} cannot name a store: use up to 200 printable characters"
        raise ConfigError(msg)
    return name


def _seconds(name: str, options: Mapping[str, str]) -> float:
    text = options.get(name)
    if text is None:
        return _SECONDS[name]
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0.01 <= seconds <= _LONGEST:
        msg = f"{name}={text!r} is not a number of seconds from 0.01 to 3600"
        raise ConfigError(msg)
    return seconds
