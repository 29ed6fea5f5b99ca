"""Whatever a job hands over, raises or does to the loop: its firing ends, its worker lives, and a stop ends it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from skunkqueue.records import State
from tests.acceptance.shop import Shop

JOBS = Path(__file__).parent / "hostile_jobs.py"
COMPLETE = ["note_not_utf8", "note_of_odd_text", "note_that_is_long", "unspeakable_result"]
ERROR = [
    "progress_not_a_number",
    "progress_in_words",
    "progress_of_huge_number",
    *(f"{name}_{way}" for name in ("str", "repr") for way in ("exits", "recurses", "presses_ctrl_c")),
    *(f"hidden_{name}" for name in ("class", "traceback", "cause", "context", "notes", "args")),
    "type_of_odd_name",
    "message_of_odd_text",
    "cyclic_chain",
    "endless_chain",
    "huge_message",
    "system_exit",
    "keyboard_interrupt",
    "generator_exit",
    "cancelled_error",
    "base_exception",
    "retry_from_falsy",
    "retry_after_words",
    "retry_after_nan",
    "snooze_after_nothing",
    "retry_without_init",
    "unstorable_result",
    "coroutine",
    "generator",
    "async_generator",
    "generator_that_resists",
]
CASES = [
    *(("do", (name,), State.COMPLETE) for name in COMPLETE),
    *(("do_async", (name,), State.COMPLETE) for name in COMPLETE),
    *(("do", (name,), State.ERROR) for name in ERROR),
    *(("do_async", (name,), State.ERROR) for name in ERROR),
    *((name, (), State.ERROR) for name in ("odd_rule", "odd_rule_async", "odd_backoff", "odd_backoff_async")),
    ("change_the_loops_ways", (), State.COMPLETE),
    ("stop_loop", (), State.COMPLETE),
    ("close_loop", (), State.ERROR),
    ("cancel_everything", (), State.ERROR),
    ("exit_in_task", (), State.COMPLETE),
    ("exit_in_callback", (), State.COMPLETE),
    ("exit_in_handler", (), State.COMPLETE),
]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One pool for all cases; its worker must live through all of them, and end gently."""
    folder = tmp_path_factory.mktemp("hostile")
    shutil.copy(JOBS, folder / "hostile.py")
    with Shop(folder) as shop:
        pool = shop.work()
        yield shop
        assert pool.stop() == 0
        for words in ("a fault in", "never awaited"):
            assert words not in pool.said, words


def fire(shop: Shop, job: str, *args: object) -> str:
    return shop.fire(f"hostile:{job}", *args, retries=1)


@pytest.mark.parametrize(
    ("job", "args", "state"), CASES, ids=lambda value: "-".join(value) if type(value) is tuple else value
)
def test_a_hostile_job_ends_and_its_worker_lives(
    shop: Shop, job: str, args: tuple[str, ...], state: State
) -> None:
    (pid,) = shop.pids()
    firing = fire(shop, job, *args)

    assert shop.settled(firing).state is state
    assert shop.record(firing).deaths == 0
    assert shop.result(shop.fire("which")) == pid
    assert shop.result(fire(shop, "which_async")) == pid


def test_what_a_job_changes_of_the_loop_does_not_reach_the_next_job(shop: Shop) -> None:
    shop.settled(fire(shop, "change_the_loops_ways"))

    assert shop.settled(fire(shop, "exit_in_task")).state is State.COMPLETE


def test_an_error_of_a_coroutine_says_what_to_do(shop: Shop) -> None:
    assert "async def" in shop.failure(fire(shop, "do", "coroutine")).message


def test_a_note_that_is_not_utf8_is_shown_with_escapes(shop: Shop) -> None:
    firing = fire(shop, "do", "note_not_utf8")
    shop.settled(firing)

    assert rb"caf\xe9.txt" in (shop.record(firing).progress or b"").replace(rb"\udce9", rb"\xe9")
