"""What can be configured of the monitor, checked once."""

from __future__ import annotations

import re

import msgspec

from skunkqueue.errors import ConfigError
from skunkqueue.web import defaults
from skunkqueue.web.access.proxies import read_prefix

MAX_TITLE = 100
MAX_REFRESH = 3_600.0
MAX_SESSION = 24.0 * 30

_HEADER = re.compile(r"[A-Za-z0-9-]{1,100}")


class WebSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of one monitor. ``checked`` returns them, or raises ConfigError for an impossible one."""

    url: str | None = None
    """Where the store is, as for every command; ``None``: SKUNKQUEUE_URL, else the SQLite file of this user."""
    backend: str | None = None
    host: str = defaults.HOST
    """The address to listen on."""
    port: int = defaults.PORT
    hosts: tuple[str, ...] = ()
    """Names, besides those of this machine's loopback, under which browsers may reach the monitor."""
    auth_file: str | None = None
    """Logins and tokens with their rights."""
    insecure: bool = False
    """Let everybody in who reaches the port, without a login."""
    read_only: bool = False
    prefix: str = ""
    """The path below which the monitor is reached, such as ``/jobs``; empty: the root."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses whose ``X-Forwarded-*`` headers are believed."""
    login_header: str | None = None
    """A header that a trusted proxy sets to the name of who has logged in there."""
    login_header_right: str = "act"
    """What those who come by that header may do: ``view``, ``act`` or ``admin``."""
    session_hours: float = 12.0
    title: str = "SkunkQueue"
    refresh_seconds: float = 2.0
    """How old an answer of the store may be that another page is shown."""
    ready_workers: tuple[str, ...] = ()
    """Routes (``queue/route``) that must have a live worker for ``/readyz`` to say yes."""

    def checked(self) -> WebSettings:
        """Return these settings. Raises ConfigError that names the setting, its value and the way out."""
        if not 0 <= self.port <= 65_535:
            msg = f"port {self.port} does not exist: choose one from 1 to 65535, or 0 for any that is free"
            raise ConfigError(msg)
        if not 0.2 <= self.refresh_seconds <= MAX_REFRESH:
            msg = f"refresh_seconds={self.refresh_seconds!r} makes no sense: choose 0.2 to {MAX_REFRESH:g} s"
            raise ConfigError(msg)
        if not 0 < self.session_hours <= MAX_SESSION:
            msg = f"session_hours={self.session_hours!r} makes no sense: choose more than 0, up to {MAX_SESSION:g}"
            raise ConfigError(msg)
        if read_prefix(self.prefix) != self.prefix:
            msg = f"the prefix {self.prefix!r} is not a path: write it as /jobs, with a slash in front and none behind"
            raise ConfigError(msg)
        if self.login_header is not None and not _HEADER.fullmatch(self.login_header):
            msg = f"{self.login_header!r} is not the name of a header: write it as X-Remote-User"
            raise ConfigError(msg)
        if not self.title or len(self.title) > MAX_TITLE:
            msg = f"the title {self.title[:40]!r} has {len(self.title)} characters: give it 1 to {MAX_TITLE}"
            raise ConfigError(msg)
        for route in self.ready_workers:
            if not all(route.rpartition("/")):
                msg = f"{route!r} is not a route that can have workers: write QUEUE/ROUTE, such as shop/mail"
                raise ConfigError(msg)
        if self.login_header_right not in ("view", "act", "admin"):
            msg = f"the right {self.login_header_right!r} does not exist: choose view, act or admin"
            raise ConfigError(msg)
        return self
