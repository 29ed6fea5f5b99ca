"""Commands that find no store say so and make none."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from skunkqueue.config import ENV_URL, open_backend, resolve
from skunkqueue.persistence.backend import Backend
from tests.core.cli.program import Skunq, fire

COMMANDS = [
    "queues",
    "jobs",
    "job x",
    "workers",
    "stop x",
    "kill x",
    "requeue x",
    "prune",
    "purge -q a --yes",
    "pause -q a",
    "resume -q a",
    "schedules",
    "schedule pause x",
    "schedule resume x",
    "schedule run x",
    "schedule remove x --yes",
    "schedule history x",
    "top",
]


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("place", ["typo.db", "no/such/folder/store.db"])
def test_a_store_that_is_not_there_is_told_and_not_made(
    skunq: Skunq, tmp_path: Path, words: str, place: str
) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()

    told = skunq.error(*words.split(), "--url", f"sqlite:///{folder / place}", expect=3)

    assert told.startswith(f"skunq: error: there is no store at {folder / place}: ")
    assert told.count("\n") == 1
    assert list(folder.iterdir()) == []


def test_the_default_store_and_its_folder_are_not_made_either(
    skunq: Skunq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENV_URL)
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))

    assert "there is no store at" in skunq.error("queues", expect=3)
    assert not (tmp_path / "home").exists()


def test_an_empty_file_is_no_store_and_stays_empty(skunq: Skunq, tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()

    assert "there is no store" in skunq.error("queues", "--url", str(path), "-b", "sqlite", expect=3)
    assert not (tmp_path / "empty.db-bells").exists()
    assert path.stat().st_size == 0


def test_the_doctor_says_that_there_is_no_store(skunq: Skunq, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'typo.db'}"

    found = skunq.json("doctor", "--url", url, expect=1)["findings"]

    (told,) = [each for each in found if each["check"] == "store"]
    assert told["level"] == "problem"
    assert "there is no store at" in told["text"]
    assert "skunq work" in told["cure"]
    assert not (tmp_path / "typo.db").exists()


def test_the_doctor_finds_nothing_wrong_before_anything_was_fired(
    skunq: Skunq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ENV_URL)
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))

    found = skunq.json("doctor")["findings"]

    assert [each["level"] for each in found if each["check"] == "store"] == ["notice"]


def test_a_store_that_is_there_is_opened_without_making_it(store: Backend, url: str) -> None:
    made = fire(store)
    opened = open_backend(msgspec.structs.replace(resolve(conn_url=url), create=False))
    try:
        assert opened.get([made])[0] is not None
    finally:
        opened.close()
