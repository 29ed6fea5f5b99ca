"""Those who wait for something while the connection breaks: they hear of it all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from skunkqueue.contract.makers import LEASE, QUEUE, ROUTE, WORKER, claimed, firing, outcome, worker
from skunkqueue.errors import BackendUnavailableError
from skunkqueue.records import Command
from tests.redis.opening import Line, OpenStore
from tests.redis.patience import persistently
from tests.support.redis_fixtures import NewProxy
from tests.support.redis_server import RedisServer
from tests.support.server_process import HOST
from tests.support.store_fixtures import ConfigOf
from tests.support.waiting import never

LONG = 60.0
"""Nobody may wait to the end of it."""
SOON = 15.0


@pytest.fixture
def threads(line: Line) -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2, thread_name_prefix="waiting") as pool:
        yield pool
        # Should a test fail, nobody waits to the end.
        line.far.close()
        line.near.close()


@pytest.fixture(params=["cut", "down"])
def fault(request: pytest.FixtureRequest, line: Line) -> Callable[[Callable[[], object]], None]:
    """Break the line while something happens; for ``down`` it also stays broken meanwhile."""

    def happen(what: Callable[[], object]) -> None:
        if request.param == "cut":
            line.proxy.cut()
            what()
        else:
            line.proxy.refuse()
            line.proxy.cut()
            what()
            line.proxy.accept()

    return happen


Fault = Callable[[Callable[[], object]], None]


def test_a_wait_hears_of_an_enqueue(line: Line, threads: ThreadPoolExecutor, fault: Fault) -> None:
    waiting = threads.submit(lambda: persistently(lambda: line.far.wait(QUEUE, ROUTE, WORKER, LONG)))
    never(waiting.done, 0.2)

    fault(lambda: line.near.enqueue([firing()]))

    assert waiting.result(SOON) is True


def test_a_wait_for_results_hears_of_them(line: Line, threads: ThreadPoolExecutor, fault: Fault) -> None:
    lent = claimed(line.near)
    waiting = threads.submit(lambda: persistently(lambda: line.far.wait_settled([lent.id], LONG)))
    never(waiting.done, 0.2)

    fault(lambda: line.near.settle([outcome(lent)]))

    assert waiting.result(SOON) == [lent.id]


def test_a_listener_hears_its_command(line: Line, threads: ThreadPoolExecutor, fault: Fault) -> None:
    line.near.register(worker(), LEASE)
    waiting = threads.submit(lambda: persistently(lambda: line.far.listen(WORKER, LONG)))
    never(waiting.done, 0.2)

    fault(lambda: line.near.send(WORKER, Command(verb="stop")))

    assert waiting.result(SOON) == [Command(verb="stop")]


def test_a_line_that_goes_dark_under_a_wait_is_noticed(
    valkey: RedisServer,
    new_proxy: NewProxy,
    config_of: ConfigOf,
    open_store: OpenStore,
) -> None:
    proxy = new_proxy(valkey.port)
    store = open_store(config_of(f"redis://{HOST}:{proxy.port}/0", socket_timeout="1"))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(store.wait, QUEUE, ROUTE, WORKER, 1.0)
        never(waiting.done, 0.2)
        proxy.freeze()

        ended = waiting.exception(SOON)

    assert ended is None or isinstance(ended, BackendUnavailableError)
    proxy.cut()
    proxy.thaw()
    store.enqueue([firing()])
    assert store.wait(QUEUE, ROUTE, WORKER, LONG)


@pytest.mark.parametrize("timeout", [0.0001, 0.0009, 0.0012, 0.01])
def test_the_shortest_wait_ends(line: Line, threads: ThreadPoolExecutor, timeout: float) -> None:
    # Redis 6.2 takes the timeout 0.001 of a blocking command for none, and blocks for ever.
    waiting = threads.submit(line.near.wait, QUEUE, ROUTE, WORKER, timeout)

    assert waiting.result(SOON) is False


def test_closing_ends_a_wait(line: Line, threads: ThreadPoolExecutor) -> None:
    waiting = threads.submit(line.far.wait, QUEUE, ROUTE, WORKER, LONG)
    never(waiting.done, 0.2)

    line.far.close()

    assert waiting.exception(SOON) is not None or waiting.result() in {True, False}
