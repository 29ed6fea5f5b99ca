"""skunkqueue-schedulers as users install it, and a strategy of their own beside it."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from skunkqueue.clock import SYSTEM_CLOCK
from skunkqueue.config import open_backend, resolve
from skunkqueue.records import Run
from tests.packaging.environments import CORE, ROOT, Environment, build_wheel, run
from tests.support.waiting import eventually

SCHEDULERS = "skunkqueue-schedulers"
EXAMPLE = ROOT / "examples" / "custom-scheduler"
PATIENCE = 30.0
DECLARE = """
from skunkqueue import JobMixin, SkunkQueue
class Tick(JobMixin):
    def work(self):
        pass
try:
    SkunkQueue("demo", conn_url="sqlite:///demo.db").declare("tick", Tick(), strategy="time")
except Exception as error:
    print(type(error).__name__, error)
"""
JOBS = """
from pathlib import Path

from skunkqueue import JobMixin, SkunkQueue
from skunkqueue_fibonacci import FibonacciScheduler

queue = SkunkQueue("demo")


class Fetch(JobMixin):
    def work(self):
        with Path("runs").open("a+") as runs:
            runs.write("x")
            runs.seek(0)
            if 2 <= len(runs.read()) <= 5:
                raise ConnectionError("nobody is there")


if __name__ == "__main__":
    with FibonacciScheduler(queue, 0.1, limit=0.6, name="fetch") as schedule:
        schedule << Fetch()
"""


@pytest.fixture(scope="module")
def environment(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with core, the schedulers and the example."""
    folder = tmp_path_factory.mktemp("schedulers")
    made = Environment.made(folder / "environment")
    made.install(wheels[CORE.name], wheels[SCHEDULERS], build_wheel(EXAMPLE, folder))
    return made


def test_a_strategy_of_ones_own_takes_less_than_forty_lines() -> None:
    sources = list((EXAMPLE / "src").rglob("*.py"))

    assert sum(len(source.read_text(encoding="utf-8").splitlines()) for source in sources) < 40


def test_every_strategy_is_listed_with_where_it_comes_from(environment: Environment) -> None:
    plugins = json.loads(environment.skunq("plugins", "--json"))["plugins"]

    found = {
        plugin["name"]: (plugin["distribution"], plugin["version"], plugin["problem"])
        for plugin in plugins
        if plugin["group"] == "skunkqueue.strategies"
    }
    ours = dict.fromkeys(["aimd", "rto", "slow_start", "time"], (SCHEDULERS, "0.1.0", None))
    assert found == {**ours, "fibonacci": ("skunkqueue-fibonacci", "0.1.0", None)}


def test_a_strategy_of_ones_own_runs_from_its_wheel(environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "jobs.py").write_text(JOBS, encoding="utf-8")

    history = runs_of("fetch", 8, environment, tmp_path)

    assert [one.verdict for one in history] == ["complete", *["error"] * 4, *["complete"] * 3]
    intervals = [0.1, 0.2, 0.3, 0.5, 0.6, 0.1, 0.1, 0.1]
    assert [one.interval for one in history] == pytest.approx(intervals)
    for one, following in itertools.pairwise(history):
        assert one.interval is not None
        # A store may round a due time by a little.
        assert following.began - (one.began + one.took) > one.interval - 0.005


def runs_of(schedule: str, number: int, environment: Environment, folder: Path) -> list[Run]:
    """Declare what ``jobs.py`` in this folder does, let a worker run it so many times, and read what came of it."""
    url = f"sqlite:///{folder}/demo.db"
    surroundings = {
        **{
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SKUNKQUEUE"))
        },
        "SKUNKQUEUE_URL": url,
    }
    subprocess.run([environment.python, "jobs.py"], cwd=folder, env=surroundings, check=True)
    backend = open_backend(resolve(conn_url=url), clock=SYSTEM_CLOCK)
    skunq = environment.folder / "bin" / "skunq"
    pool = subprocess.Popen([skunq, "work", "-q", "demo"], cwd=folder, env=surroundings)
    try:
        eventually(
            lambda: len(backend.history("demo", schedule)) >= number, PATIENCE, what=f"{number} runs of it"
        )
    finally:
        pool.send_signal(signal.SIGTERM)
        assert pool.wait(PATIENCE) == 0
        history = backend.history("demo", schedule)[:number]
        backend.close()
    return history


def test_without_the_schedulers_core_is_whole_and_says_how_to_have_them(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    environment = Environment.made(tmp_path / "environment")
    environment.install(wheels[CORE.name], wheels[SCHEDULERS])
    environment.uninstall(SCHEDULERS)

    (tmp_path / "jobs.py").write_text(DECLARE, encoding="utf-8")

    said = run(str(environment.python), "jobs.py", cwd=tmp_path)

    assert said.startswith("PluginError no strategy 'time' is installed")
    assert "pip install 'skunkqueue[schedulers]'" in said
    assert "No module named 'skunkqueue.scheduler'" in environment.evaluate(
        "import skunkqueue.schedule, skunkqueue.cli\ntry:\n    import skunkqueue.scheduler\n"
        "except ModuleNotFoundError as error:\n    print(error)"
    )
