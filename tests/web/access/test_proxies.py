"""Proxies that are believed, those that are not, and monitors below a path of another site."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from skunkqueue.errors import ConfigError
from skunkqueue.persistence import Backend
from skunkqueue.web import create_app
from skunkqueue.web.access.proxies import PEER, Doorway, Proxies, read_prefix
from tests.web.access.conftest import Monitor, log_in
from tests.web.crews import add_pool
from tests.web.firings import firing

PROXY = "10.0.0.7"


def settled(*trusted: str, prefix: str = "", **environ: str) -> dict[str, Any]:
    """Return what the app sees of a request with these words in its environ."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: object) -> list[bytes]:
        del start_response
        seen.update(environ)
        return []

    said = {
        "REMOTE_ADDR": PROXY,
        "PATH_INFO": "/queues",
        "SCRIPT_NAME": "",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "h",
    }
    Doorway(app, Proxies(trusted), prefix)({**said, **environ}, lambda *_: lambda _: None)
    return seen


FORWARDED = {
    "HTTP_X_FORWARDED_FOR": "203.0.113.5",
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_HOST": "jobs.example.org",
    "HTTP_X_FORWARDED_PREFIX": "/jobs",
}


def test_a_proxy_that_is_named_is_believed() -> None:
    seen = settled(PROXY, **FORWARDED)

    assert seen["REMOTE_ADDR"] == "203.0.113.5"
    assert seen["wsgi.url_scheme"] == "https"
    assert seen["HTTP_HOST"] == "jobs.example.org"
    assert seen["SCRIPT_NAME"] == "/jobs"
    assert seen[PEER] == PROXY


@pytest.mark.parametrize("trusted", [(), ("10.0.0.8",), ("10.1.0.0/16",), ("unix",)])
def test_nobody_else_is_and_what_they_say_is_dropped(trusted: tuple[str, ...]) -> None:
    seen = settled(*trusted, **FORWARDED)

    assert seen["REMOTE_ADDR"] == PROXY
    assert seen["wsgi.url_scheme"] == "http"
    assert seen["HTTP_HOST"] == "h"
    assert seen["SCRIPT_NAME"] == ""
    assert not [name for name in seen if name.startswith("HTTP_X_FORWARDED")]


@pytest.mark.parametrize(
    ("chain", "client"),
    [
        ("1.1.1.1, 203.0.113.5", "203.0.113.5"),
        ("203.0.113.5, 10.0.0.9", "203.0.113.5"),
        ("10.0.0.8, 10.0.0.9", "10.0.0.8"),
        ("127.0.0.1, 203.0.113.5, 10.0.0.9", "203.0.113.5"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("203.0.113.5:1234", "203.0.113.5"),
        ("unknown", PROXY),
        ("", PROXY),
        ("127.0.0.1, <script>", PROXY),
    ],
)
def test_the_client_is_the_last_one_that_is_no_proxy_of_ours(chain: str, client: str) -> None:
    assert settled("10.0.0.0/24", HTTP_X_FORWARDED_FOR=chain)["REMOTE_ADDR"] == client


@pytest.mark.parametrize(
    "prefix",
    ["//evil.example", "/a//b", "jobs", "/a b", "/a?b", "/a\\b", "/..", "/a/../b", "/..%2f", "/x" * 200],
)
def test_a_prefix_that_is_not_a_path_is_not_believed(prefix: str) -> None:
    assert read_prefix(prefix) == ""
    assert settled(PROXY, HTTP_X_FORWARDED_PREFIX=prefix)["SCRIPT_NAME"] == ""


def test_a_prefix_works_behind_proxies_that_strip_it_and_such_as_do_not() -> None:
    for path in ("/jobs/queues", "/queues"):
        seen = settled(prefix="/jobs", PATH_INFO=path)
        assert (seen["SCRIPT_NAME"], seen["PATH_INFO"]) == ("/jobs", "/queues")
    assert settled(prefix="/jobs", PATH_INFO="/jobsx")["PATH_INFO"] == "/jobsx"


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/", "<h1>Overview"),
        ("/jobs", "<h1>Jobs"),
        ("/jobs/{id}", "<code>{id}"),
        ("/jobs/", "<h1>Overview"),
        ("/jobs/queues", "<h1>Queues"),
        ("/jobs/jobs", "<h1>Jobs"),
        ("/jobs/jobs/{id}", "<code>{id}"),
    ],
)
@pytest.mark.parametrize("is_told", [False, True])
def test_a_page_is_reached_also_where_its_address_begins_with_the_prefix(
    monitor: Monitor, store: Backend, path: str, leads_to: str, *, is_told: bool
) -> None:
    one = firing()
    store.enqueue([one])
    client = monitor(trusted_proxies=("127.0.0.1",), prefix="" if is_told else "/jobs")
    told = {"X-Forwarded-For": "127.0.0.1", **({"X-Forwarded-Prefix": "/jobs"} if is_told else {})}

    answer = client.get(path.format(id=one.id), headers=told)

    assert leads_to.format(id=one.id) in answer.text.replace(' id="firing-id"', "")
    assert 'href="/jobs/queues"' in answer.text


@pytest.mark.parametrize("name", ["proxy.example.org", "10.0.0.0/33", "", "*"])
def test_a_proxy_is_named_by_its_address_alone(monitor: Monitor, name: str) -> None:
    with pytest.raises(ConfigError, match="is not the address of a proxy"):
        monitor(trusted_proxies=(name,))


def test_a_header_logs_in_only_where_a_named_proxy_sets_it(monitor: Monitor, store: Backend) -> None:
    pool = add_pool(store)
    client = monitor(login_header="X-Remote-User", login_header_right="admin", trusted_proxies=(PROXY,))
    headers = {"X-Remote-User": "jed@example.org"}

    assert client.get("/queues", headers=headers).status_code == 401
    assert client.get("/queues", environ_base={"REMOTE_ADDR": PROXY}).status_code == 401
    client.environ_base.update({"REMOTE_ADDR": PROXY, "HTTP_X_REMOTE_USER": "jed@example.org"})
    assert client.get("/queues").status_code == 200
    # The proxy's cookie comes along with forms of other sites as well.
    fields = {"verb": "quiet", "id": pool.id}
    assert client.post("/do/pool", data=fields, form_token=False).status_code == 403
    page = client.get("/confirm/pool?verb=quiet&id=" + pool.id).text
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    assert client.post("/do/pool", data={**fields, "csrf": token}, form_token=False).status_code == 303
    assert store.audit(1).entries[0].who == "jed@example.org"


@pytest.mark.parametrize("name", ["", " ", "jed,admin", "x" * 201, "a\tb"])
def test_a_header_that_is_not_one_name_logs_nobody_in(monitor: Monitor, name: str) -> None:
    client = monitor(login_header="X-Remote-User", trusted_proxies=("127.0.0.1",))

    assert client.get("/queues", headers={"X-Remote-User": name}).status_code == 401


def test_a_login_header_without_a_named_proxy_is_refused(monitor: Monitor) -> None:
    with pytest.raises(ConfigError, match="--trusted-proxy"):
        monitor(login_header="X-Remote-User")


def test_a_proxy_that_is_named_serves_other_machines_only_with_logins(monitor: Monitor) -> None:
    client = monitor(trusted_proxies=("127.0.0.1",))

    assert client.get("/queues", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 200
    assert client.get("/queues", headers={"X-Forwarded-For": "203.0.113.5"}).status_code == 403


@pytest.mark.parametrize("inside", ["/jobs", "/a/b"])
def test_the_monitor_is_mounted_below_a_path_of_another_app(
    url: str, store: Backend, inside: str, auth_file: Path
) -> None:
    del store
    outer = Flask("outer")
    outer.add_url_rule("/", "home", lambda: "the site's own page")
    monitor = create_app(url, auth_file=str(auth_file))
    monitor.testing = True
    client = Client(DispatcherMiddleware(outer.wsgi_app, {inside: monitor}))

    assert client.get("/").text == "the site's own page"
    asked = client.get(f"{inside}/queues?x=1")
    assert asked.headers["Location"] == f"{inside}/login?next={inside}/queues?x%3D1"
    page = client.get(asked.headers["Location"]).text
    assert f'href="{inside}/static/style.css"' in page
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    fields = {"name": "admin", "password": "correct horse", "csrf": token, "next": f"{inside}/queues?x=1"}
    answer = client.post(f"{inside}/login", data=fields)
    assert answer.headers["Location"] == f"{inside}/queues?x=1"
    assert f"Path={inside}" in answer.headers["Set-Cookie"]
    assert client.get(f"{inside}/queues").status_code == 200
    # Not to another part of the same site either.
    assert client.get(f"{inside}/login?next=/elsewhere").headers["Location"] == f"{inside}/"


def test_a_monitor_below_a_path_works_by_its_own_setting(monitor: Monitor, auth_file: Path) -> None:
    client = monitor(auth_file=str(auth_file), prefix="/jobs")

    assert client.get("/jobs/queues").location == "/jobs/login?next=/jobs/queues"
    assert 'action="/jobs/login"' in client.get("/jobs/login").text


def test_a_form_works_behind_a_proxy_on_another_port_that_tells_the_port(
    monitor: Monitor, auth_file: Path, store: Backend
) -> None:
    pool = add_pool(store)
    client = monitor(auth_file=str(auth_file), trusted_proxies=(PROXY,), hosts=("example.org",))
    client.environ_base.update(
        {
            "REMOTE_ADDR": PROXY,
            "HTTP_X_FORWARDED_FOR": "203.0.113.5",
            "HTTP_X_FORWARDED_PROTO": "https",
            "HTTP_X_FORWARDED_HOST": "example.org:8443",
            "HTTP_ORIGIN": "https://example.org:8443",
            "HTTP_SEC_FETCH_SITE": "same-origin",
        }
    )

    fields = {"verb": "quiet", "id": pool.id}
    assert log_in(client).status_code == 303
    page = client.get(f"/confirm/pool?verb=quiet&id={pool.id}").text
    token = page.partition('name="csrf" value="')[2].partition('"')[0]
    assert client.post("/do/pool", data={**fields, "csrf": token}, form_token=False).status_code == 303
    without_port = {"X-Forwarded-Host": "example.org"}
    assert client.post("/do/pool", data=fields, headers=without_port, form_token=False).status_code == 403


def test_an_empty_prefix_is_none() -> None:
    assert settled(PROXY, HTTP_X_FORWARDED_PREFIX="")["SCRIPT_NAME"] == ""
