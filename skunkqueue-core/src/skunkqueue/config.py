"""Where settings come from: arguments first, then the environment, then the embedded store."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import cast
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from skunkqueue.clock import SYSTEM_CLOCK, Clock
from skunkqueue.errors import ConfigError, PluginError
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.plugins import BACKENDS, registry

ENV_URL = "SKUNKQUEUE_URL"
DEFAULT_BACKEND = "sqlite"
DEFAULT_DBNAME = "skunkqueue"
_SECRETS = (
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "apikey",
    "accesskey",
    "authmechanismproperties",
)
"""Options with one of these in their names are secret; of MongoDB's last one, a part may be."""
_MEANT_URL = frozenset({"url", "uri", "dsn", "broker", "broker_url"})
"""What a store's URL is called elsewhere, also by our own ``--url``. No store has an option of such a name."""


def resolve(
    backend: str | None = None,
    conn_url: str | os.PathLike[str] | None = None,
    dbname: str | None = None,
    **options: object,
) -> BackendConfig:
    """Work out which store is meant.

    ``conn_url`` names its backend by its scheme (``redis://...``); without a scheme it is an address of
    ``backend`` (``localhost:27017``) or, for SQLite, a path. Nothing given at all means
    ``SKUNKQUEUE_URL``, and without that the embedded SQLite file in the user's data folder.
    Options are added to those in the URL's query. Raises ConfigError.
    """
    check_options(options)
    url = None if conn_url is None else os.fspath(conn_url)
    if backend is None and url is None:
        url = os.environ.get(ENV_URL) or None
    scheme = _scheme(url)
    if backend is None:
        backend = scheme or DEFAULT_BACKEND
    elif scheme is not None and ":" not in backend and not _belongs(scheme, backend):
        msg = f"backend={backend!r} and the URL {redact(url or '')!r} name different stores: leave one out"
        raise ConfigError(msg)
    found = {key: str(value) for key, value in options.items() if value is not None}
    if url is not None and "?" in url and scheme is not None:
        parts = _split(url)
        found = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **found}
    return BackendConfig(backend=backend, url=url, dbname=dbname or DEFAULT_DBNAME, options=found)


def check_options(options: Iterable[str]) -> None:
    """Raise ConfigError for an option that means the store's URL, but does not name it ``conn_url``."""
    for name in options:
        if name in _MEANT_URL:
            msg = f"{name}= is not an option of a store: write conn_url= for the store's URL"
            raise ConfigError(msg)


def open_backend(config: BackendConfig, *, clock: Clock = SYSTEM_CLOCK) -> Backend:
    """Open the store a config names.

    Raises PluginError where its distribution is missing or broken, and BackendError or ConfigError
    where the store cannot be opened.
    """
    found = cast("type[Backend]", registry.find(BACKENDS, config.backend))
    return found.open(config, clock=clock)


def redact(url: str) -> str:
    """Take the secrets out of a URL, for logs and listings: the password, and options that are named like one.

    A password may have characters that should be escaped in a URL, such as ``@``, ``/`` and ``?``. Where that leaves open
    what belongs to it, rather too much is hidden.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    head, mark, query = rest.partition("?")
    told = "&".join(_without_secret(option) for option in query.split("&"))
    login, at, hosts = head.rpartition("@")
    if rest.startswith("/"):
        # A path: it has no login.
        shown = f"{head}{mark}{told}"
    elif "@" in query and ":" in head:
        # The question mark may belong to the password; so may what comes before the last @ of the options.
        shown = f"{head.partition(':')[0]}:***@{told.rpartition('@')[2] if '@' in told else '***'}"
    elif "@" in query and ":" in query:
        shown = f"{head}?***"
    elif at and ":" in login:
        shown = f"{login.partition(':')[0]}:***@{hosts}{mark}{told}"
    else:
        shown = f"{head}{mark}{told}"
    return f"{scheme}{separator}{shown}"


def is_secret(option: str) -> bool:
    """Return whether an option of this name holds a secret."""
    plain = option.lower().replace("_", "").replace("-", "")
    return any(word in plain for word in _SECRETS)


def _without_secret(option: str) -> str:
    name, equals, _ = option.partition("=")
    return f"{name}=***" if equals and is_secret(unquote(name)) else option


def _split(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        # Neither the URL nor the error's text is shown: either may hold a password.
        msg = f"the store's URL, which begins {url.partition(':')[0]!r}, cannot be read: check its host and brackets"
        raise ConfigError(msg) from None


def _scheme(url: str | None) -> str | None:
    if url is None or "://" not in url:
        return None
    # `mongodb+srv://` is a way of finding mongodb, not a store of its own.
    return url.partition("://")[0].partition("+")[0].lower()


def _belongs(scheme: str, backend: str) -> bool:
    # Aliases such as `rediss` are registered names of the same class.
    if scheme == backend:
        return True
    try:
        return registry.find(BACKENDS, scheme) is registry.find(BACKENDS, backend)
    except PluginError:
        return False
