"""``skunq demo --web``: the monitor on a busy shop, which leaves nothing behind."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from skunkqueue.cli import demo_shop as shop
from skunkqueue.clock import SYSTEM_CLOCK, monotonic
from skunkqueue.config import open_backend, resolve
from skunkqueue.control import Control
from skunkqueue.persistence import Backend
from skunkqueue.records import State
from tests.core.cli.demo_place import Place
from tests.support.server_process import free_port
from tests.support.waiting import eventually

PATIENCE = 60.0
PROMISED = 10.0
"""Seconds after which a newcomer sees all of it, on a machine with nothing else to do."""
SCHEDULES = {"tidy up", "before work", "crawl the news", "probe a line", "sync the stock"}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@contextmanager
def store_of(place: Place) -> Iterator[Backend]:
    (folder,) = place.temporary.iterdir()
    with closing(
        open_backend(resolve(conn_url=f"sqlite:///{folder / 'demo.db'}"), clock=SYSTEM_CLOCK)
    ) as store:
        yield store


def address_of(demo: subprocess.Popen[str]) -> str:
    assert demo.stdout is not None
    found = re.search(r"http://127.0.0.1:\d+", demo.stdout.readline())
    assert found is not None
    return found[0]


def test_the_demo_shows_everything_until_it_is_stopped(place: Place) -> None:
    with place.started("--web", "--port", "0") as demo:
        address = address_of(demo)
        with store_of(place) as store:
            eventually(lambda: seen(store), PATIENCE, every=0.2, what="everything is to be seen")
            names = {each.name for each in store.schedules()}
            now = store.now()
            minutes = store.counters([("shop", "orders")], now - 3_600, now)
        with urllib.request.urlopen(f"{address}/workers") as answer:  # noqa: S310 - our own address
            page = answer.read().decode()
        demo.send_signal(signal.SIGINT)
        _, told = demo.communicate(timeout=PATIENCE)

    assert names == SCHEDULES
    assert len(minutes) > 50, "the charts of an hour have something to show"
    assert "2 pools" in page
    assert (demo.returncode, told) == (130, "stopped; nothing is left behind\n")
    place.check_clean()


def test_a_newcomer_sees_a_lively_shop_within_ten_seconds(place: Place) -> None:
    # Beside other work each second is one of several.
    others = psutil.getloadavg()[0] / (psutil.cpu_count() or 1)
    until = monotonic() + PROMISED * max(1, others)
    with place.started("--web", "--port", "0") as demo:
        address = address_of(demo)
        at_first = done(address)
        eventually(lambda: not missing(address), until - monotonic(), every=0.2, what="all is lively")
        eventually(lambda: done(address) > at_first, until - monotonic(), every=0.2, what="jobs end")
        demo.send_signal(signal.SIGINT)
        demo.communicate(timeout=PATIENCE)


def done(address: str) -> int:
    """Count all that was ever completed."""
    return sum(each["complete"] for each in json.loads(page_of(f"{address}/api/v1/totals"))["totals"])


def missing(address: str) -> list[str]:
    """List what pages do not show (yet)."""
    wanted = {
        "/": [
            'id="matter-1"',
            'id="chart-flow"',
            'class="shape-bar',
            *(f'id="route-4-shop-{route}"' for routes in shop.POOLS for route in routes),
        ],
        "/errors": ['<tr id="group-', 'class="shape-bar'],
        "/workers": ["in 2 pools", 'class="in-hand"'],
        "/schedules": [*(f'id="schedule-4-shop-{name}"' for name in SCHEDULES), 'class="spark"'],
        "/jobs": ["state-running", "state-pending", "state-complete"],
        "/jobs?state=running": ["<progress"],
        "/audit": ["<tr id="],
    }
    pages = {path: page_of(address + path) for path in wanted}
    return [f"{path}: {sign}" for path, signs in wanted.items() for sign in signs if sign not in pages[path]]


def seen(store: Backend) -> bool:
    """Say whether there is something of everything."""
    states = {state for info in store.routes() for state, count in info.counts.items() if count}
    return (
        {State.PENDING, State.COMPLETE, State.ERROR} <= states
        and len(store.pools()) == 2
        and len(store.workers()) == 5
        and any(info.paused for info in store.routes())
        and sum(bool(store.history("shop", name)) for name in SCHEDULES) >= 4
    )


def test_a_pool_that_is_stopped_in_the_monitor_leaves_the_demo_running(place: Place) -> None:
    with place.started("--web", "--port", "0") as demo:
        address = address_of(demo)
        with store_of(place) as store:
            eventually(lambda: len(store.pools()) == 2, PATIENCE, every=0.2, what="both pools are there")
            control = Control(store, "a test")
            gentle, rough = (pool.id for pool in store.pools())
            control.stop_pool(gentle)
            eventually(lambda: len(store.pools()) == 1, PATIENCE, every=0.2, what="one is gone")
            control.stop_pool(rough, rough=True)
            eventually(lambda: not store.pools(), PATIENCE, every=0.2, what="the other one is gone")
        page = page_of(f"{address}/workers")
        demo.send_signal(signal.SIGINT)
        _, told = demo.communicate(timeout=PATIENCE)

    assert "2 pools" not in page
    assert demo.returncode == 130
    assert told.count(" was stopped; start the demo anew to have it again\n") == 2
    place.check_clean()


def test_a_page_that_is_open_while_the_demo_begins_raises_no_false_alarm(place: Place) -> None:
    port = free_port()
    with place.started("--web", "--port", str(port)) as demo, ThreadPoolExecutor() as pages:
        is_told = threading.Event()
        told = pages.submit(asking, f"http://127.0.0.1:{port}/", is_told)
        try:
            address = address_of(demo)
        finally:
            is_told.set()
        told.result()
        # On a busy machine a worker may be late with its beat for a moment; findings themselves last for 15 s.
        eventually(lambda: "no worker" not in alarms(page_of(address)), 10.0, what="there is no false alarm")
        demo.send_signal(signal.SIGINT)
        _, errors = demo.communicate(timeout=PATIENCE)

    assert errors == "stopped; nothing is left behind\n"


def asking(url: str, is_told: threading.Event) -> None:
    """Ask for a page all the time, as one does that was left open."""
    while not is_told.wait(0.05):
        with suppress(OSError):
            page_of(url)


def page_of(url: str) -> str:
    with urllib.request.urlopen(url) as answer:  # noqa: S310 - our own address
        page: str = answer.read().decode()
    return page


def alarms(page: str) -> str:
    """Return what needs attention, but for the route that has no worker on purpose."""
    section = page.partition('id="attention"')[2].partition("</section>")[0]
    return "".join(each for each in section.split("<li")[1:] if f"oute {shop.NOBODY} " not in each)


@pytest.mark.parametrize("which", ["web", "work"])
def test_a_demo_whose_process_dies_says_so(place: Place, which: str) -> None:
    with place.started("--web", "--port", "0") as demo:
        address_of(demo)
        children = psutil.Process(demo.pid).children()
        next(child for child in children if which in child.cmdline()).kill()
        _, told = demo.communicate(timeout=PATIENCE)

    assert demo.returncode == 1
    assert "ended too early, with exit code -9" in told
    place.check_clean()
