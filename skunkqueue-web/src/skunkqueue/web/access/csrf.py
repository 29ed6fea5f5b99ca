"""A token in each form, which pages of other sites do not know: a form that they send in a visitor's name is refused."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import Flask, g, request, session
from markupsafe import Markup

from skunkqueue.web.access import sessions
from skunkqueue.web.access.state import access
from skunkqueue.web.rights import Login

FIELD = "csrf"
HEADER = "X-CSRF-Token"
_VISITOR = "visitor"
_PERIOD = 86_400.0
"""Seconds after which new forms have another token; those of the period before still work."""


def csrf_token() -> str:
    """Return the form token of the one who makes the request."""
    login: Login | None = g.get("login")
    if login is None and _VISITOR not in session:
        session[_VISITOR] = secrets.token_urlsafe(16)
    return _token(login, _period())


def csrf_field() -> Markup:
    """Write the field that each form has."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, csrf_token())


def has_token(login: Login | None) -> bool:
    """Return whether this request has the form token of the one who makes it."""
    if login is None and _VISITOR not in session:
        return False
    shown = request.headers.get(HEADER) or request.form.get(FIELD, "")
    return any(
        hmac.compare_digest(_token(login, period).encode(), shown.encode("utf-8", "replace"))
        for period in (_period(), _period() - 1)
    )


def install(app: Flask) -> None:
    """Give templates the field."""
    app.jinja_env.globals.update(csrf_field=csrf_field, csrf_token=csrf_token)


def _token(login: Login | None, period: int) -> str:
    if login is None:
        whose = f"visitor {session.get(_VISITOR)}"
    elif login.by == "session":
        whose = f"session {sessions.id_of_session()}"
    elif login.by == "none":
        # All who are let in without a login share one token.
        whose = "none"
    else:
        whose = f"{login.by} {login.name}"
    return hmac.new(access().secret, f"csrf {period} {whose}".encode(), hashlib.sha256).hexdigest()


def _period() -> int:
    return int(access().now() // _PERIOD)
