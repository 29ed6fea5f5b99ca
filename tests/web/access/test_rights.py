"""What each login may do, decided by the server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from skunkqueue.web.access import csrf
from skunkqueue.web.rights import Login, Right, allowed, needs
from tests.web.access.conftest import TOKENS, Monitor, bearer, log_in, views
from tests.web.crews import add_pool
from tests.web.firings import firing
from tests.web.monitor_client import MonitorClient

OPEN = {"static", "login.login", "login.log_in", "login.log_out", "health.healthz", "health.readyz"}
SAFE = {"GET", "HEAD", "OPTIONS"}


def test_every_view_declares_what_it_needs_and_only_these_need_nothing(app: Flask) -> None:
    assert {name for name, view in app.view_functions.items() if needs(view) is None} <= OPEN


def test_no_view_serves_both_reading_and_changing(app: Flask) -> None:
    for rule in app.url_map.iter_rules():
        methods = set(rule.methods or ())
        assert methods <= SAFE or not methods & SAFE, rule


def test_whatever_changes_something_needs_more_than_to_view(app: Flask) -> None:
    changing = {name for name, method, _ in views(app) if method not in SAFE} - OPEN

    assert all((needs(app.view_functions[name]) or Right.VIEW) > Right.VIEW for name in changing)


def test_a_view_that_declares_nothing_is_never_served(app: Flask) -> None:
    app.add_url_rule("/forgotten", "forgotten", lambda: "secret")
    app.testing = False

    answer = app.test_client().get("/forgotten")

    assert answer.status_code == 500
    assert "secret" not in answer.text


def test_an_app_with_a_view_that_declares_nothing_is_not_made(
    monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask import Blueprint  # noqa: PLC0415 - for this test alone

    from skunkqueue.web import app as module  # noqa: PLC0415 - for this test alone

    careless = Blueprint("careless", __name__)
    careless.add_url_rule("/careless", "careless", lambda: "secret")
    monkeypatch.setattr(module, "BLUEPRINTS", (*module.BLUEPRINTS, careless))

    with pytest.raises(LookupError, match="declares no right"):
        monitor()


def test_without_a_login_nothing_but_the_login_page_is_served(locked: MonitorClient) -> None:
    for endpoint, method, path in views(locked.application):
        if endpoint in OPEN:
            continue
        answer = locked.open(path, method=method)
        refused = answer.status_code in (401, 303)
        assert refused, (endpoint, method, answer.status)
        if answer.status_code == 303:
            assert answer.location.startswith("/login?next=")


def test_what_does_not_exist_is_as_closed_as_what_does(locked: MonitorClient) -> None:
    assert locked.get("/nothing-here").status_code == 303
    assert locked.get("/api/v1/nothing-here").status_code == 401

    log_in(locked)

    assert locked.get("/nothing-here").status_code == 404


@pytest.mark.parametrize("name", ["view", "act"])
def test_a_right_that_is_too_small_is_refused_by_the_server(locked: MonitorClient, name: str) -> None:
    log_in(locked, name)
    mine = Right[name.upper()]

    for endpoint, method, path in views(locked.application):
        needed = needs(locked.application.view_functions[endpoint])
        if needed is not None and needed > mine:
            answer = locked.open(path, method=method)
            assert answer.status_code == 403, (endpoint, method)
            assert method == "HEAD" or f"has the right to {name}" in answer.text


def test_a_refused_command_is_not_carried_out(locked: MonitorClient, store: Backend) -> None:
    pool = add_pool(store)
    log_in(locked, "view")

    answer = locked.post("/do/pool", data={"verb": "stop", "id": pool.id})

    assert answer.status_code == 403
    assert store.listen(pool.id, 0) == []


@pytest.mark.parametrize("name", list(TOKENS))
def test_a_token_has_the_right_of_its_line(locked: MonitorClient, store: Backend, name: str) -> None:
    pool = add_pool(store)

    answer = locked.post("/do/pool", data={"verb": "stop", "id": pool.id}, headers=bearer(name))

    assert answer.status_code == (303 if name == "admin" else 403)
    assert len(store.listen(pool.id, 0)) == (name == "admin")


def test_what_is_done_is_in_the_audit_log_with_login_and_reason(
    locked: MonitorClient, store: Backend
) -> None:
    pool = add_pool(store)
    log_in(locked)

    locked.post("/do/pool", data={"verb": "quiet", "id": pool.id, "why": "a new release"})

    (entry,) = store.audit(10).entries
    assert (entry.who, entry.why, entry.verb) == ("admin", "a new release", "quiet")


def test_without_logins_the_audit_log_has_the_address(client: FlaskClient, store: Backend) -> None:
    pool = add_pool(store)

    client.post("/do/pool", data={"verb": "quiet", "id": pool.id})

    assert store.audit(10).entries[0].who == "web@127.0.0.1"


def test_the_site_itself_says_who_asks(monitor: Monitor, store: Backend) -> None:
    pool = add_pool(store)
    jed = Login(name="jed@shop", right=Right.ADMIN, by="site")
    client = monitor(authorize=lambda request: jed if request.headers.get("X-Site") == "jed" else None)

    assert client.get("/queues").status_code == 401
    assert client.get("/queues", headers={"X-Site": "jed"}).status_code == 200
    client.environ_base["HTTP_X_SITE"] = "jed"
    with client.application.test_request_context(
        headers={"X-Site": "jed"}, environ_base={"REMOTE_ADDR": "127.0.0.1"}
    ):
        client.application.preprocess_request()
        token = csrf.csrf_token()
    client.post("/do/pool", data={"verb": "quiet", "id": pool.id, "csrf": token}, form_token=False)
    assert store.audit(10).entries[0].who == "jed@shop"


def test_a_form_needs_its_token_whatever_the_site_calls_who_asks(monitor: Monitor, store: Backend) -> None:
    pool = add_pool(store)
    jed = Login(name="jed@shop", right=Right.ADMIN, by="token")
    client = monitor(authorize=lambda _: jed)

    answer = client.post("/do/pool", data={"verb": "quiet", "id": pool.id}, form_token=False)

    assert answer.status_code == 403
    assert store.listen(pool.id, 0) == []


def test_read_only_refuses_everybody_whatever_they_may_do(
    monitor: Monitor, auth_file: Path, store: Backend
) -> None:
    pool = add_pool(store)
    client = monitor(auth_file=str(auth_file), read_only=True)
    assert log_in(client).status_code == 303

    answer = client.post("/do/pool", data={"verb": "stop", "id": pool.id})

    assert answer.status_code == 403
    assert "read-only" in answer.text
    assert store.listen(pool.id, 0) == []
    asked = client.get("/confirm/pool", query_string={"verb": "stop", "id": pool.id})
    assert asked.status_code == 403
    assert "read-only" in asked.text
    assert client.get("/queues").status_code == 200
    # What nobody may do is not offered.
    assert "/confirm/pool" not in client.get("/workers").text
    assert client.post("/logout").status_code == 303


def changing(app: Flask) -> list[tuple[str, str]]:
    """List the methods and paths of all that changes something."""
    return [
        (method, path) for endpoint, method, path in views(app) if method not in SAFE and endpoint not in OPEN
    ]


def test_whatever_changes_something_needs_the_token_of_its_form(locked: MonitorClient) -> None:
    log_in(locked)
    asked = changing(locked.application)

    refused = {
        (method, path): locked.open(path, method=method, form_token=False).status_code
        for method, path in asked
    }

    assert len(asked) > 20
    assert set(refused.values()) == {403}, refused


@pytest.mark.parametrize("way", ["token", "session", "none"])
def test_read_only_refuses_whatever_changes_something(monitor: Monitor, auth_file: Path, way: str) -> None:
    logins = {} if way == "none" else {"auth_file": str(auth_file)}
    client = monitor(read_only=True, **logins)
    headers = bearer("admin") if way == "token" else {}
    if way == "session":
        log_in(client)

    answers = {
        (method, path): client.open(
            path, method=method, headers=headers, json={} if path.startswith("/api/") else None
        )
        for method, path in changing(client.application)
    }

    assert any(path.startswith("/api/") for _, path in answers)
    assert {asked for asked, answer in answers.items() if answer.status_code != 403} == set()
    assert {asked for asked, answer in answers.items() if "read-only" not in answer.text} == set()


@pytest.mark.parametrize(
    ("options", "name", "mark"),
    [
        ({"read_only": True}, "admin", "read-only"),
        ({}, "view", "view only"),
        ({}, "act", None),
        ({}, "admin", None),
    ],
)
def test_who_may_change_nothing_sees_so_on_every_page(
    monitor: Monitor, auth_file: Path, options: dict[str, bool], name: str, mark: str | None
) -> None:
    client = monitor(auth_file=str(auth_file), **options)
    log_in(client, name)

    for page in ("/", "/queues", "/audit"):
        marks = re.findall(r'<span class="view-only"[^>]*>([^<]+)<', client.get(page).text)
        assert marks == ([] if mark is None else [mark])


@pytest.mark.parametrize("way", ["page", "api"])
def test_a_purge_is_in_the_audit_log_with_login_and_reason(
    locked: MonitorClient, store: Backend, way: str
) -> None:
    store.enqueue([firing(), firing()])
    about = {"queue": "shop", "route": "default", "why": "a <wrong> deploy"}

    if way == "page":
        log_in(locked, "admin")
        assert locked.post("/do/purge", data=about).status_code == 303
    else:
        answer = locked.post("/api/v1/routes/purge", json=about, headers=bearer("admin"), form_token=False)
        assert answer.status_code == 200
        log_in(locked, "view")

    (entry,) = store.audit(10).entries
    assert (entry.verb, entry.on, entry.did) == (
        "purge",
        "route default of queue shop",
        "removed 2 pending",
    )
    assert (entry.who, entry.why) == ({"page": "admin", "api": "@admin"}[way], "a <wrong> deploy")
    text = locked.get("/audit").text
    assert f">{entry.who}</a>" in text
    assert "a &lt;wrong&gt; deploy" in text


def test_no_right_is_written_where_the_view_is_not_marked(app: Flask) -> None:
    @allowed(Right.ACT)
    def marked() -> str:
        return ""

    assert needs(marked) is Right.ACT
    with pytest.raises(LookupError, match="declares no right"):
        needs(test_no_right_is_written_where_the_view_is_not_marked)
    assert app
