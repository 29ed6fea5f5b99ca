"""An application's own code in workers: modules imported at the start, and functions called at certain moments."""

from __future__ import annotations

from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import LONG_LEASE, Shop, ended
from tests.support.waiting import eventually

SETUP = """
from pathlib import Path
import jobs
from jobs import queue

SAID = Path(__file__).with_name("said.txt")

def say(word):
    with SAID.open("a") as file:
        file.write(word + "\\n")

@queue.on_worker_start
def begin():
    say("start")

@queue.on_worker_stop
def end():
    say("stop")

@queue.on_failure
def fail(failure):
    say(f"{failure.job} {failure.id} {failure.attempt} {failure.exception!r}")
"""
IMPORT = ("--import", "shop_setup", "--lease", str(LONG_LEASE))


def set_up(shop: Shop, text: str = SETUP) -> None:
    (shop.folder / "shop_setup.py").write_text(text)


def said(shop: Shop) -> list[str]:
    file = shop.folder / "said.txt"
    return file.read_text().splitlines() if file.exists() else []


def test_each_worker_calls_the_application_at_its_start_and_end(shop: Shop) -> None:
    set_up(shop)

    pool = shop.work(*IMPORT, "-c", "2", workers=2)

    assert said(shop) == ["start", "start"]
    shop.result(shop.fire("add", 1, 2))
    assert pool.stop() == 0
    assert said(shop) == ["start", "start", "stop", "stop"]


def test_without_import_the_start_is_called_before_the_first_job_of_the_module(shop: Shop) -> None:
    set_up(shop, SETUP + "\n@queue.job\ndef look():\n    return SAID.read_text()\n")
    shop.work()
    assert said(shop) == []

    assert shop.result(shop.fire("shop_setup:look")) == "start\n"
    assert shop.result(shop.fire("shop_setup:look")) == "start\n"


def test_a_failure_for_good_is_told_with_what_was_raised(shop: Shop) -> None:
    set_up(shop)
    shop.work(*IMPORT)
    firing = shop.fire("fail_until", 9, retries=1)

    shop.settled(firing)

    assert said(shop)[1:] == [f"jobs:fail_until {firing} 2 ValueError('attempt 2')"]


def test_a_failure_of_an_async_job_is_told(shop: Shop) -> None:
    set_up(shop, SETUP + "\n@queue.job\nasync def sink():\n    raise OSError('wet')\n")
    shop.work(*IMPORT)
    firing = shop.fire("shop_setup:sink")

    shop.settled(firing)

    assert said(shop)[1:] == [f"shop_setup:sink {firing} 1 OSError('wet')"]


def test_a_timeout_is_told(shop: Shop) -> None:
    set_up(shop)
    shop.work(*IMPORT)

    shop.settled(shop.fire("sleep", timeout=0.1))

    assert "JobTimeoutError('the job ran longer than its timeout of 0.1 s')" in said(shop)[1]


def test_a_firing_that_killed_its_workers_is_told(shop: Shop) -> None:
    set_up(shop)
    shop.work(*IMPORT)

    shop.settled(shop.fire("kill_worker", 99))

    failures = [word for word in said(shop) if word != "start"]
    assert len(failures) == 1
    assert "WorkerDiedError(" in failures[0]


def test_what_a_function_for_failures_raises_is_logged_and_changes_nothing(shop: Shop) -> None:
    set_up(shop, SETUP + "\n@queue.on_failure\ndef stumble(failure):\n    raise LookupError('stumbled')\n")
    pool = shop.work(*IMPORT)

    failure = shop.failure(shop.fire("fail_until", 9))

    assert (failure.kind, failure.message) == ("ValueError", "attempt 1")
    pool.says("on_failure: shop_setup:stumble raised")
    assert shop.result(shop.fire("add", 1, 2)) == 3


def test_a_function_for_failures_that_hangs_is_interrupted(shop: Shop) -> None:
    set_up(
        shop,
        SETUP
        + "\nimport time\n@queue.on_failure\ndef hang(failure):\n    say('hangs')\n    time.sleep(1000)\n",
    )
    pool = shop.work(*IMPORT)

    assert shop.failure(shop.fire("fail_until", 9)).kind == "ValueError"
    pool.says("on_failure: it was interrupted")


def test_a_function_for_failures_that_ends_its_worker_is_not_called_for_ever(shop: Shop) -> None:
    set_up(
        shop, SETUP + "\nimport os\n@queue.on_failure\ndef die(failure):\n    say('dies')\n    os._exit(1)\n"
    )
    pool = shop.work(*IMPORT)

    assert shop.failure(shop.fire("fail_until", 9)).kind == "WorkerDiedError"
    assert said(shop).count("dies") == 4
    pool.says("on_failure: not called for firing")


def test_a_module_that_is_not_there_ends_the_pool_with_the_way_out(shop: Shop) -> None:
    pool = shop.project.work("-q", "shop", "--import", "no_such_module")

    assert ended(pool) == 2
    assert "--import no_such_module" in pool.said
    assert "ModuleNotFoundError" in pool.said


def test_a_file_in_the_place_of_a_module_is_refused_with_the_way_out(shop: Shop) -> None:
    pool = shop.project.work("-q", "shop", "--import", "shop/setup.py")

    assert ended(pool) == 2
    assert "give the module's name and not its file, such as shop.setup for shop/setup.py" in pool.said


def test_a_start_that_raises_is_tried_again_until_it_succeeds(shop: Shop) -> None:
    ready = "if not SAID.with_name('ready').exists():\n        raise OSError('no database')"
    set_up(shop, SETUP + f"\n@queue.on_worker_start\ndef connect():\n    {ready}\n    say('connected')\n")
    pool = shop.project.work("-q", "shop", *IMPORT)
    pool.says("on_worker_start: shop_setup:connect raised OSError: no database")
    firing = shop.fire("add", 1, 2)

    shop.touch("ready")

    assert shop.result(firing) == 3
    assert said(shop)[-1] == "connected"


def test_an_end_that_hangs_does_not_keep_the_pool(shop: Shop) -> None:
    set_up(shop, SETUP + "\nimport time\n@queue.on_worker_stop\ndef hang():\n    time.sleep(1000)\n")
    pool = shop.work(*IMPORT, "--grace", "0.2")

    assert pool.stop() == 0
    pool.says("on_worker_stop: it has not returned within 0.2 s")


def test_an_end_that_hangs_does_not_keep_a_burst(shop: Shop) -> None:
    set_up(shop, SETUP + "\nimport time\n@queue.on_worker_stop\ndef hang():\n    time.sleep(1000)\n")
    pool = shop.project.work("-q", "shop", "--burst", *IMPORT, "--grace", "0.2")

    assert ended(pool) == 0
    assert " died" not in pool.said


def test_a_module_that_fires_while_it_is_imported_fires_nothing(shop: Shop) -> None:
    set_up(shop, SETUP + "\njobs.add.fire(1, 2)\n")
    pool = shop.work(*IMPORT)

    pool.says("fires jobs or declares schedules while a worker imports it")
    eventually(lambda: said(shop) == ["start"], PATIENCE)
    assert shop.backend.routes() == []
