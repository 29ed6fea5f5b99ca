"""What a function can be called with, and what is wrong with arguments that do not fit it.

Reads plain Python functions only: what a builtin or a callable object takes cannot be seen from outside. Neither ``__wrapped__`` nor ``__signature__`` counts, since the function that will be called decides
what it takes: one that takes ``*args, **kwargs`` takes anything, whatever it wraps.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from types import FunctionType
from typing import Any, final

_NO_LIMIT = 1 << 30


@final
class Parameters:
    """The parameters of one function."""

    __slots__ = (
        "_by_name",
        "_keywords",
        "_known",
        "_least",
        "_missing_after",
        "_most",
        "_names",
        "_needed",
        "_others",
        "_text",
    )

    def __init__(self, function: FunctionType, *, bound: bool = False) -> None:
        """Read them; ``bound``: without the first, which is the object that a method belongs to."""
        code = function.__code__
        count, defaults = code.co_argcount, function.__kwdefaults__ or {}
        skip = 1 if bound and count else 0
        self._names = code.co_varnames[skip:count]
        self._needed = code.co_varnames[skip : max(skip, count - len(function.__defaults__ or ()))]
        first_named = code.co_posonlyargcount - skip
        self._by_name = {name: at for at, name in enumerate(self._names) if at >= first_named}
        """Those that may be given by name, and their places."""
        keywords = code.co_varnames[count : count + code.co_kwonlyargcount]
        self._keywords = {name: name in defaults for name in keywords}
        """Those that must be given by name, and whether they may be left out."""
        self._known = self._by_name.keys() | self._keywords.keys()
        must = frozenset(name for name, optional in self._keywords.items() if not optional)
        self._missing_after = [must.union(self._needed[at:]) for at in range(len(self._needed) + 1)]
        """What must be given by name after so many arguments without one."""
        self._others = bool(code.co_flags & inspect.CO_VARKEYWORDS)
        self._most = _NO_LIMIT if code.co_flags & inspect.CO_VARARGS else len(self._names)
        # Where a name must be given, no number of arguments without one is enough.
        self._least = len(self._needed) if all(self._keywords.values()) else _NO_LIMIT
        self._text = self._tell(code.co_varnames[count + code.co_kwonlyargcount :], first_named)

    def __str__(self) -> str:
        return self._text

    def fit(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
        """Return whether the function can be called with these."""
        count = len(args)
        if not kwargs:
            return self._least <= count <= self._most
        names = kwargs.keys()
        # For most calls a few comparisons of sets show that they fit; the others are checked name by name.
        plain = (
            count <= len(self._names)
            and names <= self._known
            and names >= self._missing_after[min(count, len(self._needed))]
            and (not count or names.isdisjoint(self._names[:count]))
        )
        return plain or not self.problems(args, kwargs)

    def problems(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[str]:
        """Return what is missing, too much, unknown or given twice."""
        count, by_name, keywords = len(args), self._by_name, self._keywords
        found = []
        if count > self._most:
            found.append(f"{count} are given by position and at most {self._most} are taken")
        for name in kwargs:
            at = by_name.get(name)
            if at is None:
                if name not in keywords and not self._others:
                    found.append(f"{name!r} is not taken by name")
            elif at < count:
                found.append(f"{name!r} is given twice")
        if count < len(self._needed) or keywords:
            found += [f"{name!r} is missing" for name in self._missing(count, kwargs)]
        return found

    def _missing(self, count: int, kwargs: Mapping[str, Any]) -> list[str]:
        named = [name for name in self._needed[count:] if name not in kwargs or name not in self._by_name]
        return named + [
            name for name, optional in self._keywords.items() if not optional and name not in kwargs
        ]

    def _tell(self, rest: Sequence[str], first_named: int) -> str:
        words = [name if at < len(self._needed) else f"{name}=…" for at, name in enumerate(self._names)]
        if first_named > 0:
            words.insert(first_named, "/")
        more = list(rest)
        if self._most == _NO_LIMIT:
            words.append(f"*{more.pop(0)}")
        elif self._keywords:
            words.append("*")
        words += [f"{name}=…" if optional else name for name, optional in self._keywords.items()]
        if self._others:
            words.append(f"**{more[0]}")
        return f"({', '.join(words)})"
