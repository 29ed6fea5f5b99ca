"""Functions for failures, and rules for retries, that do not return: each costs its worker, and none for ever."""

from __future__ import annotations

from tests.acceptance.project_folder import PATIENCE
from tests.acceptance.shop import Shop
from tests.acceptance.test_application import IMPORT, SETUP, said, set_up

HOLDS_THE_GIL = """
import ctypes
@queue.on_failure
def hold(failure):
    say("holds")
    ctypes.PyDLL(None).sleep(1000)
"""


def test_a_function_for_failures_that_holds_its_worker_is_not_called_for_ever(shop: Shop) -> None:
    set_up(shop, SETUP + HOLDS_THE_GIL)
    shop.work(*IMPORT)

    shop.settled(shop.fire("fail_until", 9), 4 * PATIENCE)

    assert said(shop).count("holds") == 3


HANGS = """
import time
@queue.job
async def sink():
    raise OSError("wet")

@queue.on_failure
def hang(failure):
    if isinstance(failure.exception, OSError):
        time.sleep(1000)
"""


def test_a_function_for_failures_of_async_jobs_that_hangs_costs_its_worker(shop: Shop) -> None:
    set_up(shop, SETUP + HANGS)
    shop.work(*IMPORT)

    assert shop.failure(shop.fire("shop_setup:sink")).kind == "JobTimeoutError"
    assert shop.result(shop.fire("twice_async", 2)) == 4


RULES = """
import ctypes
from jobs import queue

def never(attempt, error):
    with open("asked.txt", "a") as file:
        file.write("asked ")
    ctypes.PyDLL(None).sleep(1000)

@queue.job(retries=9, backoff=never)
def fail():
    raise ValueError("no")
"""


def test_rules_for_retries_that_hold_their_worker_are_not_asked_for_ever(shop: Shop) -> None:
    (shop.folder / "rules.py").write_text(RULES)
    shop.work()

    assert shop.failure(shop.fire("rules:fail", retries=9)).kind == "JobTimeoutError"
    assert (shop.folder / "asked.txt").read_text().split() == ["asked"] * 3
