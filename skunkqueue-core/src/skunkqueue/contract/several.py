"""Several routes at once: ``wait_any`` and ``begin_claim_any``. Under the real clock."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from skunkqueue.contract.kit import PATIENCE, Kit
from skunkqueue.contract.makers import OTHER, QUEUE, WORKER, claim, firing, ids, state
from skunkqueue.contract.sleepers import LONG, PROMPT, come_soon, until_lent, woken
from skunkqueue.errors import BackendError
from skunkqueue.persistence.awaited import AwaitedClaim
from skunkqueue.persistence.backend import Backend, BackendConfig
from skunkqueue.records import Claim, State

ROUTES = ("x", "y", "z")
each_route = pytest.mark.parametrize("route", ROUTES)


class SeveralPromises(Kit):
    """What the verbs promise that wait on several routes."""

    stage: ClassVar[int] = 1

    # --- wait_any ---------------------------------------------------------------------------------

    @each_route
    def test_wait_for_any_route_returns_the_one_with_something_due(
        self, real_backend: Backend, route: str
    ) -> None:
        real_backend.enqueue([firing(route=route)])
        before = time.monotonic()
        assert real_backend.wait_any(QUEUE, ROUTES, WORKER, LONG) == route
        assert time.monotonic() - before < PROMPT

    def test_wait_for_any_route_ends_with_its_timeout(self, real_backend: Backend) -> None:
        real_backend.enqueue([firing(route="elsewhere")])
        before = time.monotonic()
        assert real_backend.wait_any(QUEUE, ROUTES, WORKER, 0.1) is None
        assert 0.05 < time.monotonic() - before < PROMPT

    def test_wait_for_any_route_without_timeout_does_not_block(self, real_backend: Backend) -> None:
        before = time.monotonic()
        assert real_backend.wait_any(QUEUE, ROUTES, WORKER, 0.0) is None
        assert time.monotonic() - before < PROMPT

    @each_route
    def test_enqueue_on_any_route_wakes_who_waits_for_all(
        self, real_backend: Backend, threads: ThreadPoolExecutor, route: str
    ) -> None:
        def measure() -> float:
            made = firing(route=route)
            found, took = woken(
                threads, lambda: until_taken(real_backend), lambda: real_backend.enqueue([made])
            )
            assert ids(found) == [made.id]
            return took

        come_soon(real_backend, measure)

    @each_route
    def test_due_time_on_any_route_wakes_who_waits_for_all(self, real_backend: Backend, route: str) -> None:
        made = firing(route=route, delay=0.2)
        real_backend.enqueue([firing(route="y", delay=LONG * 4), made])
        before = time.monotonic()
        assert ids(until_taken(real_backend)) == [made.id]
        assert time.monotonic() - before < PROMPT

    @each_route
    def test_end_of_a_lease_on_any_route_wakes_who_waits_for_all(
        self, real_backend: Backend, route: str
    ) -> None:
        made = firing(route=route)
        real_backend.enqueue([made])
        claim(real_backend, worker=OTHER, lease=0.2, route=route)
        before = time.monotonic()
        assert ids(until_taken(real_backend)) == [made.id]
        assert time.monotonic() - before < PROMPT

    def test_wait_for_any_route_leaves_out_what_is_paused_or_for_another(self, real_backend: Backend) -> None:
        real_backend.enqueue([firing(route="x"), firing(route="y", target=OTHER)])
        real_backend.pause(QUEUE, "x")
        assert real_backend.wait_any(QUEUE, ROUTES, WORKER, 0.0) is None
        assert real_backend.wait_any(QUEUE, ROUTES, OTHER, LONG) == "y"

    def test_resumed_route_wakes_who_waits_for_all(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        made = firing(route="y")
        real_backend.enqueue([made])
        real_backend.pause(QUEUE, "y")
        found, took = woken(
            threads, lambda: until_taken(real_backend), lambda: real_backend.resume(QUEUE, "y")
        )
        assert ids(found) == [made.id]
        assert took < PROMPT

    def test_who_waits_for_all_keeps_none_of_it_from_others(
        self, real_backend: Backend, threads: ThreadPoolExecutor
    ) -> None:
        greedy = threads.submit(until_taken, real_backend)
        modest = threads.submit(until_taken, real_backend, ["y"], OTHER)
        made = [firing(route="x"), firing(route="y"), firing(route="y")]
        before = time.monotonic()
        real_backend.enqueue(made)
        assert ids(greedy.result(PATIENCE))[0] in ids(made)
        assert ids(modest.result(PATIENCE))[0] in ids(made[1:])
        assert time.monotonic() - before < PROMPT

    # --- begin_claim_any --------------------------------------------------------------------------

    @each_route
    def test_a_claim_begun_on_any_route_lends_at_once_what_is_due(
        self, real_backend: Backend, route: str
    ) -> None:
        made = [firing(route=route) for _ in range(2)]
        real_backend.enqueue(made)
        before = time.monotonic()
        assert ids(answered(begin_any(real_backend))) == [made[0].id]
        assert time.monotonic() - before < PROMPT

    @each_route
    def test_a_claim_begun_on_any_route_lends_what_comes_meanwhile(
        self, real_backend: Backend, threads: ThreadPoolExecutor, route: str
    ) -> None:
        def measure() -> float:
            made = firing(route=route)
            begun = begin_any(real_backend)
            found, took = woken(threads, lambda: answered(begun), lambda: real_backend.enqueue([made]))
            assert ids(found) == [made.id]
            assert state(real_backend, made.id) is State.RUNNING
            return took

        come_soon(real_backend, measure)

    @each_route
    def test_a_claim_begun_on_any_route_lends_what_becomes_due(
        self, real_backend: Backend, route: str
    ) -> None:
        made = firing(route=route, delay=0.2)
        real_backend.enqueue([made])
        before = time.monotonic()
        assert ids(answered(begin_any(real_backend))) == [made.id]
        assert time.monotonic() - before < PROMPT

    @each_route
    def test_a_claim_begun_on_any_route_lends_what_another_lost(
        self, real_backend: Backend, route: str
    ) -> None:
        made = firing(route=route)
        real_backend.enqueue([made])
        claim(real_backend, worker=OTHER, lease=0.2, route=route)
        before = time.monotonic()
        assert ids(answered(begin_any(real_backend))) == [made.id]
        assert time.monotonic() - before < PROMPT

    def test_a_claim_begun_on_any_route_holds_nothing_of_the_others(self, real_backend: Backend) -> None:
        begun = begin_any(real_backend)
        while may_answer(begun, 0.0):
            assert begun.answer() == []
        made = {route: firing(route=route) for route in ROUTES}
        real_backend.enqueue(list(made.values()))
        (lent,) = answered(begun)
        begun.cancel()
        assert made[lent.route].id == lent.id
        for route in ROUTES:
            wanted = [] if route == lent.route else [made[route].id]
            assert ids(claim(real_backend, worker=OTHER, route=route)) == wanted

    def test_a_cancelled_claim_on_any_route_holds_nothing(self, real_backend: Backend) -> None:
        begun = begin_any(real_backend)
        while may_answer(begun, 0.0):
            assert begun.answer() == []
        begun.cancel()
        begun.cancel()
        for route in ROUTES:
            made = firing(route=route)
            real_backend.enqueue([made])
            assert ids(until_taken(real_backend, [route], OTHER)) == [made.id]

    def test_a_claim_on_any_route_cancelled_as_something_comes_leaves_it_to_others(
        self, real_backend: Backend
    ) -> None:
        begun = begin_any(real_backend)
        while may_answer(begun, 0.0):
            assert begun.answer() == []
        made = [firing(route=route) for route in ROUTES]
        real_backend.enqueue(made)
        assert may_answer(begun, LONG)
        begun.cancel()
        before = time.monotonic()
        assert [ids(until_taken(real_backend, [one.route], OTHER)) for one in made] == [
            [one.id] for one in made
        ]
        assert time.monotonic() - before < PROMPT

    @each_route
    def test_a_firing_for_a_worker_that_cancels_its_claim_on_any_route_is_lent_to_its_next(
        self, real_backend: Backend, route: str
    ) -> None:
        begun, of_another = begin_any(real_backend), begin_any(real_backend, OTHER)
        for one in (begun, of_another):
            while may_answer(one, 0.0):
                assert one.answer() == []
        made = firing(route=route, target=WORKER)
        real_backend.enqueue([made])
        assert may_answer(begun, LONG)
        begun.cancel()
        before = time.monotonic()
        assert ids(answered(begin_any(real_backend))) == [made.id]
        assert time.monotonic() - before < PROMPT
        of_another.cancel()

    def test_a_claim_begun_on_any_route_is_asked_seldom_where_nothing_comes(
        self, real_backend: Backend
    ) -> None:
        begun = begin_any(real_backend)
        asked, end = 0, time.monotonic() + 0.5
        while may_answer(begun, end - time.monotonic()):
            assert begun.answer() == []
            asked += 1
            assert asked < 10 * len(ROUTES), "it wakes again and again"
        begun.cancel()

    def test_a_claim_begun_on_any_route_ends_with_close(
        self, processes: None, real_backend: Backend, tested_class: type[Backend], config: BackendConfig
    ) -> None:
        del processes
        begun = begin_any(real_backend)
        second = tested_class.open(config)
        while may_answer(begun, 0.0):
            assert begun.answer() == []
        real_backend.close()
        made = firing()
        second.enqueue([made])
        again = ids(until_lent(second, OTHER))
        second.close()
        assert again == [made.id]
        assert may_answer(begun, LONG)
        with pytest.raises(BackendError):
            begun.answer()
        begun.cancel()


def until_taken(backend: Backend, routes: Sequence[str] = ROUTES, worker: str = WORKER) -> list[Claim]:
    """Do what a worker of several routes does: wait for all of them, and claim from the one that is returned."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        route = backend.wait_any(QUEUE, routes, worker, LONG)
        if route is not None and (lent := claim(backend, worker=worker, lease=LONG, route=route)):
            return lent
    msg = "nothing was lent"
    raise AssertionError(msg)


def begin_any(backend: Backend, worker: str = WORKER) -> AwaitedClaim:
    """Begin to claim one from any route; skips where the store has no descriptor to wait at."""
    begun = backend.begin_claim_any(QUEUE, ROUTES, worker, 1, LONG)
    if begun is None:
        pytest.skip("this store cannot be waited for by a file descriptor")
    return begun


def answered(begun: AwaitedClaim) -> list[Claim]:
    """Sleep at its descriptors, and ask when an answer may be there, until something is lent."""
    end = time.monotonic() + PATIENCE
    while not (lent := begun.answer() if may_answer(begun, end - time.monotonic()) else []):
        assert time.monotonic() < end, "nothing was lent"
    return list(lent)


def may_answer(begun: AwaitedClaim, seconds: float) -> bool:
    """Sleep at its descriptors until an answer may be there; False after so many seconds."""
    left = begun.until - time.monotonic()
    if left <= 0:
        return True
    poll = select.poll()
    for fd in begun.descriptors():
        poll.register(fd, select.POLLIN)
    return bool(poll.poll(max(min(left, seconds), 0.0) * 1000)) or left <= seconds
