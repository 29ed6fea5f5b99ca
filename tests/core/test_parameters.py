"""What a function can be called with, and what is said of arguments that do not fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skunkqueue.parameters import Parameters


def plain(first: int, second: int) -> None: ...
def default(first: int, second: int = 2) -> None: ...
def by_position(first: int, second: int = 2, /, third: int = 3) -> None: ...
def by_name(first: int, *, second: int, third: int = 3) -> None: ...
def anything(*args: int, **kwargs: int) -> None: ...
def many(first: int, *rest: int, second: int = 2) -> None: ...
def position_and_name(first: int, /, **first_and_others: int) -> None: ...
def nothing() -> None: ...
def with_locals(first: int) -> int:
    second = third = first
    return second + third


FUNCTIONS: list[Callable[..., Any]] = [
    plain, default, by_position, by_name, anything, many, position_and_name, nothing, with_locals
]  # fmt: skip


def parameters(function: Callable[..., Any], *, bound: bool = False) -> Parameters:
    assert isinstance(function, FunctionType)
    return Parameters(function, bound=bound)


@given(
    function=st.sampled_from(FUNCTIONS),
    args=st.lists(st.integers(), max_size=4),
    kwargs=st.dictionaries(st.sampled_from(["first", "second", "third", "rest", "other"]), st.integers()),
)
def test_what_fits_is_what_python_takes(
    function: Callable[..., Any], args: list[int], kwargs: dict[str, int]
) -> None:
    known = parameters(function)
    try:
        function(*args, **kwargs)
    except TypeError:
        taken = False
    else:
        taken = True

    assert known.fit(args, kwargs) == taken
    assert (known.problems(args, kwargs) == []) == taken


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "problems"),
    [
        (plain, (1,), {}, ["'second' is missing"]),
        (
            plain,
            (),
            {"third": 3},
            ["'third' is not taken by name", "'first' is missing", "'second' is missing"],
        ),
        (plain, (1, 2, 3), {}, ["3 are given by position and at most 2 are taken"]),
        (plain, (1,), {"first": 1, "second": 2}, ["'first' is given twice"]),
        (by_name, (1,), {}, ["'second' is missing"]),
        (by_position, (), {"first": 1}, ["'first' is not taken by name", "'first' is missing"]),
    ],
)
def test_each_thing_that_is_wrong_is_said(
    function: Callable[..., Any], args: tuple[int, ...], kwargs: dict[str, int], problems: list[str]
) -> None:
    assert parameters(function).problems(args, kwargs) == problems


@pytest.mark.parametrize("function", FUNCTIONS)
def test_parameters_are_written_as_they_are_declared(function: Callable[..., Any]) -> None:
    bare = [
        each.replace(
            annotation=inspect.Parameter.empty, default="…" if each.default != each.empty else each.empty
        )
        for each in inspect.signature(function).parameters.values()
    ]

    assert str(parameters(function)) == str(inspect.Signature(bare)).replace("'…'", "…")


def test_a_method_gets_its_object_by_itself() -> None:
    def work(self: object, name: str, times: int = 1) -> None: ...
    def loose(*args: object) -> None: ...
    def lone(self: object, /, name: str) -> None: ...

    assert str(parameters(work, bound=True)) == "(name, times=…)"
    assert parameters(work, bound=True).fit(("Jed",), {"times": 2})
    assert not parameters(work, bound=True).fit((), {})
    assert parameters(loose, bound=True).fit((1, 2, 3), {})
    assert parameters(lone, bound=True).fit((), {"name": "Jed"})
