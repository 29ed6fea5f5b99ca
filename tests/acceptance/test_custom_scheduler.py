"""A strategy of somebody else's: workers that have its distribution beside such as lack it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.config import open_backend, resolve
from skunkqueue.persistence.backend import Backend
from skunkqueue.scheduler.simulation import Simulated, simulate
from tests.acceptance.project_folder import PATIENCE, ROOT, ProjectFolder
from tests.docs.pages import blocks
from tests.packaging.environments import build_wheel
from tests.support.waiting import eventually, never

EXAMPLE = ROOT / "examples" / "custom-scheduler"
JOBS = """
import json
import re
import os
from pathlib import Path

from skunkqueue import JobMixin, SkunkQueue, current_job

queue = SkunkQueue("demo")


class Tick(JobMixin):
    def work(self):
        with Path(os.environ["RUNS"]).open("a") as runs:
            print(json.dumps([os.environ["WHO"], current_job().attempt]), file=runs)


if __name__ == "__main__":
    from skunkqueue_fibonacci import FibonacciScheduler

    with FibonacciScheduler(queue, 0.2, name="tick") as schedule:
        schedule << Tick()
"""
LEFT = "firings of schedule 'tick' are left to other workers"
CURE = "no strategy 'fibonacci' is installed"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example in it, as pip would install it."""
    folder = tmp_path_factory.mktemp("site")
    with ZipFile(build_wheel(EXAMPLE, folder)) as wheel:
        wheel.extractall(folder)
    return folder


class Floor:
    """Two stages on one store: one has the example's distribution, the other lacks it."""

    def __init__(self, folder: Path, site: Path) -> None:
        url = f"sqlite:///{folder}/demo.db"
        self._runs = folder / "runs"
        self.backend: Backend = open_backend(resolve(conn_url=url), clock=SYSTEM_CLOCK)
        given = {"SKUNKQUEUE_URL": url, "RUNS": str(self._runs)}
        self.having = self._project(folder / "having", {**given, "PYTHONPATH": str(site), "WHO": "having"})
        self.lacking = self._project(folder / "lacking", {**given, "WHO": "lacking"})

    @staticmethod
    def _project(folder: Path, environment: dict[str, str]) -> ProjectFolder:
        folder.mkdir()
        project = ProjectFolder(folder, **environment)
        project.write("jobs.py", JOBS)
        return project

    @property
    def runs(self) -> list[Any]:
        """Who ran, and at which attempt."""
        if not self._runs.exists():
            return []
        return [json.loads(line) for line in self._runs.read_text(encoding="utf-8").splitlines()]

    def have_run(self, number: int) -> None:
        """Wait until it has run so many times."""
        eventually(lambda: len(self.runs) >= number, PATIENCE, what=f"{number} runs")


@pytest.fixture
def floor(tmp_path: Path, site: Path) -> Iterator[Floor]:
    """Nothing is declared yet, and nobody works."""
    made = Floor(tmp_path, site)
    with made.having, made.lacking:
        yield made
    made.backend.close()


def test_workers_without_the_strategy_leave_its_runs_to_those_with_it(floor: Floor) -> None:
    with_it = floor.having.work("-q", "demo").ready()
    without = floor.lacking.work("-q", "demo").ready()

    floor.having.run("jobs.py")
    without.says(LEFT)
    floor.have_run(6)

    assert (with_it.stop(), without.stop()) == (0, 0)
    assert {tuple(run) for run in floor.runs} == {("having", 1)}
    assert {run.verdict for run in floor.backend.history("demo", "tick")} == {"complete"}
    assert (without.said.count(LEFT), without.said.count(CURE)) == (1, 1)
    assert LEFT not in with_it.said


def test_a_run_waits_for_a_worker_that_has_its_strategy(floor: Floor) -> None:
    floor.having.run("jobs.py")
    without = floor.lacking.work("-q", "demo")
    without.says(LEFT)
    never(lambda: floor.runs, 0.5, what="a run without its strategy")

    floor.having.work("-q", "demo")
    floor.have_run(1)

    schedule = floor.backend.get_schedule("demo", "tick")
    assert schedule is not None
    assert floor.runs[0] == ["having", 1]
    assert without.stop() == 0
    assert without.said.count(LEFT) == 1


def test_the_example_waits_as_fibonacci_counted(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(site))
    from skunkqueue_fibonacci import FibonacciStrategy  # noqa: PLC0415 - only here it can be imported

    def waits(fails: Callable[[float], bool]) -> list[float | None]:
        (runs,) = simulate(
            [
                Simulated(
                    strategy=FibonacciStrategy(), params=b"[60, 600]", takes=lambda _began: 1.0, fails=fails
                )
            ],
            until=3_600,
        )
        assert [later.due - run.ended for run, later in itertools.pairwise(runs)] == [
            run.interval for run in runs[:-1]
        ]
        return [run.interval for run in runs]

    assert set(waits(lambda _began: False)) == {60}
    assert waits(lambda began: 180 <= began < 1500)[:11] == [60, 60, 60, 120, 180, 300, 480, 600, 60, 60, 60]


def test_the_guide_quotes_the_example() -> None:
    (source,) = (EXAMPLE / "src").rglob("*.py")
    text = source.read_text(encoding="utf-8")

    codes = [block.code for block in blocks(ROOT / "docs" / "writing-a-scheduler.md", "python", "toml")]
    # Each class stands below the imports that it needs itself.
    parts = [
        re.split(r"^(?=class Fibonacci|\[project)", code, maxsplit=1, flags=re.MULTILINE) for code in codes
    ]
    quoted = [part for part in parts if len(part) == 2]

    assert len(quoted) == 3
    whole = text + (EXAMPLE / "pyproject.toml").read_text(encoding="utf-8")
    assert [body for _, body in quoted if body not in whole] == []
    assert [line for imports, _ in quoted for line in imports.splitlines() if line not in whole] == []
