"""A connection that breaks in mid-call: the verb is done, and done once, whether or not it had been before.

A reply that is swallowed and a request that never arrives look the same to the caller.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from skunkqueue.contract.makers import (
    LEASE,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    counters,
    counts,
    death,
    declared,
    firing,
    firings,
    ids,
    outcome,
    planned,
    read,
    ref,
    schedule,
    settled,
    state,
    worker,
)
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.records import Command, State, Verdict
from tests.redis.opening import Line, OpenStore
from tests.redis.patience import persistently
from tests.support.redis_fixtures import NewProxy
from tests.support.redis_server import RedisServer
from tests.support.server_process import HOST
from tests.support.store_fixtures import ConfigOf
from tests.thorough.redis.load import Load

ALL = 1_000
"""More than anybody tries."""


@pytest.fixture(params=["swallow_reply", "lose_request"])
def broken(request: pytest.FixtureRequest, line: Line) -> Iterator[Callable[[], None]]:
    """Break the line at the next call of a script; that it did break is seen at the end."""
    yield getattr(line.proxy, request.param)
    assert line.proxy.swallowed + line.proxy.lost == 1


Broken = Callable[[], None]


def test_an_enqueue_is_done_once(line: Line, broken: Broken) -> None:
    made = firings(3)

    broken()

    assert line.far.enqueue(made) == ids(made)
    assert counts(line.near) == {State.PENDING: 3}
    assert counters(line.near)["enqueued"] == 3


def test_an_enqueue_with_keys_finds_its_own_firings(line: Line, broken: Broken) -> None:
    made = [firing(key="a"), firing(key="b")]

    broken()

    assert line.far.enqueue(made) == ids(made)
    assert counts(line.near) == {State.PENDING: 2}


def test_an_enqueue_over_several_queues_is_done_once(line: Line, broken: Broken) -> None:
    made = [firing(queue=queue, route=route) for queue in ("q", "p") for route in ("x", "y")]

    broken()

    assert line.far.enqueue(made) == ids(made)
    assert [counts(line.near, one.queue, one.route) for one in made] == [{State.PENDING: 1}] * 4


def test_a_claim_comes_to_the_same_worker(line: Line, broken: Broken) -> None:
    made = firings(3)
    line.near.enqueue(made)

    broken()
    lent = claim(line.far, 3)

    assert ids(lent) == ids(made)
    assert [one.deaths for one in lent] == [0, 0, 0]
    assert line.near.settle([outcome(one) for one in lent]) == []


def test_a_claim_holds_what_it_lent_and_no_more(line: Line, broken: Broken) -> None:
    made = firings(5)
    line.near.enqueue(made)

    broken()
    lent = claim(line.far, 2)

    assert counts(line.near) == {State.PENDING: 3, State.RUNNING: 2}
    assert sorted(ids(lent) + ids(claim(line.near, 9, worker=OTHER))) == ids(made)


@pytest.mark.parametrize("verdict", Verdict)
def test_a_settle_is_done_once_and_not_called_stale(line: Line, broken: Broken, verdict: Verdict) -> None:
    lent = claimed(line.near)

    broken()

    assert line.far.settle([outcome(lent, verdict, began=lent.claimed)]) == []
    assert state(line.near, lent.id) is verdict.state
    assert {0, 1} >= {counters(line.near).get(name, 0) for name in ("complete", "error", "retried")}


def test_a_settle_enqueues_what_follows_once(line: Line, broken: Broken) -> None:
    lent = claimed(line.near, key="k")
    following = firing(key="k")

    broken()

    assert line.far.settle([outcome(lent, follow=(following,))]) == []
    assert counts(line.near) == {State.COMPLETE: 1, State.PENDING: 1}
    assert read(line.near, following.id).key == "k"


def test_a_settle_tells_the_stale_from_the_others(line: Line, broken: Broken) -> None:
    old = claimed(line.near)
    line.near.settle([outcome(old)])
    fresh = claimed(line.near)

    broken()

    assert line.far.settle([outcome(old), outcome(fresh)]) == [old.id]


def test_an_extension_is_not_called_lost(line: Line, broken: Broken) -> None:
    lent = claimed(line.near)

    broken()

    assert line.far.extend([ref(lent)], 60.0) == []
    assert (read(line.near, lent.id).lease_left or 0) > LEASE


def test_a_kill_tells_the_state_from_before(line: Line, broken: Broken) -> None:
    pending = firing(route="elsewhere")
    line.near.enqueue([pending])
    running = claimed(line.near)

    broken()

    assert line.far.kill([pending.id, running.id]) == {
        pending.id: State.PENDING,
        running.id: State.RUNNING,
    }
    assert state(line.near, pending.id) is State.KILLED
    assert read(line.near, running.id).kill_requested


def test_a_command_is_sent_once(line: Line, broken: Broken) -> None:
    line.near.register(worker(), LEASE)

    broken()

    assert line.far.send(WORKER, Command(verb="stop"))
    assert line.near.listen(WORKER, 1.0) == [Command(verb="stop")]
    assert line.near.listen(WORKER, 0.05) == []


def test_a_requeue_names_what_it_brought_back(line: Line, broken: Broken) -> None:
    done = settled(line.near)

    broken()

    assert line.far.requeue([done]) == [done]
    assert counts(line.near) == {State.PENDING: 1}


def test_a_purge_counts_what_it_removed(line: Line, broken: Broken) -> None:
    line.near.enqueue(firings(3))

    broken()

    assert line.far.purge(QUEUE, ROUTE) == 3


def test_a_reaping_counts_what_it_gave_back(line: Line, broken: Broken) -> None:
    line.near.register(worker(), LEASE)
    lent = claimed(line.near)

    broken()

    assert line.far.reap(WORKER, [lent.id], death(lent.claimed)) == 1
    (again,) = claim(line.near, worker=OTHER)
    assert again.deaths == 1


def test_progress_is_saved(line: Line, broken: Broken) -> None:
    lent = claimed(line.near)

    broken()

    assert line.far.progress(ref(lent), b"half")
    assert read(line.near, lent.id).progress == b"half"


def test_a_declaration_is_told_as_new(line: Line, broken: Broken) -> None:
    armed = firing()

    broken()

    assert line.far.declare(schedule(), armed)
    assert (planned(line.near).generation, planned(line.near).firing) == (1, armed.id)
    assert counts(line.near) == {State.PENDING: 1}


def test_an_arming_is_done_once(line: Line, broken: Broken) -> None:
    made, _ = declared(line.near)
    now = firing()

    broken()

    assert line.far.arm(QUEUE, made.name, made.generation, now)
    assert planned(line.near).firing == now.id
    assert counts(line.near) == {State.PENDING: 1}


@pytest.mark.parametrize("verb", ["pause_schedule", "remove_schedule"])
def test_what_is_done_to_a_schedule_is_told_as_done(line: Line, broken: Broken, verb: str) -> None:
    made, _ = declared(line.near)

    broken()

    assert getattr(line.far, verb)(QUEUE, made.name) is True
    assert counts(line.near) == {}


def test_a_resumption_is_told_as_done(line: Line, broken: Broken) -> None:
    made, _ = declared(line.near)
    line.near.pause_schedule(QUEUE, made.name)

    broken()

    assert line.far.resume_schedule(QUEUE, made.name, firing())
    assert counts(line.near) == {State.PENDING: 1}


READING = rb"\r\n(EVALSHA|EVAL|FCALL|BLPOP|BRPOP|BLMPOP|BLMOVE|LPOP|LMPOP|LRANGE|GETDEL|BZPOPMIN)\r\n"


@pytest.mark.parametrize("broken_reads", [1, 2])
def test_a_command_reaches_its_worker(line: Line, broken_reads: int) -> None:
    line.near.register(worker(), LEASE)
    line.near.send(WORKER, Command(verb="kill", firing="f" * 24))

    line.proxy.swallow_reply(broken_reads, matching=READING)
    heard = persistently(lambda: line.far.listen(WORKER, 1.0)) or line.far.listen(WORKER, 1.0)

    assert heard == [Command(verb="kill", firing="f" * 24)]
    assert line.proxy.swallowed == broken_reads


# --- a line that stays broken -------------------------------------------------------------------------


def enqueue_in_vain(line: Line, made: Any) -> None:
    line.proxy.swallow_reply(ALL)
    with pytest.raises(BackendUnavailableError):
        line.far.enqueue(made)
    line.proxy.swallow_reply(0)


def test_an_enqueue_that_failed_may_be_made_again(line: Line) -> None:
    made = firings(3)
    enqueue_in_vain(line, made)

    assert line.far.enqueue(made) == ids(made)
    assert counts(line.near) == {State.PENDING: 3}
    assert counters(line.near)["enqueued"] == 3


def test_an_enqueue_that_failed_and_has_run_does_not_run_again(line: Line) -> None:
    made = firings(3)
    enqueue_in_vain(line, made)
    line.near.settle([outcome(one) for one in claim(line.near, 3)])

    assert line.far.enqueue(made) == ids(made)
    assert counts(line.near) == {State.COMPLETE: 3}


def test_a_claim_that_failed_is_held_no_longer_than_its_lease(line: Line) -> None:
    made = firings(3)
    line.near.enqueue(made)
    line.proxy.swallow_reply(ALL)
    with pytest.raises(BackendUnavailableError):
        claim(line.far, 3, lease=0.5)
    line.proxy.swallow_reply(0)

    found: list[str] = []
    while len(found) < 3:
        assert line.far.wait(QUEUE, ROUTE, WORKER, 10.0)
        found += ids(claim(line.far, 3))

    assert found == ids(made)


def test_a_settle_that_failed_was_done_or_may_be_made_again(line: Line) -> None:
    lent = claimed(line.near)
    line.proxy.swallow_reply(ALL)
    with pytest.raises(BackendUnavailableError):
        line.far.settle([outcome(lent)])
    line.proxy.swallow_reply(0)

    line.far.settle([outcome(lent)])

    assert state(line.near, lent.id) is State.COMPLETE
    assert counters(line.near)["complete"] == 1


def test_an_enqueue_that_failed_says_that_it_may_have_been_done(line: Line) -> None:
    line.proxy.swallow_reply(ALL)

    with pytest.raises(BackendUnavailableError, match=r"may (or may not )?have been"):
        line.far.enqueue(firings(1))


# --- a line that breaks all the time ------------------------------------------------------------------


def test_a_load_over_a_line_that_breaks_all_the_time_is_done_once_and_all_of_it(
    server: RedisServer, new_proxy: NewProxy, config_of: ConfigOf, open_store: OpenStore
) -> None:
    proxy = new_proxy(server.port)
    chance = random.Random(4711)  # noqa: S311 - the same faults every time
    with Load(lambda: open_store(config_of(f"redis://{HOST}:{proxy.port}/0")), producers=2) as load:
        for _ in range(30):
            load.goes_on(30)
            chance.choice((proxy.swallow_reply, proxy.lose_request, proxy.cut))()
        load.goes_on()
        load.finish()
    assert min(proxy.swallowed, proxy.lost) > 3


@pytest.mark.parametrize("count", [1, 3])
def test_a_fire_sent_again_runs_no_second_time_though_the_first_is_forgotten(line: Line, count: int) -> None:
    made = firings(count)
    assert line.far.enqueue(made) == ids(made)
    line.near.settle([outcome(lent, ttl=0.0) for lent in claim(line.near, count)])
    assert line.near.prune() == count
    assert line.near.get(ids(made)) == [None] * count

    # What a producer does whose answer was lost.
    assert line.far.enqueue(made) == ids(made)

    assert claim(line.near, 9) == []
    assert line.near.find(made[0].id) == []
    assert line.near.wait_settled(ids(made), 0.0) == ids(made)


def test_a_process_reaches_the_server_after_any_number_of_broken_connections(line: Line) -> None:
    for _ in range(150):
        line.proxy.cut()
        line.far.now()

    made = firing()
    assert line.far.enqueue([made]) == [made.id]


def test_threads_that_wait_leave_each_others_claims_alone(line: Line) -> None:
    made = firings(40)
    line.near.enqueue(made)
    with ThreadPoolExecutor(3) as threads:
        waiting = [
            threads.submit(line.far.claim_next, QUEUE, "other", f"w{number}", 1, LEASE, timeout=20.0)
            for number in range(2)
        ]
        held = [line.far.claim_next(QUEUE, ROUTE, WORKER, 1, LEASE, timeout=20.0)[0] for _ in range(40)]
        assert line.near.settle([outcome(one) for one in held]) == []
        line.near.enqueue(firings(2, route="other"))
        for one in waiting:
            one.result(20.0)
    assert counts(line.near) == {State.COMPLETE: 40}
