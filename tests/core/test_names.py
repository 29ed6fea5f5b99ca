"""Names of queues, routes, jobs and keys."""

from __future__ import annotations

import pytest

from skunkqueue.errors import NameInvalidError
from skunkqueue.names import MAX_NAME_BYTES, check_name


@pytest.mark.parametrize(
    "name", ["a", "with space", "grün/路由", "a" * MAX_NAME_BYTES, 'it\'s "quoted"; --', "🦨"]
)
def test_ordinary_names_are_returned_unchanged(name: str) -> None:
    assert check_name("queue", name) == name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "empty"),
        ("a" * (MAX_NAME_BYTES + 1), "201 bytes"),
        ("ü" * 101, "202 bytes"),
        ("a\nb", r"'\\n'"),
        ("a\x00", r"'\\x00'"),
        ("a\u202eb", r"'\\u202e'"),
        ("a\u2028b", r"'\\u2028'"),
        ("\ud800", "UTF-8"),
        (3, "int"),
        (None, "NoneType"),
    ],
)
def test_a_bad_name_is_refused_with_the_reason(name: object, told: str) -> None:
    with pytest.raises(NameInvalidError, match=told):
        check_name("queue", name)


def test_the_error_names_what_the_name_was_for() -> None:
    with pytest.raises(NameInvalidError, match="a route name is empty"):
        check_name("route", "")
    with pytest.raises(NameInvalidError, match="an idempotency key name is empty"):
        check_name("idempotency key", "")
