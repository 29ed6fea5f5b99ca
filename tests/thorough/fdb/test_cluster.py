"""A cluster of three that keeps two copies, and loses a process: what was accepted is done, each once, by itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from skunkqueue.contract.makers import claim, counters, counts, firing, firings, outcome, read
from skunkqueue.persistence import BackendConfig
from skunkqueue.records import FINAL_STATES, State
from tests.acceptance.shop import QUEUE, Shop
from tests.redis.opening import OpenStore
from tests.redis.patience import persistently
from tests.support.fdb_server import FdbCluster, FdbProcess
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import eventually, pause
from tests.thorough.mongo.load import Load

LEASE = 2.0
STOP = 8.0
"""Seconds for which a process stands still: longer than a lease, and less than the four after which workers end."""
LONG = 120.0
ABOUT = 10.0
"""Seconds by which times may differ that are the same: versions jump by a hundred, less what a recovery takes."""
Loss = Callable[[FdbProcess], None]


def killed(member: FdbProcess) -> None:
    member.kill()


def stopped(member: FdbProcess) -> None:
    """Have it stand still for longer than a lease, and go on as if nothing had been."""
    member.pause()
    pause(STOP)
    member.go_on()


@pytest.fixture
def cluster(fdb_cluster: FdbCluster) -> Iterator[FdbCluster]:
    """Give it whole, and have it whole again afterwards."""
    fdb_cluster.heal()
    yield fdb_cluster
    for member in fdb_cluster.members:
        member.go_on()


@pytest.fixture
def config(cluster: FdbCluster, config_of: ConfigOf) -> BackendConfig:
    return config_of(cluster.url())


@pytest.mark.parametrize("loss", [killed, stopped])
def test_load_survives_the_loss_of_the_process_that_leads(
    cluster: FdbCluster, config: BackendConfig, open_store: OpenStore, loss: Loss
) -> None:
    with Load(lambda: open_store(config), producers=2, lease=LEASE, counts_are_kept=True) as load:
        load.goes_on()
        loss(cluster.leader())
        load.goes_on()
        load.finish()


def test_load_survives_the_loss_of_one_process_after_the_other(
    cluster: FdbCluster, config: BackendConfig, open_store: OpenStore
) -> None:
    for number, member in enumerate(cluster.members):
        # Copies take a minute to be made; a load that goes on meanwhile would only pile up.
        own = replace(config, dbname=f"{config.dbname}-{number}")
        with Load(lambda: open_store(own), producers=2, lease=LEASE, counts_are_kept=True) as load:  # noqa: B023 - until the load ends
            load.goes_on()
            member.kill()
            load.goes_on()
            load.finish()
        cluster.heal()


@pytest.mark.parametrize("loss", [killed, stopped])
def test_leases_and_due_times_do_not_jump_with_the_versions_of_a_recovery(
    cluster: FdbCluster, config: BackendConfig, open_store: OpenStore, loss: Loss
) -> None:
    store, near = open_store(config), open_store(config)
    later = firing(route="later", due=store.now() + 600.0)
    store.enqueue([later, *firings(3)])
    lent = claim(store, 3, lease=300.0)
    began = store.now() - time.monotonic()
    loss(cluster.leader())

    assert persistently(lambda: store.enqueue(firings(1, route="other")), LONG)
    # What is new there is opened with nothing but the store to ask.
    fresh = open_store(config)
    for one in (store, near, fresh):
        assert persistently(lambda: claim(one, 5), LONG) == []  # noqa: B023 - called at once
        assert persistently(lambda: claim(one, 5, route="later"), LONG) == []  # noqa: B023 - as above
        now = began + time.monotonic()
        assert one.now() == pytest.approx(now, abs=ABOUT)
        assert read(one, lent[0].id).lease_left == pytest.approx(lent[0].claimed + 300.0 - now, abs=ABOUT)
    assert persistently(lambda: store.settle([outcome(one) for one in lent]), LONG) == []
    assert counts(store) == {State.COMPLETE: 3}


@pytest.mark.parametrize(("loss", "lease"), [(killed, LONG), (stopped, STOP / 2)])
def test_pool_goes_on_by_itself(
    tmp_path: Path, cluster: FdbCluster, dbname: str, loss: Loss, lease: float
) -> None:
    with Shop(tmp_path, cluster.url(dbname)) as shop:
        pool = shop.work("-c", "2", "--lease", str(lease), workers=2)
        workers = shop.pids()
        before = [shop.fire("add", 1, number) for number in range(50)]
        held = shop.fire("hold", "go")
        shop.begun(held)

        loss(cluster.leader())
        after = [persistently(lambda: shop.fire("add", 2, number), LONG) for number in range(50)]  # noqa: B023 - called at once
        shop.touch("go")

        everything = [*before, held, *after]
        eventually(
            lambda: all(
                one is not None and one.state in FINAL_STATES for one in shop.backend.get(everything)
            ),
            LONG,
            every=0.2,
            what="all are finished",
        )
        assert {shop.state(one) for one in everything} == {State.COMPLETE}
        assert pool.process.poll() is None
        assert sorted(shop.pids()) == sorted(workers)
        # Each is recorded once. Where its lease ran out meanwhile, the other worker may have begun it once more.
        assert counters(shop.backend, QUEUE, "default")["complete"] == len(everything)
        assert shop.record(held).deaths <= (lease < STOP)
