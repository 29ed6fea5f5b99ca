"""Waiting: whoever waits is woken at once by what concerns it, and sleeps otherwise. Under the real clock."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median
from typing import TypeVar

import pytest

from skunkqueue.contract.effort import EFFORT
from skunkqueue.contract.kit import PATIENCE, Kit
from skunkqueue.contract.makers import (
    ODD_NAMES,
    OTHER,
    QUEUE,
    ROUTE,
    WORKER,
    claim,
    claimed,
    death,
    declared,
    firing,
    firings,
    ids,
    outcome,
    planned,
    ref,
    refire,
    settled,
    state,
    worker,
)
from skunkqueue.contract.pace import pace
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.records import Claim, Command, State, Verdict

LONG = 15.0
"""A timeout that no wake-up comes near to."""
PROMPT = 10.0
"""Seconds that even a machine under load does not need to wake a sleeper; hundreds of times what is usual."""
QUICK = 0.1
"""Seconds within which most of some wake-ups must come; a look once in a while is slower than this."""
LATE = 10
"""How many times as long as a firing takes through the store they may take, on a machine too busy for that."""

COMMANDS = 200

T = TypeVar("T")


def woken(threads: ThreadPoolExecutor, sleep: Callable[[], T], wake: Callable[[], object]) -> tuple[T, float]:
    """Let a thread fall asleep, then do what must wake it; tell what it woke to, and after how long."""
    started = threading.Event()

    def sleeper() -> tuple[T, float]:
        started.set()
        found = sleep()
        return found, time.monotonic()

    future = threads.submit(sleeper)
    assert started.wait(PATIENCE)
    # The promise holds whether it sleeps already or not; mostly it should.
    threading.Event().wait(0.03)
    before = time.monotonic()
    wake()
    found, after = future.result(PATIENCE)
    return found, after - before


def at_once(backend: Backend, took: list[float]) -> None:
    """See that most wake-ups came at once, by the measure of a machine that may be busy with something else."""
    if median(took) < QUICK:
        return
    usual = pace(backend)
    assert median(took) < QUICK + LATE * usual, (took, usual)


class WakeupPromises(Kit):
    """What ``wait``, ``wait_settled`` and ``listen`` promise."""

    # --- wait -------------------------------------------------------------------------------------

    def test_wait_returns_at_once_where_something_is_due(self, real_backend: Backend) -> None:
        real_backend.enqueue([firing()])
        before = time.monotonic()
        assert real_backend.wait(QUEUE, ROUTE, WORKER, LONG) is True
        assert time.monotonic() - before < PROMPT

    def test_wait_ends_with_its_timeout(self, real_backend: Backend) -> None:
        before = time.monotonic()
        assert real_backend.wait(QUEUE, ROUTE, WORKER, 0.1) is False
        assert 0.05 < time.monotonic() - before < PROMPT

    def test_wait_without_timeout_does_not_block(self, real_backend: Backend) -> None:
        before = time.monotonic()
        assert real_backend.wait(QUEUE, ROUTE, WORKER, 0.0) is False
        assert time.monotonic() - before < PROMPT

    def test_enqueue_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        found, took = woken(
            threads,
            lambda: real_backend.wait(QUEUE, ROUTE, WORKER, LONG),
            lambda: real_backend.enqueue([firing()]),
        )
        assert found is True
        assert took < PROMPT

    @pytest.mark.parametrize("name", ODD_NAMES)
    def test_enqueue_wakes_whoever_waits_under_an_odd_name(
        self, real_backend: Backend, threads: ThreadPoolExecutor, name: str
    ) -> None:
        found, took = woken(
            threads,
            lambda: real_backend.wait(name, name, name, LONG),
            lambda: real_backend.enqueue([firing(queue=name, route=name, target=name)]),
        )
        assert found is True
        assert took < PROMPT

    def test_due_time_wakes_the_waiting(self, real_backend: Backend) -> None:
        made = firing(delay=0.2)
        real_backend.enqueue([made])
        assert until_claimed(real_backend) == [made.id]

    def test_earlier_due_time_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        late, early = firing(delay=LONG * 4), firing(delay=0.2)
        real_backend.enqueue([late])
        found, took = woken(
            threads, lambda: until_claimed(real_backend), lambda: real_backend.enqueue([early])
        )
        assert found == [early.id]
        assert took < PROMPT

    def test_due_time_of_a_targeted_firing_wakes_its_worker(self, real_backend: Backend) -> None:
        made = firing(delay=0.3, target=WORKER)
        real_backend.enqueue([made])
        before = time.monotonic()
        assert until_claimed(real_backend) == [made.id]
        assert time.monotonic() - before < PROMPT

    def test_end_of_a_lease_wakes_the_waiting(self, real_backend: Backend) -> None:
        made = firing()
        real_backend.enqueue([made])
        claim(real_backend, worker=OTHER, lease=0.2)
        assert until_claimed(real_backend) == [made.id]

    def test_shortened_lease_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        lent = claimed(real_backend, worker=OTHER, lease=LONG * 4)
        found, took = woken(
            threads, lambda: until_claimed(real_backend), lambda: real_backend.extend([ref(lent)], 0.2)
        )
        assert found == [lent.id]
        assert took < PROMPT

    def test_shortened_lease_of_one_of_several_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        real_backend.enqueue(firings(3))
        _, lent, _ = claim(real_backend, 3, worker=OTHER, lease=LONG * 4)
        found, took = woken(
            threads, lambda: until_claimed(real_backend), lambda: real_backend.extend([ref(lent)], 0.2)
        )
        assert found == [lent.id]
        assert took < PROMPT

    @pytest.mark.parametrize("verdict", [Verdict.RELEASE, Verdict.RETRY, Verdict.SNOOZE])
    def test_firing_given_back_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor, verdict: Verdict
    ) -> None:
        lent = claimed(real_backend, worker=OTHER)
        found, took = woken(
            threads,
            lambda: until_claimed(real_backend),
            lambda: real_backend.settle([outcome(lent, verdict)]),
        )
        assert found == [lent.id]
        assert took < PROMPT

    def test_follow_up_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        lent = claimed(real_backend, worker=OTHER, route="bar")
        follow = firing()
        found, took = woken(
            threads,
            lambda: until_claimed(real_backend),
            lambda: real_backend.settle([outcome(lent, follow=(follow,))]),
        )
        assert found == [follow.id]
        assert took < PROMPT

    def test_requeue_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        done = settled(real_backend)
        found, took = woken(
            threads, lambda: until_claimed(real_backend), lambda: real_backend.requeue([done])
        )
        assert found == [done]
        assert took < PROMPT

    def test_burial_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        lent = claimed(real_backend, worker=OTHER)
        found, took = woken(
            threads,
            lambda: until_claimed(real_backend),
            lambda: real_backend.bury(OTHER, [lent.id], death(real_backend.now(), OTHER)),
        )
        assert found == [lent.id]
        assert took < PROMPT

    @pytest.mark.parametrize("route", [ROUTE, None])
    def test_resume_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor, route: str | None
    ) -> None:
        made = firing()
        real_backend.enqueue([made])
        real_backend.pause(QUEUE, route)
        found, took = woken(
            threads, lambda: until_claimed(real_backend), lambda: real_backend.resume(QUEUE, route)
        )
        assert found == [made.id]
        assert took < PROMPT

    def test_declared_schedule_wakes_the_waiting(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        found, took = woken(threads, lambda: until_claimed(real_backend), lambda: declared(real_backend))
        assert found == [planned(real_backend).firing]
        assert took < PROMPT

    def test_refire_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        before, _ = declared(real_backend)
        (lent,) = claim(real_backend, worker=OTHER)
        next_one = firing()
        found, took = woken(
            threads,
            lambda: until_claimed(real_backend),
            lambda: real_backend.settle([outcome(lent, refire=refire(lent, before, next_one))]),
        )
        assert found == [next_one.id]
        assert took < PROMPT

    def test_many_firings_start_on_many_waiting_workers_within_milliseconds(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        took = []
        for _ in range(EFFORT.rounds):
            batch = firings(4)
            sleepers = [threads.submit(until_claimed, real_backend, f"w{number}") for number in range(4)]
            threading.Event().wait(0.03)
            before = time.monotonic()
            real_backend.enqueue(batch)
            started = [sleeper.result(PATIENCE) for sleeper in sleepers]
            took.append(time.monotonic() - before)
            assert sorted(started) == [[made.id] for made in batch]
        at_once(real_backend, took)

    def test_waiting_worker_is_woken_within_milliseconds(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        took = []
        for _ in range(EFFORT.rounds):
            took.append(
                woken(
                    threads,
                    lambda: real_backend.wait(QUEUE, ROUTE, WORKER, LONG),
                    lambda: real_backend.enqueue([firing()]),
                )[1]
            )
            claim(real_backend)
        at_once(real_backend, took)

    def test_waiting_worker_is_woken_through_another_handle_within_milliseconds(
        self,
        processes: None,
        real_backend: Backend,
        tested_class: type[Backend],
        config: BackendConfig,
        threads: ThreadPoolExecutor,
    ) -> None:
        del processes
        second, took = tested_class.open(config), []
        for _ in range(EFFORT.rounds):
            took.append(
                woken(
                    threads,
                    lambda: real_backend.wait(QUEUE, ROUTE, WORKER, LONG),
                    lambda: second.enqueue([firing()]),
                )[1]
            )
            claim(real_backend)
        second.close()
        at_once(real_backend, took)

    @pytest.mark.parametrize("reason", ["not due", "paused route", "paused queue", "target", "running"])
    def test_waiting_is_cheap_where_nothing_may_be_claimed(self, real_backend: Backend, reason: str) -> None:
        real_backend.enqueue(
            [firing(delay=LONG if reason == "not due" else 0.0, target=OTHER if reason == "target" else None)]
        )
        if reason.startswith("paused"):
            real_backend.pause(QUEUE, ROUTE if reason == "paused route" else None)
        if reason == "running":
            claim(real_backend, worker=OTHER, lease=LONG)
        end = time.monotonic() + 0.3
        rounds = 0
        while (left := end - time.monotonic()) > 0:
            real_backend.wait(QUEUE, ROUTE, WORKER, left)
            rounds += 1
        assert rounds <= 10, f"wait returned {rounds} times in 0.3 s with nothing to claim: a busy loop"

    def test_closing_wakes_the_waiting(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        _, took = woken(threads, lambda: real_backend.wait(QUEUE, ROUTE, WORKER, LONG), real_backend.close)
        assert took < PROMPT

    def test_closing_wakes_listeners_and_those_who_wait_for_results(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        real_backend.register(worker(), 60.0)
        made = firing()
        real_backend.enqueue([made])
        listener = threads.submit(real_backend.listen, WORKER, LONG)
        _, took = woken(threads, lambda: real_backend.wait_settled([made.id], LONG), real_backend.close)
        listener.result(PROMPT)
        assert took < PROMPT

    # --- claim_next -------------------------------------------------------------------------------

    def test_claim_next_lends_at_once_what_is_due(self, real_backend: Backend) -> None:
        batch = firings(3)
        real_backend.enqueue(batch)
        before = time.monotonic()
        lent = real_backend.claim_next(QUEUE, ROUTE, WORKER, 2, LONG, timeout=LONG)
        assert ids(lent) == ids(batch[:2])
        assert time.monotonic() - before < PROMPT

    def test_claim_next_ends_with_its_timeout(self, real_backend: Backend) -> None:
        before = time.monotonic()
        assert real_backend.claim_next(QUEUE, ROUTE, WORKER, 1, LONG, timeout=0.1) == []
        assert 0.05 < time.monotonic() - before < PROMPT

    def test_claim_next_lends_what_comes_meanwhile(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        took = []
        for _ in range(EFFORT.rounds):
            made = firing()
            found, seconds = woken(
                threads,
                lambda: until_lent(real_backend),
                partial(real_backend.enqueue, [made]),
            )
            assert ids(found) == [made.id]
            assert state(real_backend, made.id) is State.RUNNING
            took.append(seconds)
        at_once(real_backend, took)

    def test_claim_next_lends_what_becomes_due(self, real_backend: Backend) -> None:
        made = firing(delay=0.2)
        real_backend.enqueue([made])
        assert ids(until_lent(real_backend)) == [made.id]

    def test_claim_next_lends_what_another_lost(self, real_backend: Backend) -> None:
        made = firing()
        real_backend.enqueue([made])
        claim(real_backend, worker=OTHER, lease=0.2)
        assert ids(until_lent(real_backend)) == [made.id]

    def test_claim_next_that_was_closed_holds_nothing(
        self,
        processes: None,
        real_backend: Backend,
        tested_class: type[Backend],
        config: BackendConfig,
        threads: ThreadPoolExecutor,
    ) -> None:
        del processes
        second = tested_class.open(config)
        lent, _ = woken(
            threads,
            lambda: real_backend.claim_next(QUEUE, ROUTE, WORKER, 1, LONG, timeout=LONG),
            real_backend.close,
        )
        made = firing()
        second.enqueue([made])
        again = ids(until_lent(second, OTHER))
        second.close()
        assert (lent, again) == ([], [made.id])

    # --- wait_settled -----------------------------------------------------------------------------

    def test_finished_and_unknown_firings_are_told_at_once(self, real_backend: Backend) -> None:
        done, live = settled(real_backend), claimed(real_backend)
        unknown = "f" * 24
        found = real_backend.wait_settled([live.id, done, unknown], LONG)
        assert sorted(found) == sorted([done, unknown])

    def test_wait_settled_ends_with_its_timeout(self, real_backend: Backend) -> None:
        waiting, running = firing(delay=60.0), claimed(real_backend)
        real_backend.enqueue([waiting])
        assert real_backend.wait_settled([waiting.id, running.id], 0.05) == []
        assert real_backend.wait_settled([], 0.0) == []

    @pytest.mark.parametrize("final", [Verdict.COMPLETE, Verdict.ERROR, Verdict.KILLED, Verdict.EXPIRED])
    def test_settling_wakes_those_who_wait_for_results(
        self, real_backend: Backend, threads: ThreadPoolExecutor, final: Verdict
    ) -> None:
        lent = claimed(real_backend)
        found, took = woken(
            threads,
            lambda: real_backend.wait_settled([lent.id], LONG),
            lambda: real_backend.settle([outcome(lent, final)]),
        )
        assert found == [lent.id]
        assert took < PROMPT

    def test_killing_wakes_those_who_wait_for_results(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        made = firing(delay=60.0)
        real_backend.enqueue([made])
        found, took = woken(
            threads,
            lambda: real_backend.wait_settled([made.id], LONG),
            lambda: real_backend.kill([made.id]),
        )
        assert found == [made.id]
        assert took < PROMPT

    def test_purge_wakes_those_who_wait_for_results(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        made = firing(delay=60.0)
        real_backend.enqueue([made])
        found, took = woken(
            threads, lambda: real_backend.wait_settled([made.id], LONG), lambda: real_backend.purge(QUEUE)
        )
        assert found == [made.id]
        assert took < PROMPT

    def test_result_is_told_within_milliseconds(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        took = []
        for _ in range(EFFORT.rounds):
            lent = claimed(real_backend)
            took.append(
                woken(
                    threads,
                    partial(real_backend.wait_settled, [lent.id], LONG),
                    partial(real_backend.settle, [outcome(lent)]),
                )[1]
            )
        at_once(real_backend, took)

    def test_result_is_there_for_the_woken(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        lent = claimed(real_backend)

        def look() -> State | None:
            real_backend.wait_settled([lent.id], LONG)
            return state(real_backend, lent.id)

        found, _ = woken(threads, look, lambda: real_backend.settle([outcome(lent)]))
        assert found is State.COMPLETE

    # --- listen -----------------------------------------------------------------------------------

    def test_listen_ends_with_its_timeout(self, real_backend: Backend) -> None:
        real_backend.register(worker(), 60.0)
        before = time.monotonic()
        assert real_backend.listen(WORKER, 0.1) == []
        assert 0.05 < time.monotonic() - before < PROMPT

    def test_command_wakes_the_listener(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        real_backend.register(worker(), 60.0)
        found, took = woken(
            threads,
            lambda: real_backend.listen(WORKER, LONG),
            lambda: real_backend.send(WORKER, Command(verb="stop")),
        )
        assert found == [Command(verb="stop")]
        assert took < PROMPT

    def test_command_is_heard_within_milliseconds(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        real_backend.register(worker(), 60.0)
        took = [
            woken(
                threads,
                lambda: real_backend.listen(WORKER, LONG),
                lambda: real_backend.send(WORKER, Command(verb="stop")),
            )[1]
            for _ in range(EFFORT.rounds)
        ]
        at_once(real_backend, took)

    def test_command_through_another_handle_wakes_the_listener(
        self,
        processes: None,
        real_backend: Backend,
        tested_class: type[Backend],
        config: BackendConfig,
        threads: ThreadPoolExecutor,
    ) -> None:
        del processes
        real_backend.register(worker(), 60.0)
        second = tested_class.open(config)
        found, took = woken(
            threads,
            lambda: real_backend.listen(WORKER, LONG),
            lambda: second.send(WORKER, Command(verb="rough")),
        )
        second.close()
        assert found == [Command(verb="rough")]
        assert took < PROMPT

    def test_kill_wakes_the_listener(self, real_backend: Backend, threads: ThreadPoolExecutor) -> None:
        real_backend.register(worker(), 60.0)
        lent = claimed(real_backend)
        found, took = woken(
            threads, lambda: real_backend.listen(WORKER, LONG), lambda: real_backend.kill([lent.id])
        )
        assert found == [Command(verb="kill", firing=lent.id)]
        assert took < PROMPT

    def test_command_sent_while_a_worker_listens_is_heard_once_and_in_order(
        self, real_backend: Backend, threads: ThreadPoolExecutor, hasty: None
    ) -> None:
        del hasty
        sent = [Command(verb="kill", firing=f"{number:024x}") for number in range(COMMANDS)]
        assert heard_by(1, real_backend, sent, threads) == sent

    def test_no_command_is_lost_between_two_who_listen(
        self, real_backend: Backend, threads: ThreadPoolExecutor, hasty: None
    ) -> None:
        del hasty
        sent = [Command(verb="kill", firing=f"{number:024x}") for number in range(COMMANDS)]
        heard = {command.firing for command in heard_by(2, real_backend, sent, threads)}
        assert heard == {command.firing for command in sent}


def heard_by(
    listeners: int, backend: Backend, sent: list[Command], threads: ThreadPoolExecutor
) -> list[Command]:
    """Send commands one by one to a worker that listens in so many threads; return what these heard."""
    backend.register(worker(), 60.0)
    last = Command(verb="stop")

    def listen() -> list[Command]:
        heard: list[Command] = []
        end = time.monotonic() + PATIENCE
        while last not in heard and time.monotonic() < end:
            heard += backend.listen(WORKER, 1.0)
        # Whoever hears the last one lets the others go, too.
        backend.send(WORKER, last)
        return [command for command in heard if command != last]

    listening = [threads.submit(listen) for _ in range(listeners)]
    for command in sent:
        assert backend.send(WORKER, command) is True
    backend.send(WORKER, last)
    return [command for future in listening for command in future.result(2 * PATIENCE)]


def until_claimed(backend: Backend, worker: str = WORKER) -> list[str]:
    """Do what a worker does: wait, then try to claim one, since a wait may end too early."""
    deadline = time.monotonic() + LONG
    while (left := deadline - time.monotonic()) > 0:
        backend.wait(QUEUE, ROUTE, worker, left)
        if lent := claim(backend, worker=worker):
            return ids(lent)
    return []


def until_lent(backend: Backend, worker: str = WORKER) -> list[Claim]:
    """Ask for a claim until there is one, as ``claim_next`` may come back too early."""
    end = time.monotonic() + PATIENCE
    while not (lent := backend.claim_next(QUEUE, ROUTE, worker, 1, LONG, timeout=LONG)):
        assert time.monotonic() < end, "nothing was lent"
    return lent
