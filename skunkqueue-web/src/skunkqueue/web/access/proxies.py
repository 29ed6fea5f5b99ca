"""Proxies in front of the monitor: only those that are named are believed, and the path below which it is reached."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from skunkqueue.errors import ConfigError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

PEER = "skunkqueue.peer"
"""In the environ: the address that has connected, whatever its headers say."""
FORWARDED = "skunkqueue.forwarded"
"""In the environ: the request came through a proxy, believed or not."""
UNNAMED = "skunkqueue.unnamed"
"""In the environ: a proxy that is believed has passed the request on, and does not say for whom."""
UNIX = "unix"
"""Stands for a connection through a Unix socket."""
_HEADERS = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PREFIX",
    "HTTP_FORWARDED",
    "HTTP_X_REAL_IP",
    "HTTP_VIA",
)
# Two slashes in front would name another site, and two dots another path.
_PREFIX = re.compile(r"(?:/(?!\.+(?:/|$))[A-Za-z0-9._~-]+){1,16}")
_LONGEST_PREFIX = 200

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """The addresses whose headers are believed."""

    def __init__(self, names: Iterable[str]) -> None:
        """``names``: addresses, networks such as ``10.0.0.0/8``, or ``unix``. Raises ConfigError."""
        self.networks: list[Network] = []
        self.is_unix_trusted = False
        for name in names:
            if name == UNIX:
                self.is_unix_trusted = True
                continue
            try:
                self.networks.append(ipaddress.ip_network(name))
            except ValueError as error:
                msg = (
                    f"{name!r} is not the address of a proxy: write an address (10.0.0.7), a network (10.0.0.0/24),"
                    f" or {UNIX} for connections through a Unix socket"
                )
                raise ConfigError(msg) from error

    def trust(self, address: str) -> bool:
        """Return whether the headers that this address sets about others are believed."""
        found = read_address(address)
        if found is None:
            return self.is_unix_trusted and is_unix(address)
        return any(found in network for network in self.networks)

    def client(self, chain: Sequence[str], peer: str) -> tuple[str, bool]:
        """Find the client: the last address of the chain that is not a proxy's own; also return whether the proxies name it."""
        for address in reversed(chain):
            if not self.trust(peer):
                return peer, True
            if read_address(address) is None:
                # What a proxy cannot have written is not passed on.
                return peer, False
            peer = address
        return peer, bool(chain)


class Doorway:
    """A WSGI app that works out client, scheme and path prefix of a request, and passes it to another app."""

    def __init__(
        self,
        app: WSGIApplication,
        proxies: Proxies,
        prefix: str = "",
        *,
        is_page: Callable[[str, str], bool] = lambda path, method: False,  # noqa: ARG005 - there is no page
    ) -> None:
        """``is_page`` returns whether the app has a page at a path, for a method: the address of one may begin with the prefix."""
        self.app = app
        self.proxies = proxies
        self.prefix = prefix
        self.is_page = is_page

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve a request."""
        if PEER not in environ:
            self._settle(environ)
        return self.app(environ, start_response)

    def _settle(self, environ: WSGIEnvironment) -> None:
        peer = environ[PEER] = str(environ.get("REMOTE_ADDR") or "")
        said = {name: str(environ.pop(name)) for name in _HEADERS if name in environ}
        environ[FORWARDED] = bool(said)
        prefix = self.prefix
        if self.proxies.trust(peer):
            chain = [part.strip() for part in said.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
            environ["REMOTE_ADDR"], is_named = self.proxies.client(
                [_without_port(part) for part in chain], peer
            )
            environ[UNNAMED] = bool(said) and not is_named
            scheme = _last(said.get("HTTP_X_FORWARDED_PROTO", "")).lower()
            if scheme in ("http", "https"):
                environ["wsgi.url_scheme"] = scheme
            host = _last(said.get("HTTP_X_FORWARDED_HOST", ""))
            if host:
                environ["HTTP_HOST"] = host
            prefix = prefix or read_prefix(_last(said.get("HTTP_X_FORWARDED_PREFIX", "")))
        if prefix:
            self._shift(environ, prefix)

    def _shift(self, environ: WSGIEnvironment, prefix: str) -> None:
        """Move the prefix from the path to the root of the app. Proxies that strip it, and those that do not, both work."""
        path, method = str(environ.get("PATH_INFO", "")), str(environ.get("REQUEST_METHOD", "GET"))
        if path == prefix or path.startswith(f"{prefix}/"):
            below = path[len(prefix) :]
            # Below /jobs, the page /jobs/ID looks as if the prefix was still there, where a proxy has stripped it.
            is_stripped = self.is_page(path, method) and not (below and self.is_page(below, method))
            environ["PATH_INFO"] = path if is_stripped else below
        environ["SCRIPT_NAME"] = f"{environ.get('SCRIPT_NAME', '')}{prefix}"


def read_prefix(text: str) -> str:
    """Return a path to be reached below; empty where the text is not one."""
    text = text.rstrip("/")
    return text if len(text) <= _LONGEST_PREFIX and _PREFIX.fullmatch(text) else ""


def read_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read an address; ``None``: the text is not one."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def is_loopback(address: str) -> bool:
    """Return whether this is an address of this machine."""
    found = read_address(address)
    return found is not None and found.is_loopback


def is_unix(address: str) -> bool:
    """Return whether servers write a connection through a Unix socket so."""
    return address in ("", "localhost", UNIX)


def _last(text: str) -> str:
    return text.rpartition(",")[2].strip()


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
