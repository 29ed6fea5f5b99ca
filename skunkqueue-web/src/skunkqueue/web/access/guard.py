"""What is checked of every request before its view runs."""

from __future__ import annotations

from flask import Flask, abort, current_app, g, request

from skunkqueue.web.rights import Login, Right, needs


def install(app: Flask) -> None:
    """Check every request of this app."""
    app.before_request(check)


def check() -> None:
    """Find out who asks, and whether that login may do this."""
    g.login = Login(name=f"web@{request.remote_addr}", right=Right.ADMIN, by="none")
    if request.endpoint is None or request.endpoint == "static":
        return
    right = needs(current_app.view_functions[request.endpoint])
    if right is not None and g.login.right < right:
        abort(403)
