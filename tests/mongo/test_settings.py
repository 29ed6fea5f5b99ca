"""What a URL means, and what is no URL of ours."""

from __future__ import annotations

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.config import resolve
from skunkqueue.errors import ConfigError
from skunkqueue.persistence.mongodb import MongoBackend, default_cfg
from skunkqueue.persistence.mongodb.connection import Connection
from skunkqueue.persistence.mongodb.settings import Settings, settings_of
from skunkqueue.plugins import BACKENDS
from skunkqueue.plugins.registry import find


def read(url: str | None, **options: object) -> Settings:
    return settings_of(resolve("mongodb", url, **options))  # type: ignore[arg-type]


def test_the_defaults_are_the_seeds_own() -> None:
    assert dict(default_cfg) == {"backend": "mongodb", "conn_url": "localhost:27017", "dbname": "skunkqueue"}
    found = settings_of(resolve(**default_cfg))

    assert (found.uri, found.dbname) == ("mongodb://localhost:27017/", "skunkqueue")
    assert read(None) == found


@pytest.mark.parametrize("url", ["mongodb://example", "mongodb+srv://example.org"])
def test_every_scheme_names_this_backend(url: str) -> None:
    assert find(BACKENDS, resolve(conn_url=url).backend) is MongoBackend


@pytest.mark.parametrize(
    ("url", "uri", "dbname"),
    [
        ("example", "mongodb://example/", "skunkqueue"),
        ("example:7000", "mongodb://example:7000/", "skunkqueue"),
        ("mongodb://example/shop", "mongodb://example/shop", "shop"),
        ("mongodb://a:1,b:2/?replicaSet=rs0", "mongodb://a:1,b:2/?replicaSet=rs0", "skunkqueue"),
        ("mongodb://example/login?dbname=shop", "mongodb://example/login", "shop"),
        ("mongodb://example?retry_for=3&w=1", "mongodb://example/?w=1", "skunkqueue"),
        ("mongodb+srv://example.org/shop?tls=true", "mongodb+srv://example.org/shop?tls=true", "shop"),
    ],
)
def test_a_url_names_servers_and_a_database(url: str, uri: str, dbname: str) -> None:
    found = read(url)

    assert (found.uri, found.dbname) == (uri, dbname)


def test_a_name_given_beside_the_url_wins() -> None:
    assert read("mongodb://example/shop", dbname="other").dbname == "other"


def test_a_password_is_kept_and_not_shown() -> None:
    found = read("mongodb://al%2Fice:p%40ss%3Aword@a,b/shop")

    assert found.uri == "mongodb://al%2Fice:p%40ss%3Aword@a,b/shop"
    assert "p%40ss" not in found.shown
    assert found.shown.endswith("@a,b")


@pytest.mark.parametrize("password", ["sec#ret", "sec:ret", "sec@ret"])
def test_an_odd_password_is_not_shown(password: str) -> None:
    assert "ret" not in read(f"mongodb://user:{password}@host/db").shown


def test_options_may_stand_in_the_url_or_beside_it() -> None:
    assert read("mongodb://example?retry_for=1.5").retry_for == 1.5
    assert read("mongodb://example", retry_for=1.5).retry_for == 1.5


@pytest.mark.parametrize("name", ["retry_for", "socket_timeout", "connect_timeout"])
@pytest.mark.parametrize("value", ["soon", "-1", "nan", "1e9"])
def test_a_number_of_seconds_is_one(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}='{value}' is not a number of seconds"):
        read("mongodb://example", **{name: value})


@pytest.mark.parametrize("name", ["socketTimeoutMS", "connectTimeoutMS", "serverSelectionTimeoutMS"])
def test_what_has_a_name_of_ours_is_set_by_that(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}: set .* instead"):
        read(f"mongodb://example?{name}=5")


def test_a_pool_without_a_connection_for_requests_is_refused() -> None:
    for size in (1, 2):
        with pytest.raises(ConfigError, match=f"maxPoolSize={size}: .* use 3 or more"):
            read(f"mongodb://example?MaxPoolSize={size}")
    for size in (0, 3):
        assert f"maxPoolSize={size}" in read(f"mongodb://example?maxPoolSize={size}").uri


@pytest.mark.parametrize("query", ["w=0", "W=0", "w=00", "w=+0", "w=%200"])
def test_a_write_that_nobody_confirms_is_refused(query: str) -> None:
    with pytest.raises(ConfigError, match=r"^w=0: "):
        read(f"mongodb://example?{query}")


@pytest.mark.parametrize("name", ["a/b", "a.b", "a b", "$a", "x" * 64, "admin", "local", "config"])
def test_a_name_that_no_database_can_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a MongoDB database"):
        read("mongodb://example", dbname=name)


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://example?colour=red",
        "mongodb://example:port/",
        "mongodb://example/?w=-1",
        "mongodb://us er@ex@ample/",
    ],
)
def test_what_pymongo_does_not_understand_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="pymongo refuses the"):
        Connection(read(url), SYSTEM_CLOCK)


@pytest.mark.parametrize(
    ("name", "value"), [("colour", "red"), ("tls", "maybe"), ("w", "-1"), ("maxPoolSize", "many")]
)
def test_an_option_that_is_wrong_is_named(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"pymongo refuses the option '{name}'"):
        read(f"mongodb://example/?replicaSet=rs0&{name}={value}")


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://user:sec?ret@host/db",
        "mongodb://user:se@sec?ret@host/db",
        "mongodb://user:sec@s?ret=1@host/db",
    ],
)
def test_a_password_with_a_question_mark_is_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="%3F") as refused:
        read(url)

    assert "sec" not in str(refused.value)
    assert "ret" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("password", ["sec/ret", "sec@s/ret"])
def test_a_password_with_a_slash_is_not_shown(password: str) -> None:
    with pytest.raises(ConfigError, match="%2F") as refused:
        read(f"mongodb://user:{password}@host")

    assert "sec" not in str(refused.value)
    assert "ret" not in str(refused.value)
    assert "ret" not in read(f"mongodb://user:{password}@host/db").shown


def test_an_option_may_have_an_at_sign() -> None:
    assert read("mongodb://user:pw@host/db?appName=a@b").shown == "mongodb://user:***@host"


@pytest.mark.parametrize("option", ["wTimeoutMS=5000", "journal=true"])
def test_a_write_concern_without_a_number_of_members_asks_for_a_majority(option: str) -> None:
    connection = Connection(read(f"mongodb://example?{option}"), SYSTEM_CLOCK)
    try:
        assert connection.firings.write_concern.document["w"] == "majority"
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("", {}),
        ("?w=1&journal=true", {"w": 1, "j": True}),
        ("?w=majority", {"w": "majority", "wtimeout": 10_000}),
        ("?w=majority&wTimeoutMS=50", {"w": "majority", "wtimeout": 50}),
    ],
)
def test_the_servers_write_concern_counts_where_the_url_names_none(
    query: str, sent: dict[str, object]
) -> None:
    connection = Connection(read(f"mongodb://example{query}"), SYSTEM_CLOCK)
    try:
        assert connection.firings.write_concern.document == sent
        assert connection.staged.write_concern.document == sent
    finally:
        connection.close()


@pytest.mark.parametrize(("query", "retried"), [("", False), ("?w=1", False), ("?retryWrites=true", True)])
def test_pymongo_sends_writes_again_only_where_the_url_says_so(query: str, *, retried: bool) -> None:
    connection = Connection(read(f"mongodb://example{query}"), SYSTEM_CLOCK)
    try:
        assert connection.client.options.retry_writes is retried
    finally:
        connection.close()
