"""Who makes a request: a program with a token, a person with a session, or a person whom a proxy or the site names."""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask, Request
from msgspec.structs import replace

from skunkqueue.web.access import sessions
from skunkqueue.web.access.proxies import FORWARDED, PEER, UNNAMED, is_loopback, is_unix
from skunkqueue.web.access.state import Access
from skunkqueue.web.rights import Login, Right

_LONGEST_NAME = 200
_BEARER = "bearer "


class Found(NamedTuple):
    """Who makes a request; without a login, why it is refused."""

    login: Login | None
    why: str = ""
    is_wrong_token: bool = False


def find(app: Flask, access: Access, request: Request) -> Found:
    """Find out who makes the request. Raises ConfigError where the auth file cannot be used."""
    if access.is_open:
        return _anybody(access, request)
    bearer = request.headers.get("Authorization", "")
    if bearer[: len(_BEARER)].lower() == _BEARER:
        login = (
            None
            if access.auth_file is None
            else access.auth_file.logins().by_token(bearer[len(_BEARER) :].strip())
        )
        # A request with a token is checked by the token, and by nothing else.
        return Found(login, "this token is not among those of the auth file", is_wrong_token=True)
    login = sessions.login_of(app, request) or _by_header(access, request)
    if login is None and access.authorize is not None:
        login = access.authorize(request)
        if login is not None:
            # Whatever it calls itself: forms of people whom the site knows need their token.
            login = replace(login, by="site")
    return Found(login, "log in first")


def _anybody(access: Access, request: Request) -> Found:
    """Let in requests from this machine; others only where the monitor was started with ``insecure``."""
    remote = request.remote_addr or ""
    login = Login(name=f"web@{remote or 'unix'}", right=Right.ADMIN, by="none")
    if access.settings.insecure:
        return Found(login)
    peer = str(request.environ.get(PEER, remote))
    if not _is_here(access, peer) or not _is_here(access, remote):
        return Found(
            None,
            f"without logins the monitor is for its own machine alone, and you come from {remote[:60]!r}",
        )
    if request.environ.get(FORWARDED) and not access.proxies.trust(peer):
        return Found(
            None, "this request came through a proxy that the monitor was not told of (--trusted-proxy)"
        )
    if request.environ.get(UNNAMED):
        return Found(None, "the proxy in front of the monitor does not say who asks (X-Forwarded-For)")
    return Found(login)


def _is_here(access: Access, address: str) -> bool:
    return is_loopback(address) or (access.proxies.is_unix_trusted and is_unix(address))


def _by_header(access: Access, request: Request) -> Login | None:
    name = access.settings.login_header
    if name is None or not access.proxies.trust(str(request.environ.get(PEER, ""))):
        return None
    values = request.headers.getlist(name)
    if len(values) != 1:
        return None
    who = values[0].strip()
    # Servers join a header that came twice: once from the proxy, and once from who knows whom.
    if not who or len(who) > _LONGEST_NAME or not who.isprintable() or "," in who:
        return None
    return Login(name=who, right=Right[access.settings.login_header_right.upper()], by="header")
