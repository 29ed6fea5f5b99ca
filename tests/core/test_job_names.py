"""Names of jobs that are not their places: given by users, and kept from before."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from skunkqueue import JobMixin, SkunkQueue
from skunkqueue.errors import DuplicateJobError, NameInvalidError, PolicyError
from skunkqueue.job_names import find_named
from skunkqueue.listings import Query

queue = SkunkQueue("names", conn_url="sqlite:///:memory:")


@queue.job(name="names.charge", aliases=["billing:charge", "charge"])
def charge() -> int:
    return 42


@queue.job(name="names.report")
class Report(JobMixin):
    """Named as a class."""

    def work(self) -> int:
        return 42


class Monthly(Report):
    """Not named as its parent."""


def fired(tmp_path: Path, job: object) -> str:
    with SkunkQueue("names", conn_url=f"sqlite:///{tmp_path}/jobs.db") as own:
        own.fire_call(job)  # type: ignore[call-overload]  # a job of any kind
        (row,) = own.backend.rows(Query(), 2).rows
        return row.job


def test_a_firing_is_stored_under_the_name_that_its_job_was_given(tmp_path: Path) -> None:
    assert charge.name == "names.charge"
    assert fired(tmp_path, charge()) == "names.charge"


def test_a_class_is_stored_under_its_own_name_and_a_subclass_under_its_place(tmp_path: Path) -> None:
    assert fired(tmp_path, Report()) == "names.report"
    (tmp_path / "other").mkdir()
    assert fired(tmp_path / "other", Monthly()) == f"{__name__}:Monthly"


@pytest.mark.parametrize("name", ["names.charge", "billing:charge", "charge"])
def test_a_job_is_found_by_its_name_and_by_earlier_ones(name: str) -> None:
    assert find_named(name) is charge


OLD = "@queue.job\ndef old(): ...\n"
NEW = "@queue.job(aliases=['{module}:old'])\ndef new(): ...\n"
NAMED = "@queue.job(name='{module}')\ndef {job}(): ...\n"


def load(folder: Path, *parts: str) -> ModuleType:
    """Load a module of the test's own, or load it again, with other parts."""
    module = f"names_{folder.name}"
    text = "from skunkqueue import SkunkQueue\nqueue = SkunkQueue('names')\n" + "".join(parts)
    (folder / f"{module}.py").write_text(text.replace("{module}", module))
    # Two texts of one length, written within a second, have the same bytecode for Python.
    sys.modules.pop(module, None)
    importlib.invalidate_caches()
    return importlib.import_module(module)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which modules are imported, as they are at that moment."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


CLASS = "from skunkqueue import JobMixin\nclass old(JobMixin):\n    def work(self): ...\n"
CHILD = "from tests.core.test_job_names import Report\nclass old(Report): ...\n"


@pytest.mark.parametrize(
    "parts", [(OLD, NEW), (NEW, OLD), (CLASS, NEW), (NEW, CLASS), (CHILD, NEW), (NEW, CHILD)]
)
def test_an_alias_at_whose_place_another_job_lies_is_refused(folder: Path, parts: tuple[str, ...]) -> None:
    with pytest.raises(DuplicateJobError, match=r"two jobs claim the name 'names_.*:old'"):
        load(folder, *parts)


def test_an_alias_may_be_the_place_of_a_class_that_is_no_job(folder: Path) -> None:
    base = "from skunkqueue import JobMixin\nclass old(JobMixin):\n    '''For classes that have a work.'''\n"

    module = load(folder, base, NEW)

    assert find_named(f"{module.__name__}:old") is module.new


def test_a_name_may_go_to_another_job_when_a_module_is_loaded_again(folder: Path) -> None:
    load(folder, OLD, NAMED.replace("{job}", "first"))

    module = load(folder, NEW, NAMED.replace("{job}", "second"))

    assert find_named(module.__name__) is module.second
    assert find_named(f"{module.__name__}:old") is module.new


def test_a_name_that_two_jobs_claim_is_refused_with_both_places() -> None:
    def other() -> None: ...

    other.__qualname__ = "other"
    match = rf"'charge': {__name__}:charge and {__name__}:other.*Take it from one"
    with pytest.raises(DuplicateJobError, match=match):
        queue.job(aliases=["elsewhere", "charge"])(other)
    assert find_named("elsewhere") is None


@pytest.mark.parametrize(
    ("rules", "error", "way_out"),
    [
        ({"name": "shop:charge"}, PolicyError, "such as 'shop.charge'"),
        ({"name": ""}, NameInvalidError, "is empty"),
        ({"name": 5}, NameInvalidError, "must be a string"),
        ({"aliases": "charge"}, PolicyError, r"write aliases=\['charge'\]"),
        ({"aliases": 5}, PolicyError, "must be a list"),
        ({"aliases": [f"a{n}" for n in range(21)]}, PolicyError, "at most 20"),
    ],
)
def test_names_that_make_no_sense_are_refused_with_the_way_out(
    rules: dict[str, object], error: type[Exception], way_out: str
) -> None:
    with pytest.raises(error, match=way_out):
        queue.job(**rules)  # type: ignore[call-overload]  # that is the point
