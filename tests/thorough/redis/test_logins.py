"""Who may come in: passwords, users, certificates; and what is said where nobody is."""

from __future__ import annotations

import socketserver
import threading
import traceback
from pathlib import Path
from urllib.parse import quote

import pytest

from skunkqueue.config import resolve
from skunkqueue.contract.makers import (
    LEASE,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    firing,
    outcome,
    ref,
    worker,
)
from skunkqueue.errors import BackendError, BackendUnavailableError, SkunkQueueError
from skunkqueue.persistence import BackendConfig
from skunkqueue.records import Command, State
from tests.redis.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.certificates import issue
from tests.support.redis_fixtures import NewServer
from tests.support.redis_proxy import Proxy
from tests.support.redis_server import RedisServer
from tests.support.server_process import HOST, free_port
from tests.support.store_fixtures import ConfigOf

RIGHT = "r1ght-w0rd"
WRONG = "wr0ng-w0rd"
STORE = "guarded"


@pytest.fixture
def guarded(new_server: NewServer) -> RedisServer:
    return new_server(
        password=RIGHT,
        users=(
            f"alice on >{RIGHT} ~* &* +@all",
            f"reader on >{RIGHT} ~* &* +@read +@connection +info +time",
            f"advised on >{RIGHT} ~{{{STORE}}}:* &{{{STORE}}}:* +@all -@dangerous +info",
            f"outsider on >{RIGHT} ~elsewhere:* &* +@all",
        ),
    )


def refusal(open_store: OpenStore, config: BackendConfig) -> SkunkQueueError:
    """Open a store and use it; return what is raised on the way."""
    with pytest.raises(BackendError) as refused:
        open_store(config).enqueue([firing()])
    return refused.value


def told(error: BaseException) -> str:
    """Everything that a log would show of it."""
    return "".join(traceback.format_exception(error))


# --- passwords ----------------------------------------------------------------------------------------


def test_the_right_password_opens(guarded: RedisServer, open_store: OpenStore, config_of: ConfigOf) -> None:
    store = open_store(config_of(guarded.url()))

    assert store.enqueue([firing()])
    assert RIGHT not in store.location()
    assert f"{HOST}:{guarded.port}" in store.location()


def test_a_user_with_a_password_may_come_in(
    guarded: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(guarded.url(user="alice")))

    assert store.enqueue([firing()])
    assert RIGHT not in store.location()


@pytest.mark.parametrize("user", ["", "alice", "nobody"])
def test_a_wrong_password_is_told_with_place_and_way_out_but_never_shown(
    guarded: RedisServer, open_store: OpenStore, config_of: ConfigOf, user: str
) -> None:
    error = refusal(open_store, config_of(guarded.url(user=user, password=WRONG)))

    assert f"{HOST}:{guarded.port}" in str(error)
    assert "password" in str(error)
    assert user in str(error)
    assert WRONG not in told(error)


def test_no_password_where_one_is_wanted(
    guarded: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    error = refusal(open_store, config_of(f"redis://{HOST}:{guarded.port}/0"))

    assert f"{HOST}:{guarded.port}" in str(error)
    assert "password" in str(error)


def test_a_password_with_signs_that_urls_use(
    new_server: NewServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    odd = "p@ss:w/rd?#%&"
    server = new_server(password=odd)

    store = open_store(config_of(server.url()))

    assert store.enqueue([firing()])
    assert odd not in store.location()
    assert quote(odd, safe="") not in store.location()


def test_a_password_changed_under_a_running_store_is_told(
    guarded: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(guarded.url(user="alice")))
    store.enqueue([firing()])
    guarded.ask("ACL", "SETUSER", "alice", "resetpass", f">{WRONG}")
    guarded.ask("CLIENT", "KILL", "USER", "alice")

    with pytest.raises(BackendError, match="password"):
        store.enqueue([firing()])
    guarded.ask("ACL", "SETUSER", "alice", "resetpass", f">{RIGHT}")

    assert persistently(lambda: store.enqueue([firing()]))


# --- rights -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["reader", "outsider"])
def test_a_user_without_the_rights_is_named_with_the_way_out(
    guarded: RedisServer, open_store: OpenStore, config_of: ConfigOf, user: str
) -> None:
    error = refusal(open_store, config_of(guarded.url(user=user)))

    assert f"{HOST}:{guarded.port}" in str(error)
    assert user in str(error)
    assert "+@all" in str(error)


def test_the_rights_that_are_advised_do(guarded: RedisServer, open_store: OpenStore) -> None:
    store = open_store(resolve(conn_url=guarded.url(user="advised"), dbname=STORE))

    for _ in range(2):
        store.register(worker(), LEASE)
        lent = claimed(store)
        assert store.extend([ref(lent)], LEASE) == []
        assert store.progress(ref(lent), b"half")
        assert store.settle([outcome(lent)]) == []
        assert store.wait_settled([lent.id], 1.0) == [lent.id]
        store.wait(QUEUE, ROUTE, WORKER, 0.1)
        assert store.send(WORKER, Command(verb="stop"))
        assert store.listen(WORKER, 1.0) == [Command(verb="stop")]
        assert store.routes()
        assert store.now() > 0
        store.sweep()
        store.prune()
        # Scripts must be sent anew without a right to more than that.
        guarded.ask("SCRIPT", "FLUSH")


def test_a_user_who_gets_the_rights_goes_on(
    guarded: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    store = open_store(config_of(guarded.url(user="alice")))
    guarded.ask("ACL", "SETUSER", "alice", "-@scripting")
    with pytest.raises(BackendError, match="alice"):
        store.enqueue([firing()])

    guarded.ask("ACL", "SETUSER", "alice", "+@all")

    assert store.enqueue([firing()])
    assert len(claim(store, 9)) == 1


# --- certificates -------------------------------------------------------------------------------------


def secure(proxy: Proxy, **options: str) -> str:
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return f"rediss://{HOST}:{proxy.port}/0?{query}"


def test_a_certificate_that_is_trusted_opens(
    valkey: RedisServer, open_store: OpenStore, config_of: ConfigOf, tmp_path: Path
) -> None:
    certificate = issue(tmp_path)
    with Proxy(valkey.port, tls=certificate.context) as proxy:
        store = open_store(config_of(secure(proxy, ssl_ca_certs=str(certificate.authority))))
        made = firing(body=b"x" * 100_000)

        assert store.enqueue([made]) == [made.id]
        assert [one.body for one in claim(store)] == [made.body]
        store.close()


def test_a_certificate_of_a_stranger_is_refused(
    valkey: RedisServer, open_store: OpenStore, config_of: ConfigOf, tmp_path: Path
) -> None:
    with Proxy(valkey.port, tls=issue(tmp_path / "theirs").context) as proxy:
        ours = issue(tmp_path / "ours").authority
        error = refusal(open_store, config_of(secure(proxy, ssl_ca_certs=str(ours))))

    assert f"{HOST}:{proxy.port}" in str(error)
    assert "certificate" in str(error)


def test_a_certificate_of_another_host_is_refused(
    valkey: RedisServer, open_store: OpenStore, config_of: ConfigOf, tmp_path: Path
) -> None:
    certificate = issue(tmp_path, "elsewhere.example")
    with Proxy(valkey.port, tls=certificate.context) as proxy:
        error = refusal(open_store, config_of(secure(proxy, ssl_ca_certs=str(certificate.authority))))

    assert f"{HOST}:{proxy.port}" in str(error)
    assert "certificate" in str(error)


def test_nothing_is_sent_in_the_clear_where_tls_is_asked_for(
    valkey: RedisServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    error = refusal(open_store, config_of(f"rediss://{HOST}:{valkey.port}/0", socket_timeout="1"))

    assert f"{HOST}:{valkey.port}" in str(error)


class Greeter(socketserver.BaseRequestHandler):
    """Speaks another protocol."""

    def handle(self) -> None:
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


# --- nobody there -------------------------------------------------------------------------------------


def test_where_nobody_listens_the_place_is_named(open_store: OpenStore, config_of: ConfigOf) -> None:
    port = free_port()

    error = refusal(open_store, config_of(f"redis://{HOST}:{port}/0"))

    assert isinstance(error, BackendUnavailableError)
    assert f"{HOST}:{port}" in str(error)


def test_a_server_that_goes_away_is_named_and_welcome_back(
    new_server: NewServer, open_store: OpenStore, config_of: ConfigOf
) -> None:
    server = new_server()
    store = open_store(config_of(server.url()))
    store.enqueue([firing()])
    server.kill()

    with pytest.raises(BackendUnavailableError, match=str(server.port)):
        store.enqueue([firing()])
    server.start()

    assert persistently(lambda: store.enqueue([firing()]))
    assert {info.counts[State.PENDING] for info in store.routes()} == {1}


def test_something_else_on_the_port_is_told(open_store: OpenStore, config_of: ConfigOf) -> None:
    with socketserver.ThreadingTCPServer((HOST, 0), Greeter) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        port = other.server_address[1]
        error = refusal(open_store, config_of(f"redis://{HOST}:{port}/0"))
        other.shutdown()
        thread.join()

    assert f"{HOST}:{port}" in str(error)
