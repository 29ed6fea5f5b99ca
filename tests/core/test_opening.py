"""Which store a queue uses, and when that is worked out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from skunkqueue import SkunkQueue
from skunkqueue.clock import VirtualClock
from skunkqueue.errors import ConfigError


def url_of(folder: Path, name: str) -> str:
    return f"sqlite:///{folder}/{name}.db"


def test_the_environment_is_read_at_first_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKUNKQUEUE_URL", url_of(tmp_path, "early"))
    with SkunkQueue("shop") as queue:
        monkeypatch.setenv("SKUNKQUEUE_URL", url_of(tmp_path, "late"))

        assert queue.backend.location() == url_of(tmp_path, "late")
        assert not (tmp_path / "early.db").exists()


def test_an_open_queue_stays_with_its_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKUNKQUEUE_URL", url_of(tmp_path, "first"))
    with SkunkQueue("shop") as queue:
        opened = queue.backend
        monkeypatch.setenv("SKUNKQUEUE_URL", url_of(tmp_path, "second"))

        assert queue.backend is opened
        assert queue.config.url == url_of(tmp_path, "first")


def test_a_closed_queue_reads_the_environment_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKUNKQUEUE_URL", url_of(tmp_path, "first"))
    with SkunkQueue("shop") as queue:
        queue.backend.routes()
        queue.close()
        monkeypatch.setenv("SKUNKQUEUE_URL", url_of(tmp_path, "second"))

        assert queue.backend.location() == url_of(tmp_path, "second")


def test_the_environment_has_no_say_where_an_argument_names_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKUNKQUEUE_URL", url_of(tmp_path, "other"))
    with SkunkQueue("shop", conn_url=url_of(tmp_path, "own")) as queue:
        assert queue.backend.location() == url_of(tmp_path, "own")


def test_a_child_of_a_fork_stays_with_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKUNKQUEUE_URL", url_of(tmp_path, "first"))
    with SkunkQueue("shop") as queue:
        queue.backend.routes()
        monkeypatch.setenv("SKUNKQUEUE_URL", url_of(tmp_path, "second"))
        pid = os.fork()
        if not pid:
            try:
                os._exit(0 if queue.backend.location() == url_of(tmp_path, "first") else 1)
            finally:
                os._exit(2)

        assert os.waitpid(pid, 0)[1] == 0


def test_a_mistake_in_the_arguments_is_told_where_it_is_made() -> None:
    with pytest.raises(ConfigError, match="name different stores"):
        SkunkQueue("shop", backend="sqlite", conn_url="redis://localhost")


def test_a_queue_with_a_bad_environment_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SKUNKQUEUE_URL", "redis://[?x=1")

    assert repr(SkunkQueue("shop")) == "<SkunkQueue 'shop' on a store that cannot be named>"


def test_a_virtual_clock_is_refused_outside_of_tests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    queue = SkunkQueue("shop", conn_url=url_of(tmp_path, "real"), clock=VirtualClock())

    with pytest.raises(ConfigError, match=r"clock=VirtualClock is refused .* skunkqueue.testing.advance"):
        queue.backend.routes()
    assert not (tmp_path / "real.db").exists()


def test_a_virtual_clock_is_refused_in_a_process_that_a_test_starts(tmp_path: Path) -> None:
    program = (
        "from skunkqueue import SkunkQueue\n"
        "from skunkqueue.clock import VirtualClock\n"
        f"SkunkQueue('shop', conn_url={url_of(tmp_path, 'real')!r}, clock=VirtualClock()).backend"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "clock=VirtualClock is refused" in ended.stderr
    assert not (tmp_path / "real.db").exists()
