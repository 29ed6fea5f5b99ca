"""What answers carry, how large requests may be, and what is said when something fails."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue import SkunkQueue
from skunkqueue.errors import ConfigError
from skunkqueue.web import create_app
from skunkqueue.web.access.guard import LARGEST_BODY, LONGEST_COOKIES, LONGEST_QUERY
from skunkqueue.web.access.local import is_local
from skunkqueue.web.rights import Right, allowed
from tests.web.access.conftest import Monitor, log_in
from tests.web.monitor_client import MonitorClient

OUTSIDE = [
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    " //evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/queues\r\nSet-Cookie: a=b",
    "/../evil",
    "/%2e%2E/evil",
    "/" + "x" * 3_000,
    "",
]


def test_all_answers_have_a_strict_policy(locked: MonitorClient) -> None:
    log_in(locked)
    paths = ["/queues", "/nothing", "/static/style.css", "/login?next=/queues", "/api/v1/nothing"]
    for answer in [*map(locked.get, paths), locked.get("/queues", headers={"Host": "evil.example"})]:
        answer.close()
        policy = dict(
            part.strip().split(" ", 1) for part in answer.headers["Content-Security-Policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["frame-ancestors"] == "'none'"
        assert policy["base-uri"] == "'none'"
        assert set(policy.values()) == {"'none'", "'self'"}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_pages_are_kept_by_no_cache_and_static_files_are(client: FlaskClient) -> None:
    assert client.get("/queues").headers["Cache-Control"] == "no-store"
    with client.get("/static/style.css") as answer:
        assert "no-store" not in answer.headers.get("Cache-Control", "")


def test_nothing_in_a_template_is_inline_or_of_another_host(app: Flask) -> None:
    folder = Path(app.root_path, "templates")
    inline = re.compile(
        r"<script(?![^>]*\ssrc=)|<style|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:|(?:src|href)=\"(?:https?:)?//",
        re.IGNORECASE,
    )
    pages = list(folder.rglob("*.html"))

    assert pages
    assert [(page.name, found) for page in pages for found in inline.findall(page.read_text())] == []


def test_no_template_marks_anything_as_safe(app: Flask) -> None:
    pages = Path(app.root_path, "templates").rglob("*")

    assert [
        page.name
        for page in pages
        if page.is_file() and re.search(r"\|\s*safe\b|autoescape", page.read_text())
    ] == []


@pytest.mark.parametrize("asked", OUTSIDE)
def test_no_next_leads_to_another_site(locked: MonitorClient, asked: str) -> None:
    answer = log_in(locked, next=asked)

    assert answer.location == "/"
    assert locked.get("/login", query_string={"next": asked}).location == "/"


@pytest.mark.parametrize(
    "asked", ["/queues", "/jobs?q=%2F%2F", "/jobs?next=https://x", "/", "/jobs/x?whole=1#result"]
)
def test_a_path_of_ours_is_followed(app: Flask, asked: str) -> None:
    with app.test_request_context():
        assert is_local(asked)


def test_no_header_is_made_of_what_a_request_brings(locked: MonitorClient) -> None:
    for path in (
        "/login?next=/%0d%0aX-Evil:%201",
        "/queues%0d%0aX-Evil:%201",
        "/%0d%0aX-Evil:%201?a=%0d%0ab",
    ):
        answer = locked.get(path)
        assert "X-Evil" not in answer.headers
        assert not any("\n" in value or "\r" in value for _, value in answer.headers)


def test_a_name_in_the_address_is_shown_as_text(client: FlaskClient) -> None:
    for path in ("/<script>alert(1)</script>", "/more?page=<script>alert(1)</script>"):
        assert "<script>alert" not in client.get(path).text


def test_requests_that_are_too_large_are_refused(locked: MonitorClient) -> None:
    locked.get("/login")
    assert locked.get("/queues?a=" + "x" * LONGEST_QUERY).status_code == 400
    assert (
        locked.post("/login", data={"name": "x" * LARGEST_BODY, "csrf": "x"}, form_token=False).status_code
        == 413
    )


def test_cookies_that_are_too_large_are_refused_with_the_way_out(locked: MonitorClient) -> None:
    for name in ("a", "b", "c"):
        locked.set_cookie(name, "x" * (LONGEST_COOKIES // 3))

    answer = locked.get("/queues")

    assert answer.status_code == 431
    assert "remove those of this host" in answer.text


def test_a_form_of_too_many_parts_is_refused(locked: MonitorClient) -> None:
    locked.get("/login")
    parts = {f"field{number}": "x" for number in range(1_001)}

    answer = locked.post("/login", data=parts, content_type="multipart/form-data", form_token=False)

    assert answer.status_code == 413


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("DELETE", "/queues", 405)])
def test_errors_are_pages_for_people(client: FlaskClient, method: str, path: str, status: int) -> None:
    page = client.open(path, method=method)

    assert page.status_code == status
    assert page.mimetype == "text/html"


def test_errors_are_problems_for_programs(client: FlaskClient) -> None:
    answer = client.get("/api/v1/nothing")

    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
    assert json.loads(answer.data)["status"] == 404
    assert json.loads(answer.data)["title"] == "Not Found"


def test_a_fault_shows_no_traceback(monitor: Monitor, caplog: pytest.LogCaptureFixture) -> None:
    client = monitor()
    app = client.application

    @allowed(Right.VIEW)
    def broken() -> str:
        raise ValueError("the password is hunter2")

    app.add_url_rule("/broken", "broken", broken)
    app.testing = False

    answer = client.get("/broken")

    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    assert "hunter2" in caplog.text


def test_a_store_that_is_away_is_named_without_its_password() -> None:
    # Nobody listens there.
    app = create_app("redis://jed:hunter2@127.0.0.1:1/0?connect_timeout=1")
    client = app.test_client()

    for path in ("/queues", "/api/v1/routes"):
        answer = client.get(path)
        if answer.status_code == 404:
            continue
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert "127.0.0.1:1" in answer.text
        assert "hunter2" not in answer.text
        assert "Traceback" not in answer.text


def test_a_store_that_is_away_is_named_without_the_secrets_among_its_options() -> None:
    # Nobody listens there.
    url = "redis+sentinel://jed:hunter2@127.0.0.1:1/main?connect_timeout=1&sentinel_password=hunter3"
    answer = create_app(url).test_client().get("/queues")

    assert answer.status_code == 503
    assert "127.0.0.1:1" in answer.text
    assert "sentinel_password=***" in answer.text
    assert "hunter" not in answer.text


def test_a_store_that_is_missing_is_a_page_that_says_how_to_begin(tmp_path: Path) -> None:
    place = tmp_path / "none.db"
    client = create_app(f"sqlite:///{place}").test_client()

    answer = client.get("/queues")

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "skunq demo" in answer.text
    assert str(place) in answer.text
    assert not place.exists()


@pytest.mark.parametrize("place", ["sqlite:///{folder}/none.db", "redis://127.0.0.1:1/0?connect_timeout=1"])
def test_what_was_sent_while_the_store_was_away_is_not_fetched_again(tmp_path: Path, place: str) -> None:
    app = create_app(place.format(folder=tmp_path))
    app.test_client_class = MonitorClient

    answer = app.test_client().post("/do/route", data={"verb": "pause", "queue": "shop"})

    assert answer.status_code == 503
    assert 'data-live="off"' in answer.text
    assert 'href=""' not in answer.text
    assert 'href="/"' in answer.text


def test_a_store_that_appears_is_found_without_a_restart(tmp_path: Path) -> None:
    place = tmp_path / "later.db"
    client = create_app(f"sqlite:///{place}").test_client()
    assert client.get("/queues").status_code == 503

    later = SkunkQueue("shop", conn_url=f"sqlite:///{place}")
    later.backend.now()
    later.close()

    assert client.get("/queues").status_code == 200


def test_a_monitor_that_nobody_looks_at_does_not_open_its_store(tmp_path: Path) -> None:
    app = create_app(f"sqlite:///{tmp_path / 'none.db'}")

    with app.test_client().get("/static/style.css") as answer:
        assert answer.status_code == 200
    assert app.extensions["skunkqueue.source"]._backend is None


def test_a_failure_tells_a_visitor_nothing(monitor: Monitor, caplog: pytest.LogCaptureFixture) -> None:
    def authorize(_: object) -> None:
        raise ConfigError("/srv/secret/people.db cannot be read")

    answer = monitor(authorize=authorize).get("/queues")

    assert answer.status_code == 503
    assert "people.db" not in answer.text
    assert "people.db" in caplog.text
