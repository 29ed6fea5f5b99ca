"""Monitors with logins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.security import generate_password_hash

from skunkqueue.persistence import Backend
from skunkqueue.web import create_app
from skunkqueue.web.access.logins import token_line
from tests.web.monitor_client import MonitorClient

PASSWORD = "correct horse"  # noqa: S105 - of logins that tests make
TOKENS = {name: f"skunq_{name}_token" for name in ("view", "act", "admin")}

Monitor = Callable[..., MonitorClient]


@pytest.fixture
def auth_file(tmp_path: Path) -> Path:
    """Three people and three programs, each named for its right."""
    path = tmp_path / "auth"
    # One round, so that tests need not wait.
    lines = [f"{name}:{name}:{generate_password_hash(PASSWORD, 'pbkdf2:sha256:1')}" for name in TOKENS]
    path.write_text("\n".join([*lines, *(token_line(name, name, token) for name, token in TOKENS.items())]))
    path.chmod(0o600)
    return path


@pytest.fixture
def monitor(url: str, store: Backend) -> Monitor:
    """Make a monitor with these settings; returns a browser for it."""
    del store

    def made(**options: Any) -> MonitorClient:
        app = create_app(url, **options)
        app.testing = True
        app.test_client_class = MonitorClient
        client = app.test_client()
        assert isinstance(client, MonitorClient)
        return client

    return made


@pytest.fixture
def locked(monitor: Monitor, auth_file: Path) -> MonitorClient:
    """A browser for a monitor that has logins."""
    return monitor(auth_file=str(auth_file))


def log_in(client: MonitorClient, name: str = "admin", password: str = PASSWORD, **fields: str) -> Any:
    """Log in as the login page does."""
    page = client.get("/login").text
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    return client.post(
        "/login", data={"name": name, "password": password, "csrf": token, **fields}, form_token=False
    )


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {TOKENS[name]}"}


def views(app: Flask) -> list[tuple[str, str, str]]:
    """List each endpoint with each of its methods and a path that leads there."""
    found = []
    for rule in app.url_map.iter_rules():
        path = "".join(part if not part.startswith("<") else "x" for part in _split(rule.rule))
        found += [(rule.endpoint, method, path) for method in sorted(rule.methods or ())]
    return found


def _split(rule: str) -> list[str]:
    return rule.replace("<", "\0<").replace(">", ">\0").split("\0")
