"""Run tests of the kit on mutants: one process loads pytest and the kit, and forks for each mutant.

Most mutants that wake nobody are noticed only when a wait times out, so several run at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from tests.contract.mutation.mutant import ROOT, Mutant, copied

AT_ONCE = 4
PATIENCE = 120.0
"""Seconds after which a run is given up."""
SURVIVED, KILLED = 0, 1
HUNG = -9

SUITE = """
import pytest
from skunkqueue_memory.far import CUT, FarMemory
from skunkqueue.contract import BackendContract, Outage
from skunkqueue.persistence import BackendConfig
{more}

class TestMutant({area}):
    backend_class = FarMemory

    @pytest.fixture
    def config(self):
        return BackendConfig(backend="memory")

    @pytest.fixture
    def config_with_password(self):
        return BackendConfig(backend="memory", url="memory://user:s3cret@far")

    @pytest.fixture
    def outage(self, config_with_password):
        return Outage(config_with_password, begin=CUT.set, end=CUT.clear)
"""
OPTIONS = ("-x", "-q", "--no-header", "--tb=short", "-p", "no:cacheprovider")
PROPERTY = "test_any_run_of_verbs_leaves_the_store_like_the_model"


class Job(msgspec.Struct, frozen=True):
    """A mutant (``None``: the package as it is), and the tests to run on it; none: all but the property test."""

    mutant: Mutant | None
    tests: tuple[str, ...] = ()


class Result(msgspec.Struct, frozen=True):
    """How it ended: pytest's exit code, or HUNG; and what it printed."""

    code: int
    output: str


def run(jobs: Sequence[Job], at_once: int = AT_ONCE) -> list[Result]:
    """Run the jobs in a process of its own, some of them at once; return the results in order."""
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": ""}
    env["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    answer = subprocess.run(
        [sys.executable, "-m", __name__, str(at_once)],
        input=msgspec.json.encode(jobs),
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env=env,
        check=True,
    )
    return msgspec.json.decode(answer.stdout, type=list[Result])


def forked(jobs: Sequence[Job], folder: Path, at_once: int) -> list[Result]:
    """Fork for each job, some of them at once."""
    left: Iterator[tuple[int, Job]] = iter(enumerate(jobs))
    alive: dict[int, tuple[int, float]] = {}
    codes: dict[int, int] = {}
    while len(codes) < len(jobs):
        while len(alive) < at_once and (following := next(left, None)) is not None:
            number, job = following
            pid = os.fork()
            if pid == 0:
                _child(job, folder / str(number))
            alive[pid] = number, time.monotonic() + PATIENCE
        for pid, (number, deadline) in list(alive.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if not ended and time.monotonic() > deadline:
                os.kill(pid, 9)
                ended, status = os.waitpid(pid, 0)
            if ended:
                codes[number] = os.waitstatus_to_exitcode(status)
                del alive[pid]
        time.sleep(0.01)
    outputs = [(folder / str(number) / "output").read_text(errors="replace") for number in range(len(jobs))]
    return [Result(codes[number], output) for number, output in enumerate(outputs)]


def area_of(test: str) -> type:
    """Find the area of the kit that a test belongs to."""
    from skunkqueue.contract import BackendContract  # noqa: PLC0415 - not needed by who only asks

    return next(area for area in BackendContract.__mro__ if test in vars(area))


def _suite_for(tests: Sequence[str]) -> str:
    """Write the suite; of one area alone where that will do, since pytest collects all of it."""
    areas = {area_of(test) for test in tests}
    if len(areas) != 1:
        return SUITE.format(more="", area="BackendContract")
    (area,) = areas
    return SUITE.format(more=f"from {area.__module__} import {area.__name__}\n", area=area.__name__)


def _child(job: Job, folder: Path) -> None:
    """Run the tests of one job, and end the process."""
    import pytest  # noqa: PLC0415 - loaded before the fork

    folder.mkdir()
    output = os.open(folder / "output", os.O_CREAT | os.O_WRONLY)
    os.dup2(output, 1)
    os.dup2(output, 2)
    code = 3
    try:
        copied(folder, job.mutant)
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "test_mutant.py").write_text(_suite_for(job.tests))
        os.chdir(folder)
        sys.path.insert(0, str(folder))
        chosen = [f"test_mutant.py::TestMutant::{test}" for test in job.tests]
        chosen = chosen or ["test_mutant.py", "-k", f"not {PROPERTY}"]
        code = int(pytest.main([*OPTIONS, *chosen]))
    except BaseException:  # noqa: BLE001 - shown, and the process ends
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Be the process that forks."""
    jobs = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Job])
    answer = os.dup(1)
    os.dup2(2, 1)
    # So that every child finds them loaded.
    from skunkqueue.contract import BackendContract  # noqa: PLC0415 - not needed by who only asks

    del BackendContract
    with tempfile.TemporaryDirectory(prefix="skunkqueue-mutants-") as folder:
        results = forked(jobs, Path(folder), int(sys.argv[1]))
    with os.fdopen(answer, "wb") as out:
        out.write(msgspec.json.encode(results))


if __name__ == "__main__":
    main()
