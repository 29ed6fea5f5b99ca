"""The test servers themselves: they start, lose, keep, fail over and move what tests rely on."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import redis

from tests.support.certificates import issue
from tests.support.redis_cluster import SLOTS, RedisCluster
from tests.support.redis_fixtures import NewProxy, NewServer
from tests.support.redis_proxy import Proxy
from tests.support.redis_sentinel import RedisSentinels
from tests.support.redis_server import ONCE, Persistence, RedisServer, connect
from tests.support.server_process import HOST
from tests.support.waiting import eventually, never

INCR = rb"INCR"
PASSWORD = "s3cret"  # noqa: S105 - of servers that live for one test


def test_valkey_is_8_or_later_and_takes_writes(valkey: RedisServer) -> None:
    assert int(valkey.info()["valkey_version"].split(".")[0]) >= 8
    assert valkey.ask("SET", "a", "1")


def test_redis_is_6_2_and_takes_writes(redis62: RedisServer) -> None:
    assert redis62.info()["redis_version"].startswith("6.2.")
    assert redis62.ask("SET", "a", "1")


@pytest.mark.parametrize(("persistence", "kept"), [("none", None), ("aof", b"1")])
def test_what_a_killed_server_keeps(
    new_server: NewServer, persistence: Persistence, kept: bytes | None
) -> None:
    server = new_server(persistence=persistence)
    server.ask("SET", "a", "1")
    port = server.port

    server.kill()
    server.start()

    assert server.port == port
    assert server.ask("GET", "a") == kept


def test_a_server_with_rdb_keeps_what_it_had_when_it_was_stopped(new_server: NewServer) -> None:
    server = new_server(persistence="rdb")
    server.ask("SET", "a", "1")

    server.restart()

    assert server.ask("GET", "a") == b"1"


def test_a_server_that_loads_says_so(new_server: NewServer) -> None:
    server = new_server(persistence="rdb")
    server.ask("SET", "a", "1")

    server.restart_slowly()

    with pytest.raises(redis.BusyLoadingError):
        connect(server.port).get("a")
    server.loaded()
    assert server.ask("GET", "a") == b"1"


def test_a_taken_port_is_left_to_its_owner(valkey: RedisServer, tmp_path: Path) -> None:
    other = RedisServer(valkey.binary, tmp_path)
    other.port = valkey.port

    assert not other.running
    with pytest.raises(AssertionError, match="did not start on port"):
        other.start()
    assert valkey.ask("PING")


def test_a_server_with_a_mistake_in_its_configuration_shows_its_log(
    valkey: RedisServer, tmp_path: Path
) -> None:
    wrong = RedisServer(valkey.binary, tmp_path, directives={"no-such-directive": "1"})

    with pytest.raises(AssertionError, match="no-such-directive"):
        wrong.start()


def test_a_paused_server_holds_its_answer_back(new_server: NewServer) -> None:
    server = new_server()
    with ThreadPoolExecutor(1) as threads:
        server.pause()
        answer = threads.submit(server.ask, "PING")
        never(answer.done, 0.1)
        server.go_on()

        assert answer.result(10)


def test_passwords_and_users_are_asked_for(new_server: NewServer) -> None:
    server = new_server(password=PASSWORD, users=(f"alice on >{PASSWORD} ~* +@all -@write",))

    with pytest.raises(redis.AuthenticationError):
        connect(server.port).ping()
    with (
        redis.Redis.from_url(server.url(user="alice", password=PASSWORD)) as alice,
        pytest.raises(redis.ResponseError),
    ):
        alice.set("a", "1")
    assert server.ask("SET", "a", "1")


def test_a_cluster_serves_all_slots(cluster: RedisCluster) -> None:
    ranges = cluster.masters[0].ask("CLUSTER", "SLOTS")

    assert sum(last - first + 1 for first, last, *_ in ranges) == SLOTS
    assert {entry[2][1] for entry in ranges} == {node.port for node in cluster.masters}


@pytest.mark.parametrize("way", ["move", "move_at_once"])
def test_a_slot_moves_with_its_keys(cluster: RedisCluster, way: str) -> None:
    slot = cluster.slot("{moving}")
    old = cluster.owner(slot)
    old.ask("SET", "{moving}a", "1")

    new = getattr(cluster, way)(slot)

    assert new is not old
    assert new.ask("GET", "{moving}a") == b"1"
    with pytest.raises(redis.ResponseError, match=str(new.port)):
        old.ask("GET", "{moving}a")


@pytest.mark.parametrize("sentinels", [1, 3])
def test_a_killed_master_is_replaced(new_sentinels: Callable[..., RedisSentinels], sentinels: int) -> None:
    made = new_sentinels(sentinels=sentinels)
    made.master.ask("SET", "a", "1")
    made.master.ask("WAIT", 1, 5_000)

    old = made.kill_master()
    new = made.wait_for_new_master(old)

    assert new is not old
    assert new.ask("GET", "a") == b"1"
    assert new.ask("SET", "a", "2")


@pytest.mark.parametrize("coordinated", [False, True])
def test_a_failover_moves_the_master(
    new_sentinels: Callable[..., RedisSentinels],
    coordinated: bool,  # noqa: FBT001 - a parameter
) -> None:
    made = new_sentinels()
    old = made.master

    new = made.failover(coordinated=coordinated)

    assert made.master is new is not old
    assert new.ask("SET", "a", "1")


def test_a_swallowed_reply_leaves_the_request_done(valkey: RedisServer, new_proxy: NewProxy) -> None:
    proxy = new_proxy(valkey.port)
    proxy.swallow_reply(matching=INCR)

    with connect(proxy.port) as through:
        assert through.ping()
        with pytest.raises(redis.ConnectionError):
            through.incr("swallowed")
        assert through.incr("swallowed") == 2
    assert proxy.swallowed == 1


def test_a_lost_request_is_not_done(valkey: RedisServer, new_proxy: NewProxy) -> None:
    proxy = new_proxy(valkey.port)
    proxy.lose_request(matching=INCR)

    with connect(proxy.port) as through:
        assert through.ping()
        with pytest.raises(redis.ConnectionError):
            through.incr("lost")
        assert through.incr("lost") == 1
    assert proxy.lost == 1


def test_a_script_that_is_not_known_yet_uses_up_no_fault(valkey: RedisServer, new_proxy: NewProxy) -> None:
    proxy = new_proxy(valkey.port)
    proxy.swallow_reply()

    with connect(proxy.port) as through:
        with pytest.raises(redis.exceptions.NoScriptError):
            through.evalsha("0" * 40, 0)
        assert proxy.swallowed == 0
        with pytest.raises(redis.ConnectionError):
            through.eval("return 1", 0)
    assert proxy.swallowed == 1


def test_a_cut_ends_what_is_open_and_a_refusal_what_would_come(
    valkey: RedisServer, new_proxy: NewProxy
) -> None:
    proxy = new_proxy(valkey.port)
    with connect(proxy.port) as through:
        assert through.ping()
        proxy.refuse()
        assert through.ping()
        proxy.cut()
        with pytest.raises(redis.ConnectionError):
            through.ping()
        with pytest.raises(redis.ConnectionError, match="refused"):
            through.ping()
        proxy.accept()
        assert through.ping()


def test_a_frozen_proxy_passes_all_on_once_it_thaws(valkey: RedisServer, new_proxy: NewProxy) -> None:
    proxy = new_proxy(valkey.port)
    with socket.create_connection((HOST, proxy.port), 10) as plain:
        proxy.freeze()
        plain.sendall(b"PING\r\n")
        plain.settimeout(0.1)
        with pytest.raises(TimeoutError):
            plain.recv(100)
        proxy.thaw()
        plain.settimeout(5)
        assert plain.recv(100) == b"+PONG\r\n"


def test_a_frozen_proxy_may_be_cut(valkey: RedisServer, new_proxy: NewProxy) -> None:
    proxy = new_proxy(valkey.port)
    with socket.create_connection((HOST, proxy.port), 10) as plain:
        plain.sendall(b"PING\r\n")
        assert plain.recv(100) == b"+PONG\r\n"
        proxy.freeze()
        plain.sendall(b"PING\r\n")

        proxy.cut()

        # What it had not read yet makes the end a rough one on some systems.
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(100) == b""


def test_a_closed_proxy_leaves_no_thread(valkey: RedisServer) -> None:
    before = set(threading.enumerate())
    with Proxy(valkey.port) as proxy, connect(proxy.port) as through:
        assert through.ping()

    eventually(lambda: all(one.name != "proxy" for one in set(threading.enumerate()) - before))


def test_tls_is_trusted_by_those_who_know_the_authority(valkey: RedisServer, tmp_path: Path) -> None:
    good, bad = issue(tmp_path / "good"), issue(tmp_path / "bad")
    with Proxy(valkey.port, tls=good.context) as proxy:
        known, stranger = (
            redis.Redis(host=HOST, port=proxy.port, ssl=True, ssl_ca_certs=str(which.authority), retry=ONCE)
            for which in (good, bad)
        )
        with known, stranger:
            assert known.set("tls", b"x" * 100_000)
            assert known.get("tls") == b"x" * 100_000
            with pytest.raises(redis.ConnectionError) as refused:
                stranger.ping()
    assert isinstance(refused.value.__context__, ssl.SSLError)
