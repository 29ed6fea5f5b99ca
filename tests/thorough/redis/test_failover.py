"""Sentinels that make another server the master: what was accepted is done, each once, by itself."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest
import redis

from skunkqueue.contract.makers import QUEUE, claim, counts, firings, ids, outcome
from skunkqueue.errors import BackendLoginError, BackendUnavailableError
from skunkqueue.persistence.redis.errors import NoMasterError, is_passing, translate
from skunkqueue.persistence.redis.nodes import node_of
from skunkqueue.persistence.redis.settings import settings_of
from skunkqueue.records import State
from tests.redis.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.redis_sentinel import RedisSentinels
from tests.support.server_process import HOST, free_port
from tests.support.store_fixtures import ConfigOf
from tests.thorough.redis.load import Load
from tests.thorough.redis.sentinel_stand_in import SentinelStandIn

NewSentinels = Callable[..., RedisSentinels]
SENTINEL_PASSWORD = "sentinel_password"  # noqa: S105 - the name of an option


def test_the_master_is_found_through_the_sentinels(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf
) -> None:
    made = new_sentinels()
    store = open_store(config_of(made.url()))

    fired = firings(3)
    store.enqueue(fired)

    assert ids(claim(store, 3)) == ids(fired)
    assert made.master.ask("DBSIZE") > 0


def test_a_sentinel_that_is_down_is_passed_over(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf
) -> None:
    made = new_sentinels()
    live = f"{HOST}:{made.sentinels[0].port}"
    url = made.url().replace(live, f"{HOST}:{free_port()},{live}")

    assert open_store(config_of(url)).enqueue(firings(1))


def test_where_no_sentinel_answers_they_are_named(open_store: OpenStore, config_of: ConfigOf) -> None:
    port = free_port()

    with pytest.raises(BackendUnavailableError, match=str(port)):
        open_store(config_of(f"redis+sentinel://{HOST}:{port}/mymaster/0")).enqueue(firings(1))


def test_a_master_that_the_sentinels_do_not_know_is_named(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf
) -> None:
    url = new_sentinels().url().replace("mymaster", "another")

    with pytest.raises(BackendUnavailableError, match="another"):
        open_store(config_of(url)).enqueue(firings(1))


def test_who_connects_during_a_failover_finds_the_new_master(
    new_sentinels: NewSentinels, config_of: ConfigOf
) -> None:
    """Which lives beside the old one for a while."""
    made = new_sentinels(replicas=2)
    node = node_of(settings_of(config_of(made.url())))

    new = made.failover()
    connection = node.connect()
    found = connection.port
    connection.disconnect()

    assert found == new.port


@pytest.mark.parametrize("flags", ["master", "s_down,o_down,master"])
def test_a_sentinel_that_names_a_dead_master_is_passed_over(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf, flags: str
) -> None:
    """It was cut off from the others before they chose a new one."""
    made = new_sentinels()
    fired = firings(2)
    with SentinelStandIn(free_port(), flags=flags) as lost:
        live = f"{HOST}:{made.sentinels[0].port}"
        url = made.url(retry_for="0.5").replace(live, f"{HOST}:{lost.port},{live}")
        assert open_store(config_of(url)).enqueue(fired) == ids(fired)


def test_who_is_called_down_by_a_sentinel_is_not_waited_for(
    new_sentinels: NewSentinels, config_of: ConfigOf
) -> None:
    """A master that hangs takes connections, and says nothing."""
    made = new_sentinels()
    with (
        socket.create_server((HOST, 0)) as hung,
        SentinelStandIn(hung.getsockname()[1], flags="s_down,master") as lost,
    ):
        live = f"{HOST}:{made.sentinels[0].port}"
        url = made.url(socket_timeout="2").replace(live, f"{HOST}:{lost.port},{live}")
        connection = node_of(settings_of(config_of(url))).connect()
        found = connection.port
        connection.disconnect()
        hung.settimeout(0)
        with pytest.raises(BlockingIOError):
            hung.accept()
    assert found == made.master.port


def test_a_master_that_hangs_is_asked_once(config_of: ConfigOf) -> None:
    """Whoever names it."""
    with ExitStack() as stack:
        hung = stack.enter_context(socket.create_server((HOST, 0)))
        port = hung.getsockname()[1]
        sentinels = [stack.enter_context(SentinelStandIn(port, flags="master")) for _ in range(3)]
        hosts = ",".join(f"{HOST}:{one.port}" for one in sentinels)
        node = node_of(settings_of(config_of(f"redis+sentinel://{hosts}/mymaster/0?socket_timeout=0.2")))

        with pytest.raises(NoMasterError, match=f"{sentinels[0].port} names {HOST}:{port}: "):
            node.connect()

        hung.settimeout(0)
        hung.accept()[0].close()
        with pytest.raises(BlockingIOError):
            hung.accept()


def test_what_passes_counts_beside_a_sentinel_whose_certificate_is_bad() -> None:
    said = [redis.ConnectionError("[SSL: CERTIFICATE_VERIFY_FAILED] expired"), redis.ConnectionError("down")]

    assert not is_passing(said[0])
    assert is_passing(NoMasterError("mymaster", said))
    assert type(translate(NoMasterError("mymaster", said), "redis+sentinel://a")) is BackendUnavailableError


def login_at(made: RedisSentinels, number: int, password: str) -> None:
    """Have a sentinel ask for a password from now on."""
    made.sentinels[number].ask("ACL", "SETUSER", "default", "resetpass", f">{password}")


def test_sentinels_are_logged_in_at_by_a_password_of_their_own(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf
) -> None:
    made = new_sentinels()
    login_at(made, 0, "secret")

    fired = firings(2)
    assert open_store(config_of(made.url(**{SENTINEL_PASSWORD: "secret"}))).enqueue(fired) == ids(fired)


def test_a_sentinel_that_has_another_password_is_passed_over(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf
) -> None:
    """While passwords are changed, one sentinel after the other."""
    made = new_sentinels(sentinels=2)
    login_at(made, 0, "old")
    login_at(made, 1, "new")

    fired = firings(2)
    assert open_store(config_of(made.url(**{SENTINEL_PASSWORD: "new"}))).enqueue(fired) == ids(fired)


@pytest.mark.parametrize("options", [{}, {SENTINEL_PASSWORD: "wrong"}])
def test_sentinels_that_refuse_the_login_are_named_with_the_option(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf, options: dict[str, str]
) -> None:
    made = new_sentinels()
    login_at(made, 0, "secret")

    with pytest.raises(BackendLoginError) as caught:
        open_store(config_of(made.url(**options))).enqueue(firings(1))
    assert f"the sentinel refuses the login ({HOST}:{made.sentinels[0].port}: " in str(caught.value)
    assert "sentinel_password" in str(caught.value).partition(" refuses the login ")[2]


def test_a_load_survives_its_killed_master(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf
) -> None:
    # Of two replicas one is left to confirm what the other, the new master, accepts.
    made = new_sentinels(replicas=2)
    with Load(lambda: open_store(config_of(made.url(replicas="1"))), lease=2.0) as load:
        load.goes_on()
        made.wait_for_new_master(made.kill_master())
        load.goes_on()
        load.finish()


def test_a_load_survives_a_failover_in_good_order(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf
) -> None:
    made = new_sentinels(replicas=2)
    with Load(lambda: open_store(config_of(made.url(replicas="1"))), lease=2.0) as load:
        load.goes_on()
        made.failover(coordinated=True)
        load.goes_on()
        load.finish()


def test_a_load_goes_on_after_a_failover_that_the_old_master_did_not_hear_of(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf
) -> None:
    made = new_sentinels(replicas=2)
    with Load(lambda: open_store(config_of(made.url(replicas="1"))), lease=2.0) as load:
        load.goes_on()
        made.failover()
        load.goes_on()
        # A replica that still follows the old master confirms what that one accepts, until both are
        # told of the new one and forget it. No client can know.
        load.finish(lossless=False)


def test_without_the_replicas_asked_for_nothing_is_called_accepted(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf
) -> None:
    made = new_sentinels()
    store = open_store(config_of(made.url(replicas="1")))
    fired = firings(2)
    _, replica = made.servers
    replica.pause()
    try:
        with pytest.raises(BackendUnavailableError, match="replica"):
            store.enqueue(fired)
    finally:
        replica.go_on()

    assert persistently(lambda: store.enqueue(fired)) == ids(fired)
    assert counts(store) == {State.PENDING: 2}


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_a_queue_counts_as_paused_or_resumed_once_the_replicas_asked_for_know(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf, verb: str
) -> None:
    made = new_sentinels()
    store = open_store(config_of(made.url(replicas="1", retry_for="0.5")))
    _, replica = made.servers
    replica.pause()
    try:
        with pytest.raises(BackendUnavailableError, match="replica"):
            getattr(store, verb)(QUEUE)
    finally:
        replica.go_on()


def test_what_was_claimed_from_the_old_master_is_settled_on_the_new(
    new_sentinels: NewSentinels, open_store: OpenStore, config_of: ConfigOf
) -> None:
    made = new_sentinels(replicas=2)
    store = open_store(config_of(made.url(replicas="1")))
    store.enqueue(firings(5))
    lent = claim(store, 5, lease=120.0)

    made.wait_for_new_master(made.kill_master())

    assert persistently(lambda: store.settle([outcome(one) for one in lent])) == []
    assert counts(store) == {State.COMPLETE: 5}
