"""Sessions of people who have logged in: a signed cookie, which ends by time, at log-out, and with its login."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from typing import cast

from flask import Flask, Request, request, session
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from skunkqueue.web.access.ended import Ended
from skunkqueue.web.access.logins import Line
from skunkqueue.web.access.state import KEY, Access, access
from skunkqueue.web.rights import Login

COOKIE = "skunkqueue"
_NAME, _SINCE, _ID, _PRINT = "name", "since", "id", "print"


class Sessions(SecureCookieSessionInterface):
    """Flask's signed cookies, with a secret that is looked for when the first one is read or written."""

    salt = "skunkqueue-session"
    digest_method = staticmethod(hashlib.sha256)

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer:
        """Return what signs the cookies of an app."""
        return URLSafeTimedSerializer(
            cast("Access", app.extensions[KEY]).secret,
            salt=self.salt,
            serializer=self.serializer,
            signer_kwargs={"key_derivation": self.key_derivation, "digest_method": self.digest_method},
        )

    def get_cookie_path(self, app: Flask) -> str:  # noqa: ARG002 - Flask's signature
        """Keep cookies from other sites below the same host."""
        return request.script_root or "/"

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - Flask's signature
        """Return whether browsers send the cookie over encrypted connections only."""
        return request.is_secure


ENDED = "skunkqueue.ended"


def install(app: Flask) -> None:
    """Give an app its sessions."""
    settings = cast("Access", app.extensions[KEY]).settings
    hours, auth_file = settings.session_hours, settings.auth_file
    app.session_interface = Sessions()
    app.extensions[ENDED] = Ended(None if auth_file is None else Path(auth_file))
    app.config.update(
        SESSION_COOKIE_NAME=COOKIE,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        PERMANENT_SESSION_LIFETIME=hours * 3_600,
    )


def begin(line: Line) -> None:
    """Begin the session of a login; whatever was in the visitor's cookie before is dropped."""
    session.clear()
    session[_NAME] = line.name
    session[_SINCE] = access().now()
    session[_ID] = secrets.token_urlsafe(16)
    session[_PRINT] = _print_of(line)


def end(app: Flask) -> None:
    """End the session of this request."""
    id_ = session.get(_ID)
    if isinstance(id_, str):
        now = access().now()
        cast("Ended", app.extensions[ENDED]).add(id_, now + access().settings.session_hours * 3_600, now)
    session.clear()


def id_of_session() -> str | None:
    """Return the id of the session of this request, if its visitor has logged in."""
    found = session.get(_ID)
    return found if isinstance(found, str) else None


def login_of(app: Flask, asking: Request) -> Login | None:
    """Return the login of a request's cookie; ``None``: it has none, or not any more. Raises ConfigError."""
    del asking
    auth_file = access().auth_file
    name, since, id_ = session.get(_NAME), session.get(_SINCE), id_of_session()
    if auth_file is None or not isinstance(name, str) or not isinstance(since, (int, float)) or id_ is None:
        return None
    age = access().now() - since
    if not 0 <= age < access().settings.session_hours * 3_600 or id_ in cast("Ended", app.extensions[ENDED]):
        return None
    line = auth_file.logins().people.get(name)
    if line is None or not hmac.compare_digest(_print_of(line), str(session.get(_PRINT))):
        return None
    return Login(name=line.name, right=line.right, by="session")


def _print_of(line: Line) -> str:
    """Make a hash of the login's line that a session keeps, so that a new password ends the session."""
    return hmac.new(access().secret, f"{line.name}:{line.hash}".encode(), hashlib.sha256).hexdigest()[:32]
