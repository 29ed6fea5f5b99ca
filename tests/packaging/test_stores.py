"""The distributions beside core, together, whichever way each is installed: the stores and the schedulers."""

from __future__ import annotations

from pathlib import Path

from tests.packaging.environments import CORE, ROOT, Environment

STORES = {"skunkqueue-fdb": "fdb", "skunkqueue-mongo": "mongodb", "skunkqueue-redis": "redis"}
OTHERS = [*STORES, "skunkqueue-schedulers"]
IMPORTS = """
from importlib.metadata import entry_points
import skunkqueue.persistence.sqlite
from skunkqueue import SkunkQueue
from skunkqueue.persistence.fdb import default_cfg as fdb
from skunkqueue.persistence.mongodb import default_cfg as mongodb
from skunkqueue.persistence.redis import default_cfg as redis
from skunkqueue.scheduler import TimeScheduler
for cfg in (fdb, mongodb, redis):
    queue = SkunkQueue("demo", **cfg)
    (point,) = entry_points(group="skunkqueue.backends", name=cfg["backend"])
    print(point.load().name)
print(*sorted(point.name for point in entry_points(group="skunkqueue.strategies") if point.load()))
"""


def check_all(folder: Path, installed: list[str | Path]) -> None:
    """Fail where one of them cannot be used, with all installed so."""
    environment = Environment.made(folder / "environment")
    environment.install(*installed)

    assert environment.evaluate(IMPORTS).splitlines() == [*STORES.values(), "aimd rto slow_start time"]


def as_wheels(wheels: dict[str, Path], *names: str) -> list[str | Path]:
    return [wheels[name] for name in names]


def as_written(*names: str) -> list[str | Path]:
    """Install these editable."""
    return [argument for name in names for argument in ("-e", ROOT / name)]


def test_all_can_be_had_beside_one_another(wheels: dict[str, Path], tmp_path: Path) -> None:
    check_all(tmp_path, as_wheels(wheels, CORE.name, *OTHERS))


def test_all_can_be_written_beside_one_another(tmp_path: Path) -> None:
    check_all(tmp_path, as_written(CORE.name, *OTHERS))


def test_core_has_an_extra_for_each(installed: Environment) -> None:
    code = """
from importlib.metadata import metadata
print(sorted(line for line in metadata("skunkqueue").get_all("Requires-Dist") if "skunkqueue-" in line))
"""

    said = installed.evaluate(code)

    for name in OTHERS:
        assert f"{name}~=" in said
        assert f"extra == '{name.removeprefix('skunkqueue-')}'" in said
