"""What is wrong with a request of the API, in words: the field, its value where it is short, and what to give instead."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import inspect

_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>\$.*)`)?$", re.DOTALL)
_BOUND = re.compile(r"Expected `(?:int|float)` (?P<sign>[<>]=?) (?P<bound>\S+)")
_LENGTH = re.compile(r"Expected `(?P<kind>\w+)` of length (?P<sign>[<>]=?) (?P<bound>\d+)")
_KIND = re.compile(r"Expected `(?P<wanted>[^`]+)`, got `(?P<got>[^`]+)`")
_ENUM = re.compile(r"Invalid enum value (?P<value>.*)", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[\]]+)|\[(?P<number>[^\]]*)\]")
_LEAST_MOST = {"<": "less than", "<=": "at most", ">": "more than", ">=": "at least"}
_KINDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
    "datetime": "a moment with a time zone, such as 2026-11-28T12:00:00Z",
}


def in_words(error: Exception, kind: type[msgspec.Struct], where: str) -> str:
    """Say what is wrong; ``kind``: what was expected, ``where``: ``the body`` or ``the address``."""
    if not isinstance(error, msgspec.ValidationError):
        return f"{where} is not JSON: {error}"
    found = _AT.fullmatch(str(error))
    what, path = (found["what"], found["path"] or "$") if found else (str(error), "$")
    named = path.removeprefix("$").removeprefix(".") or where
    of = _type_at(inspect.type_info(kind), path)
    for form, say in _FORMS:
        if found := form.fullmatch(what):
            return f"{named} {say(found, of)}"
    return f"{named}: {what}"


def _bound(found: re.Match[str], _: Any) -> str:
    return f"must be {_LEAST_MOST[found['sign']]} {found['bound']}"


def _length(found: re.Match[str], _: Any) -> str:
    unit = "characters" if found["kind"] == "str" else "entries"
    return f"must have {_LEAST_MOST[found['sign']]} {found['bound']} {unit}"


def _kind(found: re.Match[str], _: Any) -> str:
    return f"must be {_kinds(found['wanted'])}, not {_kinds(found['got'])}"


def _choice(found: re.Match[str], of: Any) -> str:
    return f"must be one of {', '.join(_choices(of)) or 'its choices'}, not {found['value'][:60]}"


def _unknown(found: re.Match[str], of: Any) -> str:
    return f"has no field {found['name'][:60]!r}: its fields are {', '.join(_fields(of))}"


def _missing(found: re.Match[str], _: Any) -> str:
    return f"needs the field {found['name']!r}"


def _kinds(names: str) -> str:
    return " or ".join(_KINDS.get(name.strip(), name.strip()) for name in names.split("|"))


def _plain(of: Any) -> Any:
    """Return the type itself, without notes, and without what stands for nothing."""
    while isinstance(of, inspect.Metadata):
        of = of.type
    if isinstance(of, inspect.UnionType):
        return next((_plain(one) for one in of.types if not isinstance(one, inspect.NoneType)), of)
    return of


def _type_at(of: Any, path: str) -> Any:
    """Follow a path such as ``$.filter.state[0]`` through types; ``None``: it leads nowhere."""
    of = _plain(of)
    for step in _STEP.finditer(path):
        if step["number"] is not None:
            of = _plain(getattr(of, "item_type", None))
        else:
            fields = getattr(of, "fields", ())
            of = _plain(next((one.type for one in fields if one.encode_name == step["name"]), None))
    return of


def _choices(of: Any) -> list[str]:
    if isinstance(of, inspect.EnumType):
        return [str(one.value) for one in of.cls]
    return [str(one) for one in of.values] if isinstance(of, inspect.LiteralType) else []


def _fields(of: Any) -> list[str]:
    return [one.encode_name for one in getattr(of, "fields", ())]


_FORMS = (
    (_BOUND, _bound),
    (_LENGTH, _length),
    (_KIND, _kind),
    (_ENUM, _choice),
    (_UNKNOWN, _unknown),
    (_MISSING, _missing),
)
"""What msgspec says, and how that is said here."""
