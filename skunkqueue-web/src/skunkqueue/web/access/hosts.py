"""The names under which the monitor may be reached. Any other may be that of a site whose DNS points here."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from skunkqueue.errors import ConfigError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,252})")


class Hosts:
    """An allow-list of host names, compared whole, without a port."""

    def __init__(self, host: str, names: Iterable[str] = ()) -> None:
        """``host``: the address that is listened on; ``names``: allowed besides those of loopback. Raises ConfigError."""
        listens = _normal(host)
        self.is_any_address = listens in ("0.0.0.0", "::", "")  # noqa: S104 - compared with, not bound to
        self.names = _LOOPBACK | {listens} | {checked(name) for name in names}

    def allows(self, header: str | None) -> bool:
        """Return whether a request with this ``Host`` header is meant for us."""
        if not header:
            return False
        name = name_of(header)
        # An address was not resolved by a DNS that another site controls.
        return name is not None and (name in self.names or (self.is_any_address and _is_address(name)))


def checked(name: str) -> str:
    """Return a name as it is compared. Raises ConfigError for what is not a host's name."""
    found = name_of(name)
    if found is None or found != _normal(name):
        msg = f"{name!r} is not the name of a host: write it without scheme, port and path, such as jobs.example.org"
        raise ConfigError(msg)
    return found


def name_of(header: str) -> str | None:
    """Take the name out of a ``Host`` header; ``None``: it holds none."""
    text = header.strip()
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        return _normal(address) if bracket and _is_port(port) and _is_address(address) else None
    if text.count(":") > 1:
        return _normal(text) if _is_address(text) else None
    name, colon, port = text.partition(":")
    name = _normal(name)
    return name if _is_port(colon + port) and _NAME.fullmatch(name) else None


def _normal(name: str) -> str:
    name = name.strip().lower()
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    try:
        return str(ipaddress.ip_address(name))
    except ValueError:
        # `localhost.` is `localhost` to DNS.
        return name.removesuffix(".")


def _is_port(text: str) -> bool:
    return not text or (text[0] == ":" and (len(text) == 1 or (text[1:].isascii() and text[1:].isdigit())))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
