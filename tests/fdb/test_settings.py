"""Which cluster a URL means, and what is said of one that means none."""

from __future__ import annotations

import pytest

from skunkqueue.config import resolve
from skunkqueue.errors import ConfigError
from skunkqueue.persistence.fdb.settings import settings_of

CLUSTER = "shop:abc123@10.0.0.1:4500,10.0.0.2:4500:tls"


def test_bare_url_means_the_cluster_file_that_the_client_finds() -> None:
    found = settings_of(resolve(conn_url="fdb://"))
    assert (found.cluster_file, found.connection, found.dbname) == (None, None, "skunkqueue")


def test_path_means_a_cluster_file() -> None:
    found = settings_of(resolve(conn_url="fdb:///etc/foundationdb/fdb.cluster?dbname=shop&retry_for=30"))
    assert found.cluster_file == "/etc/foundationdb/fdb.cluster"
    assert (found.dbname, found.retry_for) == ("shop", 30.0)


def test_url_may_hold_what_a_cluster_file_holds() -> None:
    found = settings_of(resolve(conn_url=f"fdb://{CLUSTER}"))
    assert (found.connection, found.cluster_file) == (CLUSTER, None)
    assert found.place == f"fdb://{CLUSTER}"


def test_percent_signs_stand_for_other_characters() -> None:
    assert (
        settings_of(resolve(conn_url="fdb:///etc/a%3Fb/fdb.cluster")).cluster_file == "/etc/a?b/fdb.cluster"
    )


def test_name_given_apart_counts_where_the_url_has_none() -> None:
    assert settings_of(resolve(backend="fdb", dbname="shop")).dbname == "shop"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("fdb://localhost:4500", "names neither a cluster file nor a cluster"),
        ("fdb://a:b@10.0.0.1:99999", "99999 is not a port"),
        ("fdb://a:b@10.0.0.1:4500,10.0.0.2:0:tls", "0 is not a port"),
        ("fdb://a:b@10.0.0.1:4500/shop", r"write fdb://a:b@10.0.0.1:4500\?dbname=shop"),
        ("fdb:///f?retry=3", "has no option 'retry': it knows dbname, retry_for"),
        ("fdb:///f?retry_for=soon", "retry_for='soon' is not a number of seconds from 0.01 to 3600"),
        ("fdb:///f?timeout=0", "timeout='0' is not a number of seconds"),
        ("fdb:///f?dbname=a%00b", "cannot name a store: use up to 200 printable characters"),
    ],
)
def test_url_that_makes_no_sense_is_refused_with_the_way_out(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        settings_of(resolve(conn_url=url))
