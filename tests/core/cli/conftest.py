"""A store in a file of its own, and ``skunq`` run against it in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.config import ENV_URL, open_backend, resolve
from skunkqueue.persistence.backend import Backend
from tests.core.cli.program import Skunq
from tests.support.sqlite_fixtures import EmptyStore, empty_store

__all__ = ["empty_store"]


@pytest.fixture(autouse=True)
def terminal_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the terminals that tests open tell their size; readline and parallel runs leave another here."""
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("LINES", raising=False)


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a store that is not there yet; commands without ``--url`` mean it too."""
    made = f"sqlite:///{tmp_path / 'store.db'}"
    monkeypatch.setenv(ENV_URL, made)
    return made


@pytest.fixture
def store(url: str, empty_store: EmptyStore) -> Iterator[Backend]:
    """Open that store."""
    empty_store(Path(url.removeprefix("sqlite:///")))
    opened = open_backend(resolve(conn_url=url))
    yield opened
    opened.close()


@pytest.fixture
def skunq(store: Backend) -> Skunq:
    """Run commands on that store."""
    del store  # its URL is set in the environment
    return Skunq()
