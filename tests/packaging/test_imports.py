"""What an import of ours brings along: producers and workers start fast only if that stays little."""

from __future__ import annotations

from functools import cache

import pytest

from tests.packaging.environments import CORE, Environment

HEAVY = ["asyncio", "click", "hypothesis", "multiprocessing", "platformdirs", "pytest", "rich", "sqlite3"]


@cache
def loaded_by(environment: Environment, statement: str) -> set[str]:
    printed = environment.evaluate(f"{statement}\nimport sys\nprint(*sys.modules)")
    return {name.partition(".")[0] for name in printed.split()}


@pytest.mark.parametrize("name", HEAVY)
def test_importing_all_public_names_leaves_out(installed: Environment, name: str) -> None:
    """A store is imported when it is opened, the rest when somebody types a command."""
    assert name not in loaded_by(installed, "from skunkqueue import *")


@pytest.mark.parametrize("name", ["hypothesis", "pytest", "rich", "click"])
def test_a_worker_leaves_out(installed: Environment, name: str) -> None:
    statement = (
        "import skunkqueue.worker.worker, skunkqueue.worker.run.executor, skunkqueue.persistence.sqlite"
    )

    assert name not in loaded_by(installed, statement)


@pytest.mark.parametrize("name", ["hypothesis", "pytest", "rich", "sqlite3"])
def test_the_command_line_leaves_out_until_needed(installed: Environment, name: str) -> None:
    assert name not in loaded_by(installed, "import skunkqueue.cli")


def test_nothing_in_core_imports_the_contract_kit() -> None:
    sources = [
        path
        for path in (CORE / "src").rglob("*.py")
        if "contract" not in path.relative_to(CORE / "src" / "skunkqueue").parts
    ]

    guilty = [
        path.name for path in sources if "import skunkqueue.contract" in path.read_text(encoding="utf-8")
    ]
    guilty += [
        path.name for path in sources if "from skunkqueue.contract" in path.read_text(encoding="utf-8")
    ]

    assert guilty == []
