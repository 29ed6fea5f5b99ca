"""Plugins that hang or end their process, in the processes of a real pool: named in its log, and nobody else suffers."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from skunkqueue import SkunkQueue
from skunkqueue.plugins import HOOKS, STRATEGIES
from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import QUEUE, Shop, ended
from tests.core.plugins.distributions import install
from tests.support.waiting import eventually

STRATEGY = """
    import ctypes, os, signal, threading
    from skunkqueue.schedule import Plan

    class Well:
        def first(self, params, now):
            return Plan(due=now, state=b"", interval=1.0)

    class Hanging(Well):
        def after(self, params, state, seen):
            threading.Event().wait()

    class Leaving(Well):
        def after(self, params, state, seen):
            os._exit(7)

    class Greedy(Well):
        def after(self, params, state, seen):
            # Keeps all threads of its process from running.
            ctypes.PyDLL(None).sleep(1000)

    class Unlucky(Well):
        def after(self, params, state, seen):
            try:
                os.close(os.open("asked", os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return Plan(due=seen.now + 3600, state=b"", interval=3600.0)
            # As if somebody did, or the kernel for want of memory.
            os.kill(os.getpid(), signal.SIGKILL)
"""
NAMES = ("hanging", "leaving", "greedy", "unlucky")


@pytest.fixture
def shop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The shop with strange strategies, installed for the test and for the pool."""
    site = shop.folder / "site"
    names = {name: f"acme_stranger:{name.capitalize()}" for name in NAMES}
    install(site, "acme-stranger", STRATEGIES, names, acme_stranger=STRATEGY)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "acme_stranger", raising=False)
    shop.project.environment["PYTHONPATH"] = str(site)
    return shop


def declare(shop: Shop, strategy: str) -> str:
    """Declare a schedule of ``jobs.which``; return the id of its first firing."""
    jobs = {"__name__": "jobs", "__file__": str(shop.folder / "jobs.py")}
    exec(compile(Path(jobs["__file__"]).read_text(), "jobs.py", "exec"), jobs)  # noqa: S102 - our own file
    assert shop.config.url is not None
    with SkunkQueue(QUEUE, conn_url=shop.config.url) as queue:
        queue.declare("tick", jobs["which"](), strategy=strategy, params=b"")  # type: ignore[operator]  # made by exec
    (schedule,) = shop.backend.schedules(QUEUE)
    assert schedule.firing is not None
    return schedule.firing


def test_a_worker_that_is_killed_while_a_strategy_thinks_costs_no_run(shop: Shop) -> None:
    firing = declare(shop, "unlucky")
    pool = shop.work()

    record = shop.settled(firing)

    assert (record.state, record.deaths) == (State.COMPLETE, 1)
    (schedule,) = shop.backend.schedules()
    assert (schedule.runs, schedule.interval) == (1, 3600.0)
    assert "strategy failed" not in pool.said
    assert pool.stop() == 0


def ends_its_worker_once(shop: Shop, strategy: str, reason: str) -> None:
    """See that a strategy which ends its worker is named, and is not asked again."""
    firing = declare(shop, strategy)
    pool = shop.work()

    record = shop.settled(firing)

    assert record.state is State.COMPLETE
    assert (record.deaths, '"cause":"strategy"' in record.evidence) == (1, True)
    told = f"strategy failed: schedule='tick' strategy='{strategy}' distribution='acme-stranger 1.0' reason='{reason}"
    assert told in pool.said
    # The next worker is told to leave it alone, also where it looks for schedules that have nothing planned.
    assert shop.result(shop.fire("add", 1, 2)) == 3
    assert pool.said.count("strategy failed: ") == 1
    assert pool.stop() == 0


def test_a_strategy_that_ends_its_worker_does_so_once(shop: Shop) -> None:
    ends_its_worker_once(shop, "leaving", "its worker died: exit code 7")


HOOK = """
    import ctypes, os, threading
    from pathlib import Path
    from skunkqueue.plugins import hookimpl

    def hang():
        threading.Event().wait()

    def leave():
        os._exit(7)

    def crash():
        ctypes.string_at(0)

    def be_greedy():
        # Keeps all threads of its process from running.
        ctypes.PyDLL(None).sleep(1000)

    class Strange:
        pass

    def misbehave(self):
        {operation}()

    misbehave.__name__ = "{hook}"
    Strange.{hook} = hookimpl(misbehave)
    strange = Strange()
"""


def trouble(shop: Shop, hook: str, operation: str) -> None:
    """Install a plugin whose one hook is so."""
    source = HOOK.replace("{hook}", hook).replace("{operation}", operation)
    install(shop.folder / "site", "acme-hooks", HOOKS, {"ears": "acme_hooks:strange"}, acme_hooks=source)


def named_and_costs_nothing(shop: Shop, hook: str, operation: str, reason: str) -> None:
    """See that a hook which hangs or ends its process is named, and no firing pays for it."""
    trouble(shop, hook, operation)
    firings = [shop.fire("add", number, 2, timeout=60.0) for number in range(3)]
    pool = shop.work()

    assert [shop.result(firing) for firing in firings] == [2, 3, 4]
    assert shop.result(shop.fire("add", 1, 2, timeout=60.0)) == 3

    assert [shop.record(firing).deaths for firing in firings] == [0, 0, 0]
    told = f"hook failed: plugin='ears' distribution='acme-hooks 1.0' hook='{hook}' reason='{reason}"
    pool.says(told)
    assert pool.said.count("hook failed: ") == 1
    assert pool.stop() == 0


@pytest.mark.parametrize("hook", ["skunkqueue_pool_started", "skunkqueue_pool_stopped"])
def test_hook_that_ends_the_pool_is_named(shop: Shop, hook: str) -> None:
    trouble(shop, hook, "leave")
    pool = shop.project.work("-q", QUEUE, "--burst")

    assert ended(pool) == 7
    pool.says(
        f"hook failed: plugin='ears' distribution='acme-hooks 1.0' hook='{hook}' reason='os._exit(7) in "
    )


def test_hook_that_crashes_the_pool_is_found_by_its_line(shop: Shop) -> None:
    trouble(shop, "skunkqueue_pool_started", "crash")
    pool = shop.project.work("-q", QUEUE)

    assert ended(pool) == -signal.SIGSEGV
    pool.says("Fatal Python error: Segmentation fault")
    pool.says("acme_hooks.py")


def test_plugin_that_ends_the_pool_as_it_is_loaded_is_named_by_its_line(shop: Shop) -> None:
    source = "import os\nos._exit(9)\n"
    install(shop.folder / "site", "acme-hooks", HOOKS, {"ears": "acme_hooks:strange"}, acme_hooks=source)
    pool = shop.project.work("-q", QUEUE)

    assert ended(pool) == 9
    pool.says("a plugin ends the pool while plugins are loaded: os._exit(9) in ")
    pool.says("acme_hooks.py, line 2")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_pool_whose_plugin_hangs_as_it_is_loaded_can_be_stopped(shop: Shop, number: signal.Signals) -> None:
    source = "import pathlib, threading\npathlib.Path('loading').touch()\nthreading.Event().wait()\n"
    install(shop.folder / "site", "acme-hooks", HOOKS, {"ears": "acme_hooks:strange"}, acme_hooks=source)
    pool = shop.project.work("-q", QUEUE)
    eventually((shop.folder / "loading").exists, PATIENCE, what="the plugin is being loaded")

    pool.process.send_signal(number)

    assert ended(pool) != 0


def test_a_hook_that_ends_its_process_is_named_and_costs_no_firing_anything(shop: Shop) -> None:
    named_and_costs_nothing(shop, "skunkqueue_firing_claimed", "leave", "its worker died: exit code 7")
