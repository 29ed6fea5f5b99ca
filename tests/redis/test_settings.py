"""What a URL means, and what is no URL of ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from skunkqueue.config import resolve
from skunkqueue.errors import ConfigError
from skunkqueue.persistence.redis import RedisBackend, default_cfg
from skunkqueue.persistence.redis.settings import Settings, settings_of
from skunkqueue.plugins import BACKENDS
from skunkqueue.plugins.registry import find


def read(url: str | None, **options: str) -> Settings:
    return settings_of(resolve("redis", url, **options))


def test_the_defaults_are_one_server_of_this_machine() -> None:
    found = settings_of(resolve(**default_cfg))

    assert (found.kind, found.hosts, found.db, found.dbname) == ("", (("localhost", 6379),), 0, "skunkqueue")
    assert read(None).hosts == (("localhost", 6379),)


@pytest.mark.parametrize("name", ["redis", "rediss", "valkey", "valkeys"])
def test_every_scheme_is_registered(name: str) -> None:
    assert find(BACKENDS, name) is RedisBackend


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://example", ("", (("example", 6379),), "", 0)),
        ("redis://example:7000/3", ("", (("example", 7000),), "", 3)),
        ("valkey://[::1]:7000", ("", (("::1", 7000),), "", 0)),
        ("example:7000", ("", (("example", 7000),), "", 0)),
        ("redis+sentinel://a,b:1/shop", ("sentinel", (("a", 26379), ("b", 1)), "shop", 0)),
        ("redis+sentinel://a/shop/2", ("sentinel", (("a", 26379),), "shop", 2)),
        ("redis+cluster://a:1,b:2", ("cluster", (("a", 1), ("b", 2)), "", 0)),
    ],
)
def test_a_url_names_servers(url: str, expected: tuple[object, ...]) -> None:
    found = read(url)

    assert (found.kind, found.hosts, found.service, found.db) == expected


def test_a_socket_is_named_by_its_path() -> None:
    found = read("redis+unix:///run/my%20redis.sock?dbname=shop")

    assert (found.kind, found.path, found.dbname) == ("unix", "/run/my redis.sock", "shop")


def test_a_login_may_hold_anything() -> None:
    found = read("redis://al%2Fice:p%40ss%3Aword@example")

    assert (found.username, found.password) == ("al/ice", "p@ss:word")


def test_a_password_needs_no_user() -> None:
    found = read("redis://:secret@example")

    assert (found.username, found.password) == (None, "secret")


def test_what_people_see_has_no_password() -> None:
    assert read("redis://alice:secret@example:7000/1").url == "redis://alice@example:7000/1"


def test_tls_is_what_an_s_says(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.touch()

    assert read("redis://example").tls is None
    assert read("rediss://example").tls == {"ssl_cert_reqs": "required", "ssl_check_hostname": True}
    found = read("valkeys://example", ssl_ca_certs=str(ca)).tls
    assert found is not None
    assert found["ssl_ca_certs"] == str(ca)


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("redis+tls://example", "redis\\+tls"),
        ("redis://example:port", "port"),
        ("redis://example:0", "port"),
        ("redis://example/one", "number of a Redis database"),
        ("redis+sentinel://example", "names no master"),
        ("redis://example?speed=high", "'speed'"),
        ("redis://example?replicas=all", "replicas"),
        ("redis://example?retry_for=-1", "retry_for"),
        ("redis://example?retry_for=nan", "retry_for"),
        ("redis://example?socket_timeout=1h", "socket_timeout"),
        ("rediss://example?ssl_ca_certs=/no/such/file", "ssl_ca_certs"),
        ("rediss://example?ssl_cert_reqs=maybe", "ssl_cert_reqs"),
        ("redis://example?dbname={a}", "dbname"),
        ("redis://example?dbname=%0A", "dbname"),
    ],
)
def test_what_makes_no_sense_is_named(url: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        read(url)


def test_a_bad_url_with_a_password_does_not_show_it() -> None:
    with pytest.raises(ConfigError) as caught:
        read("redis+sentinel://alice:secret@example")

    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["redis://user:sec?ret@host/0", "redis://user:se@sec?ret@host/0", "redis://user:sec@s?ret=1@host/0"],
)
def test_a_password_with_a_question_mark_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="%3F") as refused:
        read(url)

    assert "sec" not in str(refused.value)
    assert "ret" not in str(refused.value)
