"""``skunq top``: one frame in a pipe, and the live view on a terminal."""

from __future__ import annotations

import os
import re
import signal
import sys

import pexpect
import pytest

from skunkqueue.cli.top import Watch
from skunkqueue.clock import VirtualClock
from skunkqueue.config import open_backend, resolve
from skunkqueue.payload import Progress, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import ClaimRef
from tests.core.cli.program import Skunq, begin, finish, fire, hire

PATIENCE = 20


def test_a_pipe_gets_one_frame(store: Backend, skunq: Skunq) -> None:
    hire(store, "w-1", state="busy")
    fire(store)
    claim = begin(store)
    store.progress(ClaimRef(claim.id, claim.token), encode(Progress(1, 2, "half", store.now())))

    told = skunq("top")

    assert re.search(r"demo +foo +0 +1 ", told)
    assert re.search(r"w-1 +demo/foo +busy", told)
    assert re.search(rf"{claim.id} +shop:sell +demo/foo .* 50% \(1/2\) half", told)
    assert "\x1b" not in told


def test_a_worker_is_shown_with_all_its_routes(store: Backend, skunq: Skunq) -> None:
    hire(store, "w-1", route="mail", routes=("mail", "reports"))

    assert re.search(r"w-1 +demo/mail, reports +", skunq("top"))


def test_the_frame_as_json(store: Backend, skunq: Skunq) -> None:
    finish(store)

    frame = skunq.json("top")

    (route,) = frame["routes"]
    assert route["counts"]["complete"] == 1
    assert route["mean_run"] == 0.5
    assert route["done_rate"] > 0
    assert (frame["workers"], frame["running"]) == ([], [])


def test_an_empty_store_is_a_frame_too(skunq: Skunq) -> None:
    assert "Routes" in skunq("top", "--once")


def test_of_very_many_routes_the_busiest_are_shown_by_name(store: Backend, skunq: Skunq) -> None:
    for number in range(60):
        fire(store, route=f"route-{number:02}")
    for route in ("route-59", "route-57", "route-59"):
        fire(store, route=route)

    told = skunq("top")

    assert "Busiest routes (50 of 60)" in told
    shown = re.findall(r"route-\d\d", told)
    assert (len(shown), shown[-3:]) == (50, ["route-47", "route-57", "route-59"])


def test_rates_are_taken_between_frames(url: str) -> None:
    clock = VirtualClock()
    store = open_backend(resolve(conn_url=url), clock=clock)
    watch = Watch(store)
    finish(store)
    watch.frame()
    for _ in range(20):
        finish(store)
    clock.advance(4.0)

    (route,) = watch.frame()["routes"]
    store.close()

    assert (route["enqueued_rate"], route["done_rate"]) == (5.0, 5.0)


def test_the_rate_of_a_route_that_came_among_the_busiest_counts_from_then_on(url: str) -> None:
    clock = VirtualClock()
    store = open_backend(resolve(conn_url=url), clock=clock)
    watch = Watch(store)
    for number in range(50):
        fire(store, route=f"always-{number:02}")
    for _ in range(20):
        finish(store, route="later")
    watch.frame()
    for more in (5, 8):
        for _ in range(more):
            fire(store, route="later")
        clock.advance(4.0)
        routes = watch.frame()["routes"]
    store.close()

    (later,) = [each for each in routes if each["route"] == "later"]
    assert later["enqueued_rate"] == 2.0


def heed_ctrl_c() -> None:
    """Be as in a terminal of people, also where these tests run in the background and SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def live(url: str) -> pexpect.spawn[str]:
    del url  # set in the environment
    return pexpect.spawn(
        sys.executable,
        ["-m", "skunkqueue.cli", "top"],
        # Given whole, since readline puts COLUMNS and LINES where only child processes see them.
        env={**os.environ, "TERM": "xterm"},
        encoding="utf-8",
        timeout=PATIENCE,
        dimensions=(40, 150),
        preexec_fn=heed_ctrl_c,
    )


@pytest.mark.parametrize("key", ["q", "\x03"])
def test_the_live_view_follows_the_store_and_a_key_ends_it(
    store: Backend, live: pexpect.spawn[str], key: str
) -> None:
    fire(store, route="first-seen")
    live.expect("first-seen")
    fire(store, route="later-seen")
    live.expect("later-seen")

    live.send(key)
    live.expect(pexpect.EOF)
    live.close()

    assert live.exitstatus == 0
