"""What the checks of an app share: its logins, its secret, its throttle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import cached_property
from typing import cast

from flask import Flask, Request, current_app

from skunkqueue.errors import ConfigError
from skunkqueue.web.access.hosts import Hosts
from skunkqueue.web.access.logins import AuthFile
from skunkqueue.web.access.proxies import Proxies, is_loopback
from skunkqueue.web.access.secret import find_secret
from skunkqueue.web.access.throttle import Throttle
from skunkqueue.web.rights import Login
from skunkqueue.web.settings import WebSettings

KEY = "skunkqueue.access"
Authorize = Callable[[Request], "Login | None"]
_CHECKED_AT_ONCE = 2
"""Passwords that are compared at the same time; each takes 32 MiB and a core."""


class Access:
    """The logins, secret and throttle of one app."""

    def __init__(self, settings: WebSettings, authorize: Authorize | None = None) -> None:
        """Raise ConfigError for settings that let in more than they say, and for a broken auth file."""
        self.settings = settings
        self.authorize = authorize
        self.hosts = Hosts(settings.host, settings.hosts)
        self.proxies = Proxies(settings.trusted_proxies)
        self.auth_file = None if settings.auth_file is None else AuthFile(settings.auth_file)
        self.throttle = Throttle()
        self.comparing = threading.BoundedSemaphore(_CHECKED_AT_ONCE)
        self.now = time.time
        """Seconds since 1970; sessions are ended by it."""
        if self.auth_file is not None:
            self.auth_file.logins()
        if settings.login_header and not settings.trusted_proxies:
            msg = (
                f"no proxy is trusted to set the header {settings.login_header!r}: name the proxy that sets it by"
                f" --trusted-proxy (trusted_proxies)"
            )
            raise ConfigError(msg)
        if self.is_open and not settings.insecure and not _only_here(settings.host):
            msg = (
                f"the monitor would let everybody in who reaches {settings.host!r}: make a login by `skunq web --add-login"
                f" NAME --auth-file FILE` and give --auth-file FILE, or have a proxy log people in (--login-header),"
                f" or say --insecure"
            )
            raise ConfigError(msg)
        named = [name for name in settings.hosts if not _only_here(name)]
        if self.is_open and not settings.insecure and named:
            # A proxy of this machine may pass on what others send, and not say so.
            msg = (
                f"the monitor would let everybody in who reaches it by the name {named[0]!r}, also through a proxy: make a"
                f" login by `skunq web --add-login NAME --auth-file FILE` and give --auth-file FILE, or have a proxy log"
                f" people in (--login-header), or say --insecure"
            )
            raise ConfigError(msg)

    @property
    def is_open(self) -> bool:
        """Whether nobody has to log in."""
        return self.auth_file is None and self.authorize is None and self.settings.login_header is None

    @property
    def has_passwords(self) -> bool:
        """Whether people log in by the login page."""
        return self.auth_file is not None

    @cached_property
    def secret(self) -> bytes:
        """What sessions and forms are signed with. Raises ConfigError."""
        return find_secret()


def access() -> Access:
    """Return the access of the app that serves this request."""
    return cast("Access", current_app.extensions[KEY])


def install(app: Flask, settings: WebSettings, authorize: Authorize | None) -> Access:
    """Give an app its access. Raises ConfigError."""
    found = Access(settings, authorize)
    app.extensions[KEY] = found
    return found


def _only_here(host: str) -> bool:
    return host == "localhost" or is_loopback(host)
