"""A fork while other threads use something for the first time: the child has nothing half imported, and can fire at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event

import pytest

from skunkqueue import asynchronous, forking
from skunkqueue.forking import Section
from tests.support.forking import ended_well, fork
from tests.support.waiting import eventually

LONG = 60.0

PROGRAM = """
import importlib.abc, os, signal, sys, threading, time
from skunkqueue import SkunkQueue

name, url = sys.argv[1:]
begun = threading.Event()
queue = SkunkQueue("shop", conn_url=url)


class Slowly(importlib.abc.MetaPathFinder):
    def find_spec(self, found, path, target=None):
        if found == name:
            begun.set()
            time.sleep(0.3)


@queue.job
def add(a, b):
    return a + b


sys.modules.pop(name, None)
sys.meta_path.insert(0, Slowly())
fires = threading.Thread(target=add.fire, args=(1, 2))
fires.start()
assert begun.wait(60)
child = os.fork()
if not child:
    signal.alarm(30)
    os._exit(0 if add.fire(3, 4).state == "pending" else 1)
fires.join()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize(
    "name",
    [
        "skunkqueue.serializers.typed",
        "skunkqueue.persistence.sqlite",
        "skunkqueue.persistence.sqlite.backend",
        "sqlite3",
    ],
)
def test_child_can_fire_although_a_thread_of_its_parent_was_importing(tmp_path: Path, name: str) -> None:
    program = tmp_path / "jobs.py"
    program.write_text(PROGRAM)
    words = [sys.executable, "-W", "ignore", str(program), name, f"sqlite:///{tmp_path}/q.db"]

    ended = subprocess.run(words, capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")


def holding(section: Section, threads: ThreadPoolExecutor, leave: Event) -> Future[bool]:
    """Have a thread inside until it may leave."""
    entered = Event()

    def action() -> bool:
        entered.set()
        return leave.wait(LONG)

    inside = threads.submit(section.run, action, action)
    assert entered.wait(LONG)
    return inside


def test_a_fork_waits_until_others_are_out_and_lets_nobody_in_meanwhile() -> None:
    section, leave = Section(), Event()
    order: list[str] = []
    with ThreadPoolExecutor(3) as threads:
        inside = holding(section, threads, leave)
        inside.add_done_callback(lambda _: order.append("left"))

        def forks() -> bool:
            child = fork(lambda: None)
            order.append("forked")
            return ended_well(child)

        done = threads.submit(forks)
        eventually(lambda: bool(section._forking), LONG, what="the fork is announced")
        late: Callable[[], None] = partial(order.append, "entered")
        entering = threads.submit(section.run, late, late)
        leave.set()
        assert inside.result(LONG)
        assert done.result(LONG)
        entering.result(LONG)
    assert order[0] == "left"
    assert sorted(order) == ["entered", "forked", "left"]


def test_who_is_inside_may_run_another_action_of_the_kind_while_a_fork_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(forking, "_LONGEST", 2 * LONG)
    section, leave = Section(), Event()

    def outer() -> str:
        entered.set()
        assert leave.wait(LONG)
        return section.run_within(lambda: "inner")

    entered = Event()
    with ThreadPoolExecutor(2) as threads:
        inside = threads.submit(section.run, outer, outer)
        assert entered.wait(LONG)
        forked = threads.submit(lambda: ended_well(fork(lambda: None)))
        eventually(lambda: bool(section._forking), LONG, what="the fork is announced")
        leave.set()
        assert inside.result(LONG) == "inner"
        assert forked.result(LONG)


def test_a_child_can_use_queues_in_a_loop_although_another_thread_was_finding_its_side() -> None:
    leave, taken = Event(), Event()

    def hold() -> None:
        with asynchronous._lock:
            taken.set()
            leave.wait(LONG)

    def uses() -> None:
        assert asynchronous._lock.acquire(timeout=LONG / 2)

    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(hold)
        assert taken.wait(LONG)
        child = fork(uses)
        ended = ended_well(child)
        leave.set()
        held.result(LONG)
    assert ended
