"""Which store is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from skunkqueue.config import ENV_URL, open_backend, redact, resolve
from skunkqueue.errors import ConfigError, PluginError
from skunkqueue.persistence.backend import BackendConfig


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENV_URL, raising=False)


def test_nothing_given_means_the_embedded_store() -> None:
    assert resolve() == BackendConfig(backend="sqlite")


def test_the_environment_is_used_where_nothing_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENV_URL, "redis://somewhere/3")

    assert resolve() == BackendConfig(backend="redis", url="redis://somewhere/3")
    assert resolve(conn_url="sqlite:///x.db").backend == "sqlite"
    assert resolve("sqlite").url is None


def test_a_url_names_its_backend_by_its_scheme() -> None:
    assert resolve(conn_url="mongodb+srv://host/db").backend == "mongodb"


def test_an_address_without_a_scheme_belongs_to_the_backend_named() -> None:
    found = resolve("mongodb", "localhost:27017", "skunkqueue")

    assert (found.backend, found.url, found.dbname) == ("mongodb", "localhost:27017", "skunkqueue")


def test_options_come_from_the_query_and_from_arguments() -> None:
    found = resolve(conn_url="sqlite:///x.db?durability=power&a=1", a=2)

    assert found.options == {"durability": "power", "a": "2"}


def test_a_backend_and_a_url_that_disagree_are_refused() -> None:
    with pytest.raises(ConfigError, match="different stores"):
        resolve("sqlite", "redis://localhost")


def test_a_password_is_not_shown() -> None:
    assert redact("redis://user:secret@host:1/2") == "redis://user:***@host:1/2"
    assert redact("sqlite:///x.db") == "sqlite:///x.db"


def test_an_unknown_backend_is_told_with_the_way_out() -> None:
    with pytest.raises(PluginError, match="no_such_store"):
        open_backend(BackendConfig(backend="no_such_store"))


def test_what_is_no_backend_is_told() -> None:
    with pytest.raises(PluginError, match="not a subclass of skunkqueue"):
        open_backend(BackendConfig(backend="collections:OrderedDict"))


def test_a_path_says_where_the_embedded_store_is(tmp_path: Path) -> None:
    assert resolve(conn_url=tmp_path / "q.db").url == str(tmp_path / "q.db")


def test_a_url_that_cannot_be_read_is_told_without_its_password() -> None:
    for url in ("redis://u:secret@[::1?a=1", "redis://u:secret\u2100@h/?a=1"):
        with pytest.raises(ConfigError, match="begins 'redis'") as caught:
            resolve(conn_url=url)
        assert "secret" not in str(caught.value)
