"""Commands without a home folder, in folders and with words that are not UTF-8: each a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from skunkqueue.config import ENV_URL
from skunkqueue.persistence.backend import Backend

ODD = b"q\xff"
STRANGER = """
import os, pwd

def unknown(number):
    raise KeyError(f"getpwuid(): uid not found: {number}")

pwd.getpwuid = unknown
"""


def run(*words: bytes | str, folder: Path | bytes | None = None, **environment: str) -> tuple[int, str]:
    """Run skunq; return its exit code and what it said on standard error."""
    ended = end(*words, folder=folder, **environment)
    return ended.returncode, ended.stderr.decode()


def end(
    *words: bytes | str, folder: Path | bytes | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run skunq to its end."""
    return subprocess.run(
        [sys.executable, "-m", "skunkqueue.cli", *words],
        cwd=folder,
        env={**{name: value for name, value in os.environ.items() if name != ENV_URL}, **environment},
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def homeless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have processes of a user whom the system does not know, as in many containers, and without HOME."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(STRANGER)
    monkeypatch.setenv("PYTHONPATH", str(site))
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("words", ["queues", "top", "work -q a --burst"])
def test_without_a_home_folder_a_store_must_be_named(words: str) -> None:
    code, told = run(*words.split())

    assert code == 2
    assert "a store has no default location" in told
    assert "set HOME or XDG_DATA_HOME, or name a store" in told
    assert "a fault in" not in told


@pytest.mark.usefixtures("homeless")
@pytest.mark.parametrize("words", ["doctor", "doctor --url sqlite:///~/x.db"])
def test_without_a_home_folder_the_doctor_says_how_to_name_a_store(words: str) -> None:
    told = end(*words.split(), "--json")

    (cure,) = [each["cure"] for each in json.loads(told.stdout)["findings"] if each["check"] == "store"]
    assert cure == "set HOME, or name a store: --url sqlite:////absolute/path.db, or SKUNKQUEUE_URL"


@pytest.mark.usefixtures("homeless")
def test_without_a_home_folder_a_named_store_does(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'named.db'}"

    assert run("work", "-q", "a", "--burst", "--url", url)[0] == 0
    assert run("queues", "--url", url) == (1, "no queues yet: the first firing or worker makes one\n")


@pytest.mark.usefixtures("homeless")
def test_without_a_home_folder_a_tilde_is_refused() -> None:
    code, told = run("queues", "--url", "sqlite:///~/x.db")

    assert code == 2
    assert "write the path in full" in told


WORDS: list[list[bytes | str]] = [
    ["queues", "-q", ODD],
    ["queues", b"-q" + ODD],
    ["jobs", "-r", ODD],
    ["job", ODD],
    ["kill", ODD],
    ["stop", ODD],
    ["purge", "--yes", "-q", ODD],
    ["workers", b"--queue=" + ODD],
    ["schedules", "-q", ODD],
    ["schedule", "run", ODD],
    ["schedule", "history", "x", "-q", ODD],
    ["prune", "--older-than", ODD],
    ["work", "-q", ODD],
    ["work", "-q", "a", "-r", ODD],
    ["work", "-q", "a", "-l", ODD],
    ["work", "-q", "a", "--allow", ODD],
]


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_a_word_that_is_not_utf8_is_refused(store: Backend, words: list[bytes | str]) -> None:
    code, told = run(*words, SKUNKQUEUE_URL=store.location())

    assert code == 2
    assert "udcff' is not UTF-8" in told
    assert told.count("\n") == 1


def test_a_url_that_is_not_utf8_is_told_without_its_password() -> None:
    code, told = run("queues", "--url", b"redis://me:secret\xff@host")

    assert (code, "secret" in told, "the URL is not UTF-8" in told) == (2, False, True)


@pytest.mark.parametrize("words", [["queues"], ["work", "-q", "a", "--burst"]])
def test_a_url_of_the_environment_that_is_not_utf8_is_refused(words: list[str], tmp_path: Path) -> None:
    code, told = run(*words, SKUNKQUEUE_URL=os.fsdecode(os.fsencode(f"sqlite:///{tmp_path}/") + ODD))

    assert code == 2
    assert "SKUNKQUEUE_URL is not UTF-8" in told


@pytest.fixture
def odd_folder(tmp_path: Path) -> bytes:
    """Make a folder whose name is not UTF-8."""
    folder = os.fsencode(tmp_path) + b"/" + ODD
    try:
        os.mkdir(folder)  # noqa: PTH102 - Path takes no bytes
    except OSError:
        pytest.skip("this file system has names in UTF-8 only")
    return folder


def test_a_folder_whose_name_is_not_utf8_does(odd_folder: bytes) -> None:
    assert run("work", "-q", "a", "--burst", "--url", "sqlite:///x.db", folder=odd_folder)[0] == 0
    code, told = run("queues", "--url", "sqlite:///x.db", folder=odd_folder)
    assert (code, told) == (1, "no queues yet: the first firing or worker makes one\n")


def test_a_home_whose_name_is_not_utf8_does(odd_folder: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)

    assert run("work", "-q", "a", "--burst", HOME=os.fsdecode(odd_folder))[0] == 0
    assert run("top", HOME=os.fsdecode(odd_folder))[0] == 0


def test_a_log_file_that_workers_cannot_be_told_of_is_refused(odd_folder: bytes) -> None:
    code, told = run("work", "-q", "a", "-l", "work.log", "--url", "sqlite:///x.db", folder=odd_folder)

    assert code == 2
    assert "logfile" in told
    assert "is not UTF-8" in told


def test_a_place_that_the_system_refuses_is_told(tmp_path: Path) -> None:
    code, told = run("queues", "--url", f"sqlite:///{tmp_path / ('long' * 100) / 'x.db'}")

    assert code == 3
    assert "cannot be opened (File name too long)" in told
