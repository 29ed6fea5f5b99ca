"""Requests to another name, from other sites and from other machines."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from skunkqueue.errors import ConfigError
from skunkqueue.persistence import Backend
from skunkqueue.web.access.hosts import Hosts, name_of
from tests.web.access.conftest import Monitor, bearer, log_in
from tests.web.crews import add_pool
from tests.web.monitor_client import MonitorClient


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5010", "LOCALHOST:1", "localhost.", "127.0.0.1:5010", "[::1]:5010"]
)
def test_the_names_of_this_machine_are_allowed(client: FlaskClient, host: str) -> None:
    assert client.get("/queues", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:5010",
        "localhost.evil.example",
        "evil-localhost",
        "localhost@evil.example",
        "localhost:5010@evil.example",
        "localhost evil.example",
        "localhost,evil.example",
        "127.0.0.1.evil.example",
        "10.0.0.7",
        "0.0.0.0",  # noqa: S104 - sent, not bound to
        "[::2]",
        "[::1",
        "localhost:port",
        "",
    ],
)
def test_a_name_that_dns_could_lead_here_is_refused(client: FlaskClient, host: str) -> None:
    answer = client.get("/queues", headers={"Host": host})

    assert answer.status_code == 400
    assert "--allow-host" in answer.text


def test_static_files_and_the_login_page_are_not_served_to_another_name(locked: MonitorClient) -> None:
    for path in ("/static/style.css", "/login", "/nothing"):
        assert locked.get(path, headers={"Host": "evil.example"}).status_code == 400


def test_a_name_that_is_allowed_is_compared_whole(monitor: Monitor) -> None:
    client = monitor(hosts=("jobs.example.org",), insecure=True)

    assert client.get("/queues", headers={"Host": "jobs.example.org:8443"}).status_code == 200
    assert client.get("/queues", headers={"Host": "jobs.example.org.evil.example"}).status_code == 400
    assert client.get("/queues", headers={"Host": "ajobs.example.org"}).status_code == 400


def test_without_logins_no_name_but_those_of_this_machine_is_allowed(
    monitor: Monitor, auth_file: Path
) -> None:
    with pytest.raises(
        ConfigError, match=r"by the name 'jobs\.example\.org', also through a proxy: make a login"
    ):
        monitor(hosts=("localhost", "jobs.example.org"))

    assert monitor(hosts=("localhost", "127.0.0.2")).get("/queues").status_code == 200
    assert monitor(hosts=("jobs.example.org",), auth_file=str(auth_file)).get("/login").status_code == 200


def test_who_comes_by_another_name_is_told_that_it_needs_logins(
    client: FlaskClient, locked: MonitorClient
) -> None:
    told = [one.get("/queues", headers={"Host": "jobs.example.org"}).text for one in (client, locked)]

    assert ["--auth-file" in text for text in told] == [True, False]


@pytest.mark.parametrize("name", ["https://x", "x:80", "x/y", "", "*", "*.example.org", "a b"])
def test_what_is_not_a_name_cannot_be_allowed(monitor: Monitor, name: str) -> None:
    with pytest.raises(ConfigError, match="is not the name of a host"):
        monitor(hosts=(name,))


def test_an_address_is_a_name_only_where_all_addresses_are_listened_on() -> None:
    # No DNS leads a browser to an address that somebody has typed.
    assert Hosts("0.0.0.0").allows("10.1.2.3:5010")  # noqa: S104 - compared with, not bound to
    assert Hosts("10.1.2.3").allows("10.1.2.3")
    assert not Hosts("127.0.0.1").allows("10.1.2.3")
    assert not Hosts("0.0.0.0").allows("evil.example")  # noqa: S104 - as above


def test_names_are_read_without_their_port() -> None:
    assert name_of("[::0001]:80") == "::1"
    assert name_of("::1") == "::1"
    assert name_of("a:b:c") is None


@pytest.mark.parametrize("site", ["cross-site", "same-site", "something-new"])
def test_a_form_of_another_site_changes_nothing(client: FlaskClient, store: Backend, site: str) -> None:
    pool = add_pool(store)

    answer = client.post("/do/pool", data={"verb": "stop", "id": pool.id}, headers={"Sec-Fetch-Site": site})

    assert answer.status_code == 403
    assert store.listen(pool.id, 0) == []


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://localhost:81",
        "http://localhost.evil.example",
        "localhost",
        "",
        "file://",
    ],
)
def test_an_origin_that_is_not_ours_changes_nothing(client: FlaskClient, store: Backend, origin: str) -> None:
    pool = add_pool(store)

    answer = client.post("/do/pool", data={"verb": "stop", "id": pool.id}, headers={"Origin": origin})

    assert answer.status_code == 403
    assert store.listen(pool.id, 0) == []


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "POST", "TRACE", "PURGE"])
def test_all_methods_that_could_change_something_are_checked(client: FlaskClient, method: str) -> None:
    answer = client.open("/queues", method=method, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403


def test_a_token_does_not_help_a_page_of_another_site(locked: MonitorClient) -> None:
    headers = {**bearer("admin"), "Origin": "https://evil.example"}

    assert locked.post("/do/pool", data={}, headers=headers).status_code == 403


def test_our_own_origin_is_allowed(client: FlaskClient, store: Backend) -> None:
    pool = add_pool(store)
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}

    assert client.post("/do/pool", data={"verb": "quiet", "id": pool.id}, headers=headers).status_code == 303


@pytest.mark.parametrize("token", [None, "", "x" * 64, "é"])
def test_a_form_without_its_token_changes_nothing(
    client: MonitorClient, store: Backend, token: str | None
) -> None:
    pool = add_pool(store)
    fields = {"verb": "stop", "id": pool.id} | ({} if token is None else {"csrf": token})

    answer = client.post("/do/pool", data=fields, form_token=False)

    assert answer.status_code == 403
    assert "reload the page" in answer.text
    assert store.listen(pool.id, 0) == []


def test_a_token_of_somebody_else_is_worth_nothing(monitor: Monitor, locked: MonitorClient) -> None:
    del monitor
    other = locked.application.test_client()
    assert isinstance(other, MonitorClient)
    log_in(locked, "admin")
    log_in(other, "view")

    answer = locked.post("/do/pool", data={"csrf": other.token()}, form_token=False)

    assert answer.status_code == 403


def test_a_page_of_another_site_cannot_use_ours_as_its_part(client: FlaskClient) -> None:
    embedded = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    assert client.get("/queues", headers=embedded).status_code == 403
    assert client.get("/queues", headers=framed).status_code == 403
    assert client.get("/queues", headers=link).status_code == 200


def test_there_is_no_cors(client: FlaskClient) -> None:
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    answers = [client.options("/queues", headers=asked), client.get("/queues", headers=asked)]

    assert not [name for answer in answers for name, _ in answer.headers if name.startswith("Access-Control")]


def test_without_logins_other_machines_are_refused(client: FlaskClient) -> None:
    answer = client.get("/queues", environ_base={"REMOTE_ADDR": "10.0.0.7"})

    assert answer.status_code == 403
    assert "--auth-file" in answer.text


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_without_logins_a_proxy_that_nobody_named_is_refused(client: FlaskClient, name: str) -> None:
    assert client.get("/queues", headers={name: "127.0.0.1"}).status_code == 403


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Forwarded-Proto", "https"),
        ("X-Real-IP", "203.0.113.5"),
        ("Forwarded", "for=203.0.113.5"),
        ("Via", "1.1 proxy"),
        ("X-Forwarded-For", "unknown"),
        ("X-Forwarded-For", "203.0.113.5"),
    ],
)
def test_without_logins_nobody_comes_in_for_whom_a_named_proxy_does_not_vouch(
    monitor: Monitor, name: str, value: str
) -> None:
    client = monitor(trusted_proxies=("127.0.0.1",))

    assert client.get("/queues", headers={name: value}).status_code == 403
    assert client.get("/queues", headers={"X-Forwarded-For": "127.0.0.1"}).status_code == 200
    assert client.get("/queues").status_code == 200


def test_insecure_lets_everybody_in_as_said(monitor: Monitor) -> None:
    client = monitor(insecure=True, host="0.0.0.0", hosts=("jobs",))  # noqa: S104 - not bound to

    assert (
        client.get("/queues", environ_base={"REMOTE_ADDR": "10.0.0.7"}, headers={"Host": "jobs"}).status_code
        == 200
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "jobs.example.org"])  # noqa: S104 - not bound to
def test_another_address_than_loopback_is_refused_without_logins(monitor: Monitor, host: str) -> None:
    with pytest.raises(ConfigError, match=r"--auth-file.*--login-header.*--insecure"):
        monitor(host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_logins(monitor: Monitor, host: str) -> None:
    assert monitor(host=host).get("/queues").status_code == 200
