"""``skunq plugins``: everything installed, and what is wrong with the broken ones."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from skunkqueue.plugins import BACKENDS, COMMANDS, GROUPS, HOOKS, STRATEGIES, registry
from tests.core.cli.program import Skunq
from tests.core.plugins.distributions import STRATEGY, install


@pytest.fixture
def skunq() -> Skunq:
    """Run commands; no plugin is loaded before."""
    return Skunq()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in [name for name in list(sys.modules) if name.startswith("acme_")]:
        # One that hung may have taken itself away in between.
        sys.modules.pop(name, None)


HANGING = """
from acme_barrier import GATE
GATE.wait()
"""


@pytest.fixture
def gate(site: Path) -> Iterator[None]:
    """Let modules made of ``HANGING`` hang until the test is over."""
    (site / "acme_barrier.py").write_text("import threading\nGATE = threading.Event()\n")
    module = importlib.import_module("acme_barrier")
    yield
    module.GATE.set()


@pytest.mark.usefixtures("gate")
@pytest.mark.parametrize("group", [BACKENDS, HOOKS])
def test_a_plugin_that_hangs_while_it_is_loaded_is_listed_as_broken(
    site: Path, skunq: Skunq, monkeypatch: pytest.MonkeyPatch, group: str
) -> None:
    # All others are imported before, so that they take no time.
    for each in GROUPS:
        for entry in entry_points(group=each):
            entry.load()
    monkeypatch.setattr(registry, "LOAD_LIMIT", 2.0)
    # Of its own for each group: one that hung is still being imported for a moment after its test.
    module = f"acme_slow_{group.rpartition('.')[2]}"
    install(site, "acme-slow", group, {"slow": f"{module}:x"}, **{module: HANGING})

    listed = skunq.json("plugins", expect=1)["plugins"]

    (found,) = [each for each in listed if each["name"] == "slow"]
    assert f"({module}:x, from acme-slow 1.0) is still being loaded after 2 s" in found["problem"]


def test_a_plugin_that_can_be_imported_in_the_main_thread_only_is_fine(site: Path, skunq: Skunq) -> None:
    source = f"import signal\nsignal.signal(signal.SIGUSR2, signal.SIG_DFL){STRATEGY}"
    install(site, "acme-main", STRATEGIES, {"main": "acme_main:X"}, acme_main=source)

    listed = skunq.json("plugins")["plugins"]

    assert [each["problem"] for each in listed if each["name"] == "main"] == [None]


def test_our_own_parts_are_listed_with_distribution_and_version(skunq: Skunq) -> None:
    found = {(each["group"], each["name"]): each for each in skunq.json("plugins")["plugins"]}

    sqlite = found[BACKENDS, "sqlite"]
    assert (sqlite["distribution"], sqlite["problem"]) == ("skunkqueue", None)
    assert sqlite["version"]
    assert (COMMANDS, "plugins") in found


@pytest.mark.parametrize(
    ("group", "source", "reason"),
    [
        (BACKENDS, "raise RuntimeError('no steam')", "no steam"),
        (BACKENDS, "class x: pass", "not a subclass"),
        (
            BACKENDS,
            "from skunkqueue.persistence import Backend\nclass x(Backend): pass",
            "verbs: arm, beat",
        ),
        (COMMANDS, "def x(): pass", "not a click command"),
        (
            HOOKS,
            "from skunkqueue.plugins import hookimpl\nclass L:\n @hookimpl\n def skunkqueue_frog(self): pass\nx = L()",
            "unknown hook 'skunkqueue_frog'",
        ),
    ],
)
def test_a_broken_plugin_stands_there_with_the_reason(
    site: Path, skunq: Skunq, group: str, source: str, reason: str
) -> None:
    install(site, "acme-broken", group, {"broken": "acme_broken:x"}, version="0.9", acme_broken=source)

    told = skunq("plugins", expect=1)

    (line,) = [line for line in told.splitlines() if " broken " in line]
    assert reason in line
    assert line.split()[:5] == [group, "broken", "broken", "acme-broken", "0.9"]
    assert "sqlite" in told


def test_a_broken_plugin_is_exit_code_1_and_its_problem_is_in_the_json(site: Path, skunq: Skunq) -> None:
    install(site, "acme-broken", BACKENDS, {"broken": "acme_broken:x"}, acme_broken="import no_such_thing")

    problems = {each["name"]: each["problem"] for each in skunq.json("plugins", expect=1)["plugins"]}

    assert "No module named 'no_such_thing'" in problems["broken"]
    assert problems["sqlite"] is None


def test_a_claim_on_a_name_of_cores_is_a_problem_and_core_goes_on(site: Path, skunq: Skunq) -> None:
    install(site, "acme-grab", COMMANDS, {"queues": "acme_grab:x"}, acme_grab="x = 1")

    told = skunq("plugins", expect=1)

    (line,) = [line for line in told.splitlines() if " broken " in line]
    assert "acme-grab 1.0 claims its name" in line
    assert "Show" in skunq("queues", "--help")
