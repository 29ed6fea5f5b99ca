"""The stores that come as distributions of their own, beside core, whichever way each is installed."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from tests.packaging.environments import CORE, ROOT, Environment

STORES = {"skunkqueue-mongo": "mongodb", "skunkqueue-redis": "redis"}
IMPORTS = """
from importlib.metadata import entry_points
import skunkqueue.persistence.sqlite
from skunkqueue import SkunkQueue
from skunkqueue.persistence.mongodb import default_cfg as mongodb
from skunkqueue.persistence.redis import default_cfg as redis
for cfg in (mongodb, redis):
    queue = SkunkQueue("demo", **cfg)
    (point,) = entry_points(group="skunkqueue.backends", name=cfg["backend"])
    print(point.load().name)
"""


@pytest.mark.parametrize(("core_as", "stores_as"), list(itertools.product(["wheel", "editable"], repeat=2)))
def test_the_stores_can_be_had_beside_one_another(
    wheels: dict[str, Path], tmp_path: Path, core_as: str, stores_as: str
) -> None:
    environment = Environment(tmp_path / "environment")
    environment.install(*((wheels[CORE.name],) if core_as == "wheel" else ("-e", CORE)))
    for name in STORES:
        environment.install(*((wheels[name],) if stores_as == "wheel" else ("-e", ROOT / name)))

    assert environment.evaluate(IMPORTS).splitlines() == list(STORES.values())


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


def test_core_has_an_extra_for_each(core_wheel: Path, tmp_path: Path) -> None:
    environment = Environment(tmp_path / "environment")
    environment.install(core_wheel)
    code = """
from importlib.metadata import metadata
print(sorted(line for line in metadata("skunkqueue").get_all("Requires-Dist") if "skunkqueue-" in line))
"""

    said = environment.evaluate(code)

    for name in STORES:
        assert f"{name}~=" in said
        assert f"extra == '{name.removeprefix('skunkqueue-')}'" in said
