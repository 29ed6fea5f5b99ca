"""Flask's client, whose forms have the token that a page would have put into them."""

from __future__ import annotations

from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from skunkqueue.web.access import csrf, sessions


class MonitorClient(FlaskClient):
    """A browser with its cookies."""

    def open(self, *args: Any, form_token: bool = True, **kwargs: Any) -> TestResponse:
        """Make a request; ``form_token``: one that changes something brings the token of who asks."""
        if form_token and kwargs.get("method", "GET") not in ("GET", "HEAD", "OPTIONS"):
            headers = dict(kwargs.pop("headers", None) or {})
            kwargs["headers"] = {csrf.HEADER: self.token(), **headers}
        return super().open(*args, **kwargs)

    def token(self) -> str:
        """Return the token that is in the forms of who asks."""
        app = self.application
        cookie = self.get_cookie(sessions.COOKIE)
        headers = {} if cookie is None else {"Cookie": f"{cookie.key}={cookie.value}"}
        with app.test_request_context(headers=headers, environ_base={"REMOTE_ADDR": "127.0.0.1"}):
            app.preprocess_request()
            return csrf.csrf_token()
