"""The distributions beside core, together, whichever way each is installed: the stores and the schedulers."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.packaging.environments import CORE, ROOT, Environment

STORES = {"skunkqueue-mongo": "mongodb", "skunkqueue-redis": "redis"}
OTHERS = [*STORES, "skunkqueue-schedulers"]
IMPORTS = """
from importlib.metadata import entry_points
import skunkqueue.persistence.sqlite
from skunkqueue import SkunkQueue
from skunkqueue.persistence.mongodb import default_cfg as mongodb
from skunkqueue.persistence.redis import default_cfg as redis
from skunkqueue.scheduler import TimeScheduler
for cfg in (mongodb, redis):
    queue = SkunkQueue("demo", **cfg)
    (point,) = entry_points(group="skunkqueue.backends", name=cfg["backend"])
    print(point.load().name)
print(*sorted(point.name for point in entry_points(group="skunkqueue.strategies") if point.load()))
"""


@pytest.mark.parametrize(("core_as", "others_as"), list(itertools.product(["wheel", "editable"], repeat=2)))
def test_all_can_be_had_beside_one_another(
    wheels: dict[str, Path], tmp_path: Path, core_as: str, others_as: str
) -> None:
    environment = Environment(tmp_path / "environment")
    environment.install(
        *((wheels[CORE.name],) if core_as == "wheel" else ("-e", CORE)),
        *(
            argument
            for name in OTHERS
            for argument in ((wheels[name],) if others_as == "wheel" else ("-e", ROOT / name))
        ),
    )

    assert environment.evaluate(IMPORTS).splitlines() == [*STORES.values(), "aimd rto slow_start time"]


@pytest.mark.parametrize("name", STORES)
def test_removing_a_store_leaves_the_other_and_core(
    wheels: dict[str, Path], tmp_path: Path, name: str
) -> None:
    environment = Environment(tmp_path / "environment")
    environment.install(wheels[CORE.name], *(wheels[store] for store in STORES))
    environment.uninstall(name)
    (left,) = set(STORES) - {name}

    code = f"import skunkqueue.persistence.sqlite, skunkqueue.persistence.{STORES[left]}; print('whole')"
    assert environment.evaluate(code) == "whole"


def test_core_has_an_extra_for_each(installed: Environment) -> None:
    code = """
from importlib.metadata import metadata
print(sorted(line for line in metadata("skunkqueue").get_all("Requires-Dist") if "skunkqueue-" in line))
"""

    said = installed.evaluate(code)

    for name in OTHERS:
        assert f"{name}~=" in said
        assert f"extra == '{name.removeprefix('skunkqueue-')}'" in said
