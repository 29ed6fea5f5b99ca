"""What is checked of every request before its view runs, in this order.

Its size, the name it was sent to, the site whose page made it, who asks, the right that the view needs, the form's
token, and whether the monitor may change anything at all.
"""

from __future__ import annotations

import logging

import msgspec
from flask import (
    Flask,
    Response,
    abort,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import BadRequest, Unauthorized
from werkzeug.wrappers import Response as BaseResponse

from skunkqueue.errors import ConfigError
from skunkqueue.web.access import csrf, origins, who
from skunkqueue.web.access.local import is_local
from skunkqueue.web.access.state import Access, access
from skunkqueue.web.rights import Login, Right, needs, open_to_all

LONGEST_COOKIES = 8_192
LONGEST_QUERY = 8_192
LARGEST_BODY = 262_144
LIVE_HEADER = "X-SkunkQueue-Live"
"""Sent by the script that keeps a page fresh, which cannot show a login page."""
_READ_ONLY = (
    "This monitor is read-only: it was started with --read-only. Use one that was not, or the command skunq."
)
_NOT_BY_A_PROGRAM = (
    "A program that changes something says who it is (Authorization: Bearer TOKEN). Where no logins are set up, it"
    " sends JSON (Content-Type: application/json) and nothing that only browsers send, such as cookies."
)

logger = logging.getLogger(__name__)


class WrongHostError(BadRequest):
    """A request was sent to a name that is not the monitor's; its page could not load anything from here."""


def install(app: Flask) -> None:
    """Check every request of this app."""
    app.config.update(
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        MAX_FORM_MEMORY_SIZE=LARGEST_BODY,
        MAX_FORM_PARTS=1_000,
        # A view without a declared right is not served.
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    open_to_all(app.view_functions["static"])
    app.before_request(check)


def check_rights(app: Flask) -> None:
    """Raise LookupError where a view declares no right."""
    for view in app.view_functions.values():
        needs(view)


def is_for_programs() -> bool:
    """Return whether programs read this answer, and not people."""
    return request.path.startswith("/api/") or request.path in ("/metrics", "/healthz", "/readyz")


def check() -> BaseResponse | None:
    """Find out who makes the request, and whether that login may do this; ``None``: it may."""
    g.login = None
    state = access()
    _check_size()
    _check_host(state)
    complaint = origins.complaint(request)
    if complaint is not None:
        abort(403, f"{complaint[0].upper()}{complaint[1:]}. Open the monitor itself, and try again there.")
    # Addresses that do not exist are refused like those that do.
    view = None if request.endpoint is None else current_app.view_functions[request.endpoint]
    right = Right.VIEW if view is None else needs(view)
    found = _find(state, is_open=right is None)
    g.login = _as_far_as_may_be(state, found.login)
    if right is not None and found.login is None:
        return _unknown(state, found)
    if origins.is_unsafe(request):
        _check_form(state, is_open=right is None)
    if right is not None and g.login is not None and g.login.right < right:
        if state.settings.read_only:
            abort(403, _READ_ONLY)
        abort(
            403,
            f"{g.login.name} has the right to {g.login.right.name.lower()}; this needs {right.name.lower()}."
            f" Use a {'token' if is_for_programs() else 'login'} with that right, or ask whoever runs this monitor for it.",
        )
    return None


def _as_far_as_may_be(state: Access, login: Login | None) -> Login | None:
    """Take from a login the rights that a read-only monitor allows nobody, so that pages do not offer them."""
    if login is None or not state.settings.read_only:
        return login
    return msgspec.structs.replace(login, right=Right.VIEW)


def _check_size() -> None:
    if len(request.headers.get("Cookie", "")) > LONGEST_COOKIES:
        abort(431, "The cookies of this request are too large: remove those of this host in the browser.")
    if len(request.query_string) > LONGEST_QUERY:
        abort(400, f"This address is too long: {LONGEST_QUERY} characters of filters are the most.")


def _check_host(state: Access) -> None:
    host = request.headers.get("Host")
    if not state.hosts.allows(host):
        needed = (
            " and with logins (--auth-file FILE)" if state.is_open and not state.settings.insecure else ""
        )
        msg = (
            f"The monitor is not reached by the name {(host or '')[:200]!r}. If that name is right, start it with"
            f" --allow-host NAME (in a program: hosts=(NAME,)){needed}."
        )
        raise WrongHostError(msg)


def _find(state: Access, *, is_open: bool) -> who.Found:
    try:
        return who.find(current_app, state, request)
    except ConfigError as error:
        # A visitor who is not let in must not see where the file is.
        logger.error("logins cannot be read: reason=%s", error)  # noqa: TRY400 - the text says it all
        if not is_open:
            abort(503, "The logins cannot be read, so nobody is let in. The monitor's log says why.")
        return who.Found(None)


def _unknown(state: Access, found: who.Found) -> BaseResponse:
    """Answer a request without a login."""
    if state.is_open:
        abort(403, f"{found.why[0].upper()}{found.why[1:]}. Give it --auth-file, or --insecure.")
    is_page = not is_for_programs() and not origins.is_unsafe(request) and LIVE_HEADER not in request.headers
    if found.is_wrong_token or not is_page or not state.has_passwords:
        msg = f"{found.why[0].upper()}{found.why[1:]}."
        raise Unauthorized(msg, www_authenticate=WWWAuthenticate("bearer"))
    path = request.full_path.rstrip("?")
    asked = f"{request.script_root}{path}"
    if not is_local(asked):
        asked = f"{request.script_root}/"
    if origins.is_link_from_elsewhere(request):
        # The session's cookie comes along once the page itself asks.
        return _again(asked)
    return redirect(url_for("login.login", next=asked), 303)


def _again(address: str) -> Response:
    return make_response(render_template("again.html", address=address))


def _check_form(state: Access, *, is_open: bool) -> None:
    if state.settings.read_only and not is_open:
        abort(403, _READ_ONLY)
    if _is_program() or csrf.has_token(g.login):
        return
    if is_for_programs():
        abort(403, _NOT_BY_A_PROGRAM)
    abort(
        403, "The form was made too long ago, or for somebody else. Go back, reload the page, and try again."
    )


def _is_program() -> bool:
    """Return whether a program makes the request in its own name, and not a page of another site."""
    if g.login is None:
        return False
    if g.login.by == "token":
        return True
    # Without logins no tokens exist. Browsers say where a request comes from, and a page cannot send JSON
    # to another site without being asked about it.
    of_browser = ("Origin", "Sec-Fetch-Site", "Cookie", "Referer")
    return (
        g.login.by == "none"
        and request.path.startswith("/api/")
        and request.is_json
        and not any(name in request.headers for name in of_browser)
    )
