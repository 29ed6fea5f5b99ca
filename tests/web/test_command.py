"""``skunq web``: where it serves, how it ends, and the lines of its auth file."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner, Result

from skunkqueue.cli.group import skunq
from skunkqueue.listings import Query
from skunkqueue.persistence import Backend
from skunkqueue.records import State
from skunkqueue.web.access.logins import read_file
from skunkqueue.web.rights import Right
from tests.support.waiting import eventually
from tests.web.firings import firing

PATIENCE = 60


def run(*words: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(skunq, ["web", *words], input=answer)


@contextmanager
def started(url: str, *words: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the command in a process of its own; give that, and the port it serves at."""
    process = subprocess.Popen(
        [sys.executable, "-m", "skunkqueue.cli", "web", "--url", url, "--port", "0", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ},
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://[^/]*:(\d+)", line)
        assert found is not None, line + process.stdout.read()
        yield process, int(found[1])
    finally:
        process.kill()
        process.wait(PATIENCE)
        process.stdout.close()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_signal_ends_it_at_once_also_while_pages_listen(
    url: str, store: Backend, number: signal.Signals, code: int
) -> None:
    del store
    with started(url) as (process, port):
        listening = [http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE) for _ in range(3)]
        for one in listening:
            one.request("GET", "/live/events")
            assert one.getresponse().status == 200

        process.send_signal(number)

        # Streams of events never end by themselves; waitress alone would wait for them for five seconds or more.
        assert process.wait(PATIENCE) == code
        assert process.stdout is not None
        assert process.stdout.read() == ""
        for one in listening:
            one.close()


def test_what_is_done_in_the_background_ends_with_the_server_after_the_firings_it_is_at(
    url: str, store: Backend
) -> None:
    for _ in range(5):
        store.enqueue([firing() for _ in range(1_000)])
    with started(url) as (process, port):
        asking = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        asking.request("GET", "/confirm?verb=kill&all=1")
        page = asking.getresponse().read().decode()
        form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        asking.request(
            "POST",
            "/do/firings/kill",
            urlencode(form),
            {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"http://127.0.0.1:{port}",
                "Sec-Fetch-Site": "same-origin",
            },
        )
        assert asking.getresponse().status == 303
        asking.close()
        eventually(lambda: store.count(Query(states=(State.KILLED,))).number)

        process.send_signal(signal.SIGTERM)

        assert process.wait(PATIENCE) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""
    (entry,) = store.audit().entries
    killed = store.count(Query(states=(State.KILLED,))).number
    assert entry.done is not None
    assert entry.did in (f"killed {killed:,} of 5,000", f"killed {killed:,} of 5,000, then told to stop")


def test_answers_do_not_say_which_server_gives_them(url: str, store: Backend) -> None:
    del store
    with started(url) as (_, port):
        asking = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        asking.request("GET", "/queues")
        answer = asking.getresponse()

        assert answer.status == 200
        assert answer.headers["Server"] is None
        asking.close()


def test_heads_that_are_too_large_are_refused(url: str, store: Backend) -> None:
    del store
    with started(url) as (_, port):
        asking = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        asking.request("GET", "/queues", headers={"X-Large": "x" * 100_000})

        assert asking.getresponse().status == 431
        asking.close()


def test_a_port_that_is_taken_is_told_with_the_way_out(url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        result = run("--url", url, "--port", str(taken.getsockname()[1]))

    assert result.exit_code == 2
    assert re.search(r"port \d+ of 127\.0\.0\.1 is taken.*--port", result.stderr)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--host", "0.0.0.0"], "--auth-file"),  # noqa: S104 - refused, not bound to
        (["--host", "no-such-machine.invalid", "--insecure"], "no machine is known by the name"),
        (["--host", "192.0.2.1", "--insecure"], "is not an address of this machine"),
        (["--port", "70000"], "--port"),
        (["--prefix", "jobs"], "the prefix 'jobs' is not a path"),
        (["--prefix", "//evil.example"], "is not a path"),
        (["--session-hours", "0"], "session_hours"),
        (["--session-hours", "nan"], "session_hours"),
        (["--refresh", "nan"], "refresh_seconds"),
        (["--title", "x" * 101], "title"),
        (["--ready-worker", "shop"], "'shop' is not a route"),
        (["--allow-host", "https://jobs"], "is not the name of a host"),
        (["--allow-host", "jobs.example.org"], "--auth-file"),
        (["--trusted-proxy", "proxy"], "is not the address of a proxy"),
        (["--login-header", "X-User"], "--trusted-proxy"),
        (["--login-header", "X User", "--trusted-proxy", "10.0.0.1"], "'X User' is not the name of a header"),
        (["--auth-file", "/nowhere/auth"], "--add-login"),
        (["--right", "act"], "--add-login"),
        (["--add-login", "a", "--print-token", "b"], "two things"),
        (["--url", "nosuchstore://x"], "nosuchstore"),
    ],
)
def test_what_makes_no_sense_is_told_with_the_way_out(url: str, words: list[str], told: str) -> None:
    result = run(*([] if "--url" in words else ["--url", url]), *words)

    assert result.exit_code == 2
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_a_login_is_made_by_a_password_that_is_asked_for_twice(tmp_path: Path) -> None:
    path = tmp_path / "auth"

    result = run(
        "--add-login", "jed", "--right", "act", "--auth-file", str(path), answer="pass word\npass word\n"
    )

    assert result.exit_code == 0, result.output
    assert "pass word" not in result.output
    line = read_file(path).by_password("jed", "pass word")
    assert line is not None
    assert line.right is Right.ACT
    assert path.stat().st_mode & 0o777 == 0o600


def test_without_an_auth_file_the_line_is_printed(tmp_path: Path) -> None:
    result = run("--add-login", "jed", answer="x\nx\n")

    path = tmp_path / "auth"
    path.write_text(result.stdout)
    path.chmod(0o600)
    assert read_file(path).by_password("jed", "x") is not None


def test_passwords_that_differ_make_nothing(tmp_path: Path) -> None:
    path = tmp_path / "auth"

    run("--add-login", "jed", "--auth-file", str(path), answer="one\ntwo\n")

    assert not path.exists()


def test_a_token_is_printed_once_and_only_its_hash_kept(tmp_path: Path) -> None:
    path = tmp_path / "auth"

    result = run("--print-token", "ci", "--right", "view", "--auth-file", str(path))

    token = result.stdout.strip()
    login = read_file(path).by_token(token)
    assert login is not None
    assert (login.name, login.right) == ("@ci", Right.VIEW)
    assert token not in path.read_text()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = run("--print-token", "ci", "--auth-file", str(tmp_path / "none" / "auth"))

    assert result.exit_code == 2
    assert "cannot be written" in result.stderr
