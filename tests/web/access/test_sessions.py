"""Sessions: signed, kept from scripts and other sites, ended by time, at log-out, and with their login."""

from __future__ import annotations

import http.client
import re
import stat
import time
from pathlib import Path

import pytest
from itsdangerous import URLSafeTimedSerializer
from werkzeug.security import generate_password_hash

from skunkqueue.errors import ConfigError
from skunkqueue.web.access.secret import ENV_SECRET, find_secret
from skunkqueue.web.access.sessions import COOKIE
from skunkqueue.web.access.state import KEY
from tests.web.access.conftest import PASSWORD, Monitor, log_in
from tests.web.monitor_client import MonitorClient
from tests.web.test_command import started


def cookie(client: MonitorClient) -> str:
    found = client.get_cookie(COOKIE)
    assert found is not None
    return found.value


def put(client: MonitorClient, value: str) -> None:
    client.set_cookie(COOKIE, value)


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(locked: MonitorClient) -> None:
    words = str(log_in(locked).headers["Set-Cookie"]).split("; ")

    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(words)
    assert "Secure" not in words
    assert not [word for word in words if word.startswith(("Domain", "Expires"))]


def test_the_cookie_is_secure_where_the_connection_is(monitor: Monitor, auth_file: Path) -> None:
    client = monitor(auth_file=str(auth_file), trusted_proxies=("127.0.0.1",))
    client.environ_base["HTTP_X_FORWARDED_PROTO"] = "https"

    assert "Secure" in str(log_in(client).headers["Set-Cookie"]).split("; ")


def test_a_session_ends_by_time_however_busy_it_is(locked: MonitorClient) -> None:
    log_in(locked)
    access = locked.application.extensions[KEY]
    begun = time.time()
    for hours in (1, 6, 11.9):
        access.now = lambda hours=hours: begun + hours * 3_600
        assert locked.get("/queues").status_code == 200

    access.now = lambda: begun + 12.1 * 3_600

    assert locked.get("/queues").status_code == 303


def test_a_session_of_the_future_is_refused(locked: MonitorClient) -> None:
    log_in(locked)
    locked.application.extensions[KEY].now = lambda: 1_000.0

    assert locked.get("/queues").status_code == 303


def test_a_session_outlives_a_restart(monitor: Monitor, auth_file: Path) -> None:
    first = monitor(auth_file=str(auth_file))
    log_in(first)
    second = monitor(auth_file=str(auth_file))

    put(second, cookie(first))

    assert second.get("/queues").status_code == 200


def test_logging_out_ends_copies_of_the_cookie_as_well(locked: MonitorClient) -> None:
    log_in(locked)
    copied = cookie(locked)

    answer = locked.post("/logout")
    assert answer.status_code == 303
    assert locked.get("/queues").status_code == 303

    put(locked, copied)
    assert locked.get("/queues").status_code == 303


def test_logging_out_ends_the_session_in_other_processes_as_well(
    monitor: Monitor, auth_file: Path, url: str
) -> None:
    client = monitor(auth_file=str(auth_file))
    log_in(client)
    copied = cookie(client)
    with started(url, "--auth-file", str(auth_file)) as (_, port):
        assert status_of(port, copied) == 200
        client.post("/logout")
        assert status_of(port, copied) == 303


def status_of(port: int, value: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", "/queues", headers={"Cookie": f"{COOKIE}={value}"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_a_session_that_has_ended_is_ended_after_a_restart(monitor: Monitor, auth_file: Path) -> None:
    first = monitor(auth_file=str(auth_file))
    log_in(first)
    copied = cookie(first)
    first.post("/logout")

    second = monitor(auth_file=str(auth_file))
    put(second, copied)

    assert second.get("/queues").status_code == 303


def test_no_page_of_another_site_logs_somebody_out(locked: MonitorClient) -> None:
    log_in(locked)

    assert locked.post("/logout", form_token=False).status_code == 403
    assert locked.get("/logout").status_code == 405
    assert locked.get("/queues").status_code == 200


def test_a_session_that_was_planted_before_is_not_the_one_after_logging_in(locked: MonitorClient) -> None:
    locked.get("/login")
    planted = cookie(locked)
    log_in(locked)
    mine = locked.token()
    stranger = locked.application.test_client()
    assert isinstance(stranger, MonitorClient)

    put(stranger, planted)

    assert stranger.get("/queues").status_code == 303
    assert cookie(locked) != planted
    put(locked, planted)
    assert locked.token() != mine


def test_nothing_of_a_session_before_logging_in_is_kept(locked: MonitorClient) -> None:
    locked.get("/login")
    with locked.session_transaction() as planted:
        planted["planted"] = "by somebody else"

    log_in(locked)

    with locked.session_transaction() as found:
        assert set(found) == {"name", "since", "id", "print"}


def test_logging_in_twice_gives_another_session(locked: MonitorClient) -> None:
    log_in(locked)
    first, token = cookie(locked), locked.token()
    locked.post("/logout")
    log_in(locked)

    assert cookie(locked) != first
    assert locked.token() != token


@pytest.mark.parametrize(
    "line",
    ["", "admin:admin:" + generate_password_hash("another", "pbkdf2:sha256:1")],
    ids=["removed", "changed"],
)
def test_a_removed_login_and_a_changed_password_end_its_sessions(
    locked: MonitorClient, auth_file: Path, line: str
) -> None:
    log_in(locked)
    auth_file.write_text(re.sub(r"^admin:.*$", line, auth_file.read_text(), flags=re.MULTILINE))

    assert locked.get("/queues").status_code == 303


@pytest.mark.parametrize("change", ["signed by another", "cut", "changed", "nonsense", "unsigned"])
def test_a_cookie_that_we_have_not_signed_is_nobody(locked: MonitorClient, change: str) -> None:
    log_in(locked)
    real = cookie(locked)
    body, _, signature = real.rpartition(".")
    put(
        locked,
        {
            "signed by another": str(URLSafeTimedSerializer("x").dumps({"name": "admin"})),
            "cut": real[:-3],
            "changed": f"x{body}.{signature}",
            "nonsense": "..." * 40,
            "unsigned": body,
        }[change],
    )

    assert locked.get("/queues").status_code == 303


def test_a_link_of_another_site_leads_into_the_session(locked: MonitorClient) -> None:
    # A browser sends no strict cookie along with a link of another site; it does once our page asks.
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    answer = locked.get("/jobs/x?whole=1", headers=link)

    assert answer.status_code == 200
    assert '<meta http-equiv="refresh" content="0; url=/jobs/x?whole=1">' in answer.text
    for path in ("//evil.example", "/\\evil.example"):
        assert "evil" not in locked.get(path, base_url="http://localhost/", headers=link).text


def test_a_form_of_the_login_page_needs_its_token(locked: MonitorClient) -> None:
    answer = locked.post("/login", data={"name": "admin", "password": PASSWORD}, form_token=False)

    assert answer.status_code == 403
    assert locked.get("/queues").status_code == 303


def test_whoever_is_logged_in_is_led_on_from_the_login_page(locked: MonitorClient) -> None:
    log_in(locked)

    assert locked.get("/login?next=/queues").location == "/queues"


def test_a_short_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_SECRET, "short")

    with pytest.raises(ConfigError, match="give it 32 or more"):
        find_secret()


def test_the_secret_is_made_once_for_this_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV_SECRET)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    first = find_secret()

    (path,) = (tmp_path / "skunkqueue").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first) >= 32
    assert find_secret() == first


def test_a_secret_that_others_may_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV_SECRET)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    find_secret()
    (path,) = (tmp_path / "skunkqueue").iterdir()
    path.chmod(0o644)

    with pytest.raises(ConfigError, match="chmod 600"):
        find_secret()


def test_a_file_in_the_way_leaves_a_secret_for_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv(ENV_SECRET)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "skunkqueue").write_text("a file")

    assert find_secret() != find_secret()
    assert ENV_SECRET in caplog.text
