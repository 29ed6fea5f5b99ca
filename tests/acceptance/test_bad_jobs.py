"""Jobs that misbehave: each ends as an error that says so, and the jobs after it run as ever."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from skunkqueue.ids import new_id
from skunkqueue.records import Firing, State
from tests.acceptance.project_folder import PATIENCE, SKUNQ
from tests.acceptance.shop import QUEUE, Shop, gone, living_children
from tests.support.waiting import eventually


def same_worker_still_works(shop: Shop, pid: int) -> bool:
    return bool(shop.result(shop.fire("which")) == pid)


@pytest.mark.parametrize(
    ("job", "args", "kind", "word"),
    [
        ("leave", (), "SystemExit", "sys.exit"),
        ("leave", (3,), "SystemExit", "sys.exit"),
        ("leave", ("no more",), "SystemExit", "no more"),
        ("press_ctrl_c", (), "KeyboardInterrupt", "KeyboardInterrupt"),
        ("recurse", (), "RecursionError", "recursion"),
        ("complain_of_a_file", (), "ValueError", "no such file: \\udcff"),
        ("unstorable", (), "UnsupportedTypeError", "the result of jobs:unstorable"),
        ("eat", (), "MemoryError", ""),
        ("os:system", ("true",), "JobNotFoundError", "not a job"),
        ("jobs:nothing", (), "JobNotFoundError", "jobs"),
        ("nowhere:job", (), "JobNotFoundError", "--path"),
        ("jobs:Path", (), "JobNotFoundError", "not a job"),
        ("add", (1,), "TypeError", "second"),
    ],
)
def test_a_bad_job_is_an_error_that_says_why(
    lasting_shop: Shop, job: str, args: tuple[object, ...], kind: str, word: str
) -> None:
    shop = lasting_shop
    pid = shop.result(shop.fire("which"))
    firing = shop.fire(job, *args)

    failure = shop.failure(firing)

    assert shop.state(firing) is State.ERROR
    assert failure.kind == kind
    assert word in failure.message
    assert same_worker_still_works(shop, pid)


def test_damaged_payloads_are_errors(shop: Shop) -> None:
    shop.work()
    pid = shop.result(shop.fire("which"))
    template = shop.record(shop.fire("add", 1, 2, delay=1000))
    damaged = [b"", b"\xc1", template.body[:-3], b"nonsense", b"\x91\x90"]
    firings = []
    for body in damaged:
        firings += shop.backend.enqueue([Firing(id=new_id(), queue=QUEUE, route="default", body=body)])

    assert {shop.failure(firing).kind for firing in firings} == {"DamagedPayloadError"}
    assert same_worker_still_works(shop, pid)


def test_a_worker_whose_descriptors_a_job_closed_is_replaced(shop: Shop) -> None:
    shop.work()
    pid = shop.result(shop.fire("which"))
    shop.fire("close_all_descriptors")

    assert shop.result(shop.fire("which")) != pid


def test_programs_that_a_job_starts_inherit_nothing_but_the_standard_streams(shop: Shop) -> None:
    shop.work()

    assert shop.result(shop.fire("inheritable")) == [0, 1, 2]


def test_closed_streams_are_open_again_for_the_next_job(shop: Shop) -> None:
    pool = shop.work()
    first = shop.fire("close_streams")
    second = shop.fire("say", "good morning")

    assert shop.result(first) == "closed"
    assert shop.settled(second).state is State.COMPLETE
    pool.says("raw good morning")
    assert pool.said.count("good morning") >= 3
    pool.says(f"complete jobs:say {second}")


def test_threads_that_never_end_do_not_hold_up_the_exit(shop: Shop) -> None:
    pool = shop.work()
    assert shop.result(shop.fire("start_thread")) == "started"

    assert pool.stop() == 0


def test_a_job_that_takes_the_signals_away_costs_nothing(shop: Shop) -> None:
    pool = shop.work()
    shop.settled(shop.fire("steal_signals"))
    firing = shop.fire("sleep", timeout=0.1)

    assert shop.failure(firing).kind == "JobTimeoutError"
    assert pool.stop() == 0


def test_memory_that_runs_out_is_an_error_of_the_job(shop: Shop) -> None:
    limit = 2 << 30
    firing = shop.fire("hoard", 4096)
    other = shop.fire("add", 1, 2)

    subprocess.run(
        [str(SKUNQ), "work", "-q", QUEUE, "--burst"],
        cwd=shop.folder,
        env=shop.project.environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert shop.failure(firing).kind == "MemoryError"
    assert shop.result(other) == 3


def test_a_module_that_cannot_be_imported_is_named(shop: Shop) -> None:
    (shop.folder / "broken.py").write_text("import nothing_of_that_name\n")
    shop.work()
    firing = shop.fire("broken:job")

    assert "nothing_of_that_name" in shop.failure(firing).message


PATCHES = {
    "gevent": (
        "monkey.py",
        "def patch_all():\n    import time\n    time.sleep = None\n",
        "from gevent import monkey; monkey.patch_all()",
    ),
    "eventlet": (
        "patcher.py",
        "def monkey_patch():\n    import time\n    time.sleep = None\n",
        "import eventlet; eventlet.patcher.monkey_patch()",
    ),
}


@pytest.mark.parametrize("library", PATCHES)
def test_a_module_that_patches_python_is_told_not_to(shop: Shop, library: str) -> None:
    # A stand-in for the library: it is not needed to see that its function is not called.
    file, text, use = PATCHES[library]
    (shop.folder / library).mkdir()
    (shop.folder / library / "__init__.py").write_text(f"from {library} import {file.removesuffix('.py')}\n")
    (shop.folder / library / file).write_text(text)
    (shop.folder / "patches.py").write_text(f"{use}\nfrom jobs import queue\n@queue.job\ndef job(): pass\n")
    shop.work()
    pid = shop.result(shop.fire("which"))
    firing = shop.fire("patches:job")

    failure = shop.failure(firing)

    assert failure.kind == "JobNotFoundError"
    assert "patch" in failure.message
    assert "a worker needs" in failure.message
    assert same_worker_still_works(shop, pid)


def test_a_worker_of_a_python_that_is_patched_does_not_begin(shop: Shop) -> None:
    (shop.folder / "gevent").mkdir()
    (shop.folder / "gevent" / "__init__.py").write_text("")
    (shop.folder / "gevent" / "monkey.py").write_text("def is_module_patched(name): return True\n")
    (shop.folder / "sitecustomize.py").write_text("import gevent.monkey\n")
    shop.project.environment["PYTHONPATH"] = str(shop.folder)

    pool = shop.project.work("-q", QUEUE)

    assert pool.process.wait(PATIENCE) != 0
    assert "gevent.monkey has patched this process" in pool.said
    assert "Traceback" not in pool.said


def test_a_store_that_cannot_be_opened_ends_the_pool_with_one_line(shop: Shop) -> None:
    (shop.folder / "not.db").write_bytes(b"this is no database, but a letter to a friend" * 100)

    done = subprocess.run(
        [str(SKUNQ), "work", "-q", QUEUE, "-c", "2", "--url", f"sqlite:///{shop.folder}/not.db"],
        cwd=shop.folder,
        env=shop.project.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 3
    assert done.stderr.count("no worker can start") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_jobs_own_children_die_with_a_worker_that_is_killed_for_it(shop: Shop) -> None:
    (shop.folder / "parent.py").write_text(
        "import ctypes, subprocess\n"
        "from pathlib import Path\n"
        "from jobs import queue\n"
        "@queue.job\n"
        "def start():\n"
        "    child = subprocess.Popen(['sleep', '1000'])\n"
        "    Path('child.new').write_text(str(child.pid))\n"
        "    Path('child.new').rename('child')\n"
        "    ctypes.PyDLL(None).sleep(1000)\n"
    )
    shop.work("--grace", "0.1")
    firing = shop.fire("parent:start")
    eventually((shop.folder / "child").exists, PATIENCE, what="the job has a child")
    pid = int((shop.folder / "child").read_text())

    # A time limit could be over before the child is there.
    shop.backend.kill([firing])

    assert shop.settled(firing).state is State.KILLED
    eventually(gone(pid), what="the job's child is gone")


def test_a_file_named_like_a_module_of_pythons_own_does_no_harm(shop: Shop) -> None:
    (shop.folder / "queue.py").write_text("raise RuntimeError('this is not the queue module')\n")
    shop.work()

    assert shop.result(shop.fire("add", 1, 2)) == 3


def test_a_job_that_changes_the_folder_leaves_the_next_one_where_it_was(shop: Shop) -> None:
    shop.work()
    shop.settled(shop.fire("os_chdir", "/"))

    assert shop.result(shop.fire("where")) == str(shop.folder)


def test_a_job_that_forks_makes_no_second_worker(shop: Shop) -> None:
    shop.work()
    firing = shop.fire("fork")

    assert shop.result(firing) == "forked"
    shop.begun(firing, "copy")
    (pid,) = shop.pids()
    eventually(lambda: living_children(pid) == [], what="the copy has ended")
    assert [shop.result(shop.fire("which")) for _ in range(5)] == [pid] * 5


@pytest.mark.parametrize(
    ("job", "result"), [("fork_async", "forked"), ("fork_and_wait", "forked"), ("fork_and_close", "a line")]
)
def test_an_async_job_that_forks_makes_no_second_worker(shop: Shop, job: str, result: str) -> None:
    pool = shop.work()
    firing = shop.fire(job)

    assert shop.result(firing) == result
    shop.begun(firing, "copy")
    (pid,) = shop.pids()
    eventually(lambda: living_children(pid) == [], PATIENCE, what="the copy has ended")
    assert [shop.result(shop.fire("which_async")) for _ in range(5)] == [pid] * 5
    steps = shop.folder / f"steps-{firing}"
    if steps.exists():
        assert steps.read_text().split() == [str(pid)] * 3
    assert pool.stop() == 0
