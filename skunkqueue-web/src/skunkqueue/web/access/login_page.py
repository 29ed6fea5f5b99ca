"""Log in and log out."""

from __future__ import annotations

import logging

from flask import Blueprint, abort, current_app, flash, g, make_response, redirect, render_template, request
from werkzeug.wrappers import Response

from skunkqueue.errors import ConfigError
from skunkqueue.web.access import sessions
from skunkqueue.web.access.local import local_path
from skunkqueue.web.access.logins import LONGEST_NAME, LONGEST_PASSWORD, Line
from skunkqueue.web.access.state import access
from skunkqueue.web.rights import open_to_all

blueprint = Blueprint("login", __name__)

logger = logging.getLogger(__name__)


@blueprint.get("/login")
@open_to_all
def login() -> Response:
    """Ask for a name and a password."""
    _require_passwords()
    asked = local_path(request.args.get("next"))
    if g.login is not None:
        return redirect(asked, 303)
    return _form(asked, 200)


@blueprint.post("/login")
@open_to_all
def log_in() -> Response:
    """Check a name and a password, and begin a session."""
    _require_passwords()
    asked = local_path(request.form.get("next"))
    name, password = request.form.get("name", ""), request.form.get("password", "")
    address = request.remote_addr or ""
    if not name or len(name) > LONGEST_NAME or len(password) > LONGEST_PASSWORD:
        return _form(asked, 403, refused=True)
    wait = access().throttle.begin(name, address)
    if wait:
        answer = _form(asked, 429, wait=wait)
        answer.headers["Retry-After"] = str(wait)
        return answer
    line = _compare(name, password)
    if line is None:
        logger.warning("log-in refused: name=%r address=%s", name, address)
        return _form(asked, 403, refused=True)
    access().throttle.succeeded(name, address)
    sessions.begin(line)
    logger.info("logged in: name=%r address=%s", name, address)
    return redirect(asked, 303)


@blueprint.post("/logout")
@open_to_all
def log_out() -> Response:
    """End the session."""
    sessions.end(current_app)
    if not access().has_passwords:
        return redirect(f"{request.script_root}/", 303)
    flash("You are logged out.", "done")
    return redirect(f"{request.script_root}/login", 303)


def _require_passwords() -> None:
    if not access().has_passwords:
        abort(404)


def _compare(name: str, password: str) -> Line | None:
    """Compare a password; only so many are compared at a time."""
    auth_file = access().auth_file
    if auth_file is None:
        return None
    try:
        logins = auth_file.logins()
    except ConfigError as error:
        logger.error("logins cannot be read: reason=%s", error)  # noqa: TRY400 - the text says it all
        abort(503, "Nobody can log in, since the logins cannot be read. The monitor's log says why.")
    with access().comparing:
        return logins.by_password(name, password)


def _form(asked: str, status: int, *, refused: bool = False, wait: int = 0) -> Response:
    page = render_template("login.html", next=asked, refused=refused, wait=wait, longest=LONGEST_PASSWORD)
    return make_response(page, status)
