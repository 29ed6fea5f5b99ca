"""The auth file, and logging in."""

from __future__ import annotations

import hmac
import logging
import os
from pathlib import Path

import pytest

from skunkqueue.errors import ConfigError
from skunkqueue.web.access import logins as module
from skunkqueue.web.access.logins import (
    AuthFile,
    hash_token,
    new_token,
    password_line,
    read_file,
    token_line,
    write_line,
)
from skunkqueue.web.rights import Right
from tests.web.access.conftest import PASSWORD, TOKENS, Monitor, bearer, log_in
from tests.web.monitor_client import MonitorClient

HASH = "pbkdf2:sha256:1$salt$" + "0" * 64


def written(tmp_path: Path, *lines: str, mode: int = 0o600) -> Path:
    path = tmp_path / "logins"
    path.write_text("\n".join(lines))
    path.chmod(mode)
    return path


def test_a_login_leads_to_the_page_that_was_asked_for(locked: MonitorClient) -> None:
    asked = locked.get("/jobs/x?whole=1")
    assert asked.location == "/login?next=/jobs/x?whole%3D1"

    answer = log_in(locked, next="/queues?a=1")

    assert answer.status_code == 303
    assert answer.location == "/queues?a=1"
    assert locked.get("/queues").status_code == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("admin", "wrong"),
        ("nobody", PASSWORD),
        ("", ""),
        ("admin", ""),
        ("ADMIN", PASSWORD),
        ("admin ", PASSWORD),
        ("admi", PASSWORD),
        ("admin\n", PASSWORD),
        ("admin", PASSWORD + "\0"),
        ("admin", "x" * 100_000),
        ("x" * 10_000, PASSWORD),
        ("@admin", TOKENS["admin"]),
    ],
)
def test_a_wrong_name_or_password_is_refused_in_the_same_words(
    locked: MonitorClient, name: str, password: str
) -> None:
    answer = log_in(locked, name, password)

    assert answer.status_code == 403
    assert "The name or the password is wrong" in answer.text
    assert "Set-Cookie" not in answer.headers or "name" not in str(answer.headers["Set-Cookie"])
    assert locked.get("/queues").status_code == 303


def test_the_password_is_never_shown_or_logged(
    locked: MonitorClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        answer = log_in(locked, "admin", "hunter2-typed-in-haste")

    assert "log-in refused: name='admin'" in caplog.text
    assert "hunter2" not in caplog.text + answer.text


def test_an_unknown_name_costs_a_comparison_as_a_known_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[str] = []

    def counted(hash_: str, password: str) -> bool:
        assert password == "guess"  # noqa: S105 - what this test types
        compared.append(hash_)
        return True

    monkeypatch.setattr(module, "check_password_hash", counted)
    known = read_file(written(tmp_path, f"jed:view:{HASH}"))
    empty = read_file(written(tmp_path))

    assert known.by_password("jed", "guess") is not None
    assert known.by_password("ann", "guess") is None
    assert known.by_password("bob", "guess") is None
    assert empty.by_password("ann", "guess") is None
    # By the same method and rounds, so that the time is the same.
    assert [hash_.split("$")[0] for hash_ in compared[:3]] == ["pbkdf2:sha256:1"] * 3
    assert len(compared) == 4
    assert compared[1] != HASH


def test_a_token_is_compared_with_all_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [token_line(name, "view", token) for name, token in TOKENS.items()]
    found = read_file(written(tmp_path, *lines))
    compared: list[bytes] = []

    def counted(ours: bytes, shown: bytes) -> bool:
        compared.append(ours)
        return ours == shown

    monkeypatch.setattr(hmac, "compare_digest", counted)

    login = found.by_token(TOKENS["view"])

    assert login is not None
    assert (login.name, login.by) == ("@view", "token")
    assert len(compared) == 3


@pytest.mark.parametrize(
    "token", ["", "x", TOKENS["admin"] + "x", TOKENS["admin"].upper(), "é", hash_token(TOKENS["admin"])]
)
def test_a_wrong_token_is_refused_also_beside_a_session(locked: MonitorClient, token: str) -> None:
    log_in(locked)
    headers = {"Authorization": f"Bearer {token}"}

    answer = locked.get("/queues", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")


def test_a_token_opens_pages_without_a_session(locked: MonitorClient) -> None:
    answer = locked.get("/queues", headers=bearer("view"))

    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers


def test_a_file_that_others_may_read_is_refused(monitor: Monitor, tmp_path: Path) -> None:
    path = written(tmp_path, f"jed:view:{HASH}", mode=0o640)

    with pytest.raises(ConfigError, match="chmod 600"):
        monitor(auth_file=str(path))


def test_a_file_that_is_not_there_is_refused_with_the_way_out(monitor: Monitor, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--add-login"):
        monitor(auth_file=str(tmp_path / "none"))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("jed", "write name:right:hash"),
        (f"jed:boss:{HASH}", "the right 'boss' of 'jed' does not exist: choose view, act or admin"),
        ("jed:view:secret", "'jed' has no hash of a password: make the line by `skunq web --add-login jed`"),
        ("jed:view:plain$a$b", "no hash of a password"),
        ("@ci:view:secret", "--print-token ci"),
        (f"@ci:view:{HASH}", "--print-token ci"),
        (f":view:{HASH}", "cannot be the name of a login"),
        (f"{'x' * 65}:view:{HASH}", "cannot be the name of a login"),
        (f"ann:view:{HASH}", "the name 'ann' is there twice"),
    ],
)
def test_a_broken_line_is_an_error_that_names_file_line_and_way_out(
    tmp_path: Path, line: str, told: str
) -> None:
    path = written(tmp_path, "# who may come in", "", f"ann:view:{HASH}", line)

    with pytest.raises(ConfigError) as caught:
        AuthFile(path).logins()

    assert f"{path}, line 4: " in str(caught.value)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_file_of_another_encoding_or_size_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes("jürgen".encode("latin-1"))
    with pytest.raises(ConfigError, match="line 1: it is not UTF-8"):
        read_file(path)
    path.write_bytes(b"#\n" * 2_000)
    with pytest.raises(ConfigError, match="too large"):
        read_file(path)


def test_a_changed_file_is_read_again(locked: MonitorClient, auth_file: Path) -> None:
    log_in(locked, "view")
    assert "no" not in locked.get("/queues").status
    auth_file.write_text(auth_file.read_text().replace("view:view:", "view:admin:"))
    os.utime(auth_file, ns=(1, 1))

    assert locked.post("/do/pool", data={"verb": "stop", "id": "none"}).status_code == 303


def test_a_file_that_breaks_later_lets_nobody_in(
    locked: MonitorClient, auth_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log_in(locked)
    auth_file.write_text("half a li")

    for answer in (
        locked.get("/queues"),
        locked.get("/queues", headers=bearer("admin")),
    ):
        assert answer.status_code == 503
        assert str(auth_file) not in answer.text
    assert f"{auth_file}, line 1" in caplog.text
    assert locked.get("/login").status_code == 200


def test_a_line_is_written_where_its_name_was(tmp_path: Path) -> None:
    path = tmp_path / "auth"
    write_line(path, password_line("jed", "view", "first"))
    write_line(path, token_line("jed", "act", new_token()))
    write_line(path, password_line("ann", "admin", "hers"))
    write_line(path, password_line("jed", "admin", "second"))

    found = read_file(path)

    assert path.stat().st_mode & 0o777 == 0o600
    assert {name: line.right for name, line in found.people.items()} == {
        "ann": Right.ADMIN,
        "jed": Right.ADMIN,
    }
    assert [line.name for line in found.tokens] == ["jed"]
    assert found.by_password("jed", "second") is not None
    assert found.by_password("jed", "first") is None
    assert [each.name for each in tmp_path.iterdir()] == ["auth"]


def test_a_broken_file_is_not_written_over(tmp_path: Path) -> None:
    path = written(tmp_path, "precious")

    with pytest.raises(ConfigError):
        write_line(path, token_line("ci", "view", "x"))

    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["", "a:b", "@a", "#a", " a", "a\n", "x" * 65])
def test_a_name_that_would_break_the_file_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a login"):
        password_line(name, "view", "x")
