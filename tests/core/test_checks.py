"""What cannot be a job, or would not be found by a worker, is refused early and with the way out."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os.path
import runpy
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any
from unittest import mock

import pytest

from skunkqueue import JobMixin, SkunkQueue
from skunkqueue.checks import check_alone
from skunkqueue.errors import ArgumentsError, DuplicateJobError, NotAJobError
from tests.support import waiting

queue = SkunkQueue("jobs", conn_url="sqlite:////nonexistent/never-opened.db")
HEAD = """
from skunkqueue import JobMixin, SkunkQueue

queue = SkunkQueue("jobs", conn_url="sqlite:////nonexistent/never-opened.db")

"""


def add(first: int, second: int) -> int:
    return first + second


class Shop:
    def close(self) -> None: ...
    @classmethod
    def open(cls) -> None: ...
    def __call__(self) -> None: ...

    def sell(self, count: int) -> int:
        return count

    @queue.job
    @staticmethod
    def lend(count: int) -> int:
        return count

    @staticmethod
    @queue.job
    def give(count: int) -> int:
        return count


class Greet(JobMixin):
    def work(self, name: str, *, loud: bool = False) -> str:
        return name.upper() if loud else name


class Loose(JobMixin):
    @staticmethod
    def work(name: str) -> str:
        return name


class Proxy:
    """A function's stand-in that says it is a function, as wrapt makes them, and gives it one argument more."""

    def __init__(self, function: Any) -> None:
        self._function = function

    __class__: Any = property(lambda _: FunctionType)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __call__(self, *args: Any) -> Any:
        return self._function("Jed", *args)


class Proxied(JobMixin):
    work = Proxy(Loose.work)


def generator() -> Iterator[int]:
    yield 1


async def async_generator() -> AsyncIterator[int]:
    yield 1


@queue.job
def greet(name: str, *, loud: bool = False) -> str:
    return name.upper() if loud else name


def passed_on(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function("Jed", *args, **kwargs)

    return wrapper


@queue.job
@passed_on
def injected(who: str, name: str) -> str:
    return who + name


@queue.job
@Proxy
def proxied(name: str) -> str:
    return name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for modules that a test writes and imports."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def load(folder: Path, name: str, text: str) -> ModuleType:
    """Write a module and import it."""
    (folder / f"{name}.py").write_text(HEAD + text, encoding="utf-8")
    importlib.invalidate_caches()
    return importlib.import_module(name)


ADD = "@queue.job\ndef add(first, second):\n    return first + second\n"


@pytest.mark.parametrize(
    ("thing", "way_out"),
    [
        (lambda: 1, "write it with `def`"),
        (functools.partial(add, 1), "write a function that calls it"),
        (Shop(), "write a function that calls it, or a class that inherits JobMixin"),
        (Shop().close, "write a function, or a class that inherits JobMixin, whose attributes travel"),
        (Shop.open, "does not have the object it belongs to"),
        (vars(Shop)["open"], "make it a staticmethod"),
        (
            vars(Shop)["sell"],
            r"Shop\.sell is a method, .* no 'self' .*: make it a staticmethod .* outside of Shop, .* JobMixin",
        ),
        (vars(Shop)["open"].__func__, r"Shop\.open is a method, .* no 'cls'"),
        (passed_on, "put @queue.job where passed_on is defined"),
        (generator, "return a list in the place of `yield`"),
        (async_generator, "return a list in the place of `yield`"),
        (os.path.join, "put @queue.job where join is defined"),
        (len, "put @queue.job where len is defined"),
        ([].append, "does not have the object it belongs to"),
        (waiting.eventually, "write a function of your own that calls it"),
        (3, "makes jobs of functions"),
    ],
)
def test_what_cannot_be_a_job_is_refused_with_the_way_out(thing: Any, way_out: str) -> None:
    with pytest.raises(NotAJobError, match=way_out):
        queue.job(thing)


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (os.path.join, r"would find posixpath\.join under the name posixpath:join"),
        (len, r"would find builtins\.len under"),
        (Shop.open, rf"^{__name__}\.Shop\.open cannot be a job"),
        (vars(Shop)["open"], rf"^{__name__}\.Shop\.open cannot be a job"),
        ([].append, r"^list\.append cannot be a job"),
        (lambda: 1, rf"unlike {__name__}\.<lambda>: write"),
    ],
)
def test_an_error_about_a_function_names_it_by_its_module_and_not_by_its_address(
    thing: Any, name: str
) -> None:
    with pytest.raises(NotAJobError, match=name):
        queue.job(thing)


def test_a_function_in_a_function_is_told_where_to_go() -> None:
    def inner() -> None: ...

    with pytest.raises(NotAJobError, match=r"move it out of test_a_function_in_a_function.*functools\.wraps"):
        queue.job(inner)


def test_a_class_whose_work_is_a_generator_is_refused_as_it_is_written() -> None:
    with pytest.raises(NotAJobError, match=r"work is a generator function.* return a list"):

        class Counting(JobMixin):
            def work(self) -> Iterator[int]:
                yield 1


@pytest.mark.parametrize(
    ("args", "kwargs", "told"),
    [
        (
            (),
            {},
            r"greet cannot be called with these arguments: 'name' is missing\. It takes \(name, \*, loud=…\)",
        ),
        (("Jed", 2), {}, "2 are given by position and at most 1 are taken"),
        (("Jed",), {"quiet": True}, "'quiet' is not taken by name"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_when_fired(
    args: tuple[Any, ...], kwargs: dict[str, Any], told: str
) -> None:
    for call in (greet(*args, **kwargs), greet.options(retries=1)(*args, **kwargs), Greet()(*args, **kwargs)):
        with pytest.raises(ArgumentsError, match=told.replace("greet", "[gG]reet")) as caught:
            call.steps()
        assert isinstance(caught.value, TypeError)


def test_each_call_of_a_chain_is_checked() -> None:
    with pytest.raises(ArgumentsError, match="'name' is missing"):
        (greet("Jed") & Greet() & greet("Ian")).steps()


def test_what_a_decorator_takes_counts_and_not_what_it_wraps() -> None:
    assert len(injected("Ian").steps()) == 1


def test_what_a_proxy_of_a_function_takes_is_its_own_business() -> None:
    assert len(proxied().steps()) == 1
    assert len(Proxied()().steps()) == 1


def test_a_work_without_self_gets_no_object() -> None:
    assert len(Loose()("Jed").steps()) == 1
    with pytest.raises(ArgumentsError, match=r"It takes \(name\)"):
        Loose()().steps()  # type: ignore[call-arg]  # as a type checker says


def test_static_method_is_a_job() -> None:
    assert len(Shop.lend(3).steps()) == 1
    assert len(Shop.give(3).steps()) == 1


def test_an_imported_function_is_refused_when_declared(folder: Path) -> None:
    load(folder, "sums", "def add(first, second):\n    return first + second\n")
    with pytest.raises(
        NotAJobError, match=r"under the name sums:add, which is not a job.* where add is defined"
    ):
        load(folder, "importing", "from sums import add\nadd = queue.job(add)\n")


def test_a_job_under_another_name_than_its_functions_is_refused_when_fired(folder: Path) -> None:
    module = load(folder, "renamed", "def add(first, second): ...\nadd_job = queue.job(add)\n")
    with pytest.raises(NotAJobError, match="under the name renamed:add, which is not a job"):
        module.add_job(1, 2).steps()


def test_a_job_whose_name_is_gone_is_refused_when_fired(folder: Path) -> None:
    module = load(folder, "gone", f"{ADD}plus = add\ndel add\n")
    with pytest.raises(
        NotAJobError, match=r"module 'gone' has no 'add'.* keep it under the name of its function"
    ):
        module.plus(1, 2).steps()


def test_a_job_fires_while_a_test_has_a_mock_in_its_place(folder: Path) -> None:
    module = load(folder, "spied", ADD)
    with mock.patch.object(module, "add", wraps=module.add) as spy:
        assert len(module.add(1, 2).steps()) == 1
    spy.assert_called_once_with(1, 2)

    # It was not taken for found meanwhile.
    plus = module.add
    del module.add
    with pytest.raises(NotAJobError, match="has no 'add'"):
        plus(1, 2).steps()


def test_a_job_is_looked_up_again_where_its_module_was_not_whole(folder: Path) -> None:
    text = "def add(first, second): ...\njob = queue.job(add)\nearly = job(1, 2).steps()\n"
    module = load(folder, "early", text)
    with pytest.raises(NotAJobError, match="under the name early:add"):
        module.job(1, 2).steps()
    module = load(folder, "bound", f"{text}add = job\n")
    assert len(module.add(1, 2).steps()) == 1


def test_a_function_may_be_made_a_job_under_its_own_name(folder: Path) -> None:
    text = "def add(first, second): ...\nadd = queue.job(add)\n"
    assert len(load(folder, "assigned", text).add(1, 2).steps()) == 1

    # Some loaders, as pytest's importlib mode, do not mark a module as being imported.
    spec = importlib.util.spec_from_file_location("loaded", folder / "assigned.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["loaded"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert len(module.add(1, 2).steps()) == 1


def test_what_was_run_from_no_module_is_fired(folder: Path) -> None:
    (folder / "alone.py").write_text(HEAD + ADD, encoding="utf-8")
    names = runpy.run_path(str(folder / "alone.py"), run_name="nowhere")

    assert len(names["add"](1, 2).steps()) == 1


@pytest.mark.parametrize("second", [ADD, f"other = SkunkQueue('b')\n{ADD.replace('queue', 'other', 1)}"])
def test_two_jobs_of_one_name_are_refused_where_the_second_is_declared(folder: Path, second: str) -> None:
    with pytest.raises(DuplicateJobError, match=r"twice:add is declared twice, in line 6 and in line \d+"):
        load(folder, "twice", ADD + second)


def test_two_classes_of_one_name_are_refused_where_the_second_is_written(folder: Path) -> None:
    kind = "class Greet(JobMixin):\n    def work(self): ...\n"
    with pytest.raises(DuplicateJobError, match=r"two:Greet is declared twice, in line 7 and in line 9"):
        load(folder, "two", kind * 2)


def test_a_class_that_a_decorator_makes_anew_is_no_second_one(folder: Path) -> None:
    text = (
        "def anew(kind):\n    return type(kind.__name__, kind.__bases__, dict(vars(kind)))\n"
        "@queue.job\n@anew\nclass Greet(JobMixin):\n    def work(self): ...\n"
    )
    assert len(load(folder, "anew", text).Greet()().steps()) == 1


def test_a_module_may_be_loaded_again(folder: Path) -> None:
    kind = "class Greet(JobMixin):\n    def work(self): ...\n"
    module = load(folder, "again", ADD + kind)
    old = module.add
    for text in (ADD + kind, f"\n\n{kind}{ADD}"):
        (folder / "again.py").write_text(HEAD + text, encoding="utf-8")
        importlib.reload(module)

        assert len(module.add(1, 2).steps()) == 1
    # What another module has kept of the old one still leads to a job.
    assert len(old(1, 2).steps()) == 1
    del sys.modules["again"]
    assert importlib.import_module("again") is not module


def test_a_module_may_be_run_and_imported(folder: Path) -> None:
    load(folder, "script", ADD)
    runpy.run_path(str(folder / "script.py"), run_name="__main__")
    runpy.run_path(str(folder / "script.py"), run_name="__main__")


@pytest.mark.parametrize("module", ["__main__", "__console__"])
def test_a_prompt_may_declare_everything_again(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    def again(value: int) -> Any:
        def typed() -> int:
            return value

        typed.__qualname__, typed.__module__ = "typed", module
        return typed

    first, second = again(1), again(2)
    check_alone("demo:typed", first, first)
    with pytest.raises(DuplicateJobError):
        check_alone("demo:typed", second, second)
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    check_alone("demo:typed", second, second)


def test_one_function_may_be_declared_on_many_queues() -> None:
    for _ in range(3):
        check_alone("a:add", add, add)
        wrapped = passed_on(add)
        check_alone("a:add", wrapped, wrapped)
