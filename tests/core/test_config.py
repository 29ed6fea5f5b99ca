"""Which store is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from skunkqueue import SkunkQueue
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


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("redis://:p@ss/w@h/0", "redis://:***@h/0"),
        ("redis://u:p@ss/w@h:1/0?replicas=1", "redis://u:***@h:1/0?replicas=1"),
        ("redis://u:p#w@h/0", "redis://u:***@h/0"),
        ("redis://a/b:pw@h/0", "redis://a/b:***@h/0"),
        ("redis://u:p?w@h/0", "redis://u:***@h/0"),
        ("redis://u:p@s?w@h/0", "redis://u:***@h/0"),
        ("redis://u:pw@[::1/0", "redis://u:***@[::1/0"),
        ("u:pw@h:1/db", "u:***@h:1/db"),
        ("mongodb://u:p%40w@a:1,b:2/db", "mongodb://u:***@a:1,b:2/db"),
    ],
)
def test_a_password_that_is_not_escaped_is_hidden_whole(url: str, told: str) -> None:
    assert redact(url) == told


@pytest.mark.parametrize(
    "option",
    [
        "sentinel_password",
        "tls_password",
        "tls%5Fpassword",
        "tlsCertificateKeyFilePassword",
        "authMechanismProperties",
        "TOKEN",
        "api_key",
        "client-secret",
    ],
)
def test_options_that_are_secret_are_hidden(option: str) -> None:
    for before in ("redis://h:6379/0", "redis://u:hunter2@h/0", "fdb:///etc/fdb.cluster", "h:6379/0"):
        told = redact(f"{before}?dbname=shop&{option}=hunter3:x&replicas=1")
        assert told == f"{before.replace('hunter2', '***')}?dbname=shop&{option}=***&replicas=1"


@pytest.mark.parametrize(
    "before", ["redis://h", "redis://h:1/0", "redis://u:sec@h:1/0", "redis://me@h/0", "fdb:///f"]
)
@pytest.mark.parametrize("value", ["sec@ret", "sec:re@ret", "sec?re/ret", "sec@re:ret=ret"])
def test_an_option_with_odd_characters_is_hidden_whole(before: str, value: str) -> None:
    for more in ("", "&replicas=1"):
        told = redact(f"{before}?tls_password={value}{more}")
        assert "sec" not in told
        assert "ret" not in told


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////srv/a:b@c.db",
        "/srv/a:b@c.db",
        "q.db",
        "localhost:6379",
        "redis://h:6379/0?ssl_keyfile=/k.pem&dbname=shop",
        "mongodb://me@h/db?tlsCertificateKeyFile=/c.pem&authSource=admin",
        "fdb:///f?tls_key_file=/k.pem",
    ],
)
def test_what_has_no_secret_is_shown_as_it_is(url: str) -> None:
    assert redact(url) == url


def test_a_secret_option_that_the_embedded_store_does_not_know_is_told_without_its_value(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match="no option 'password'") as caught:
        open_backend(resolve(conn_url=f"sqlite:///{tmp_path / 'q.db'}?password=hunter2"))

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["url", "uri", "dsn", "broker", "broker_url"])
@pytest.mark.parametrize("store", [{}, {"conn_url": "sqlite:///:memory:"}, {"backend": "redis"}])
def test_a_queue_says_at_once_what_the_url_of_its_store_is_called(store: dict[str, str], name: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{name}= .* write conn_url=") as caught:
        SkunkQueue("demo", **store, **{name: "redis://u:hunter2@localhost"})  # type: ignore[arg-type]  # no clock

    assert "hunter2" not in str(caught.value)


def test_a_url_in_an_option_that_the_embedded_store_does_not_know_is_told_without_its_password(
    tmp_path: Path,
) -> None:
    with pytest.raises(ConfigError, match="no option 'server'") as caught:
        open_backend(resolve(conn_url=tmp_path / "q.db", server="redis://u:hunter2@localhost"))

    assert "hunter2" not in str(caught.value)


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
