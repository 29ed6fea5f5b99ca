"""Who asks, and what each endpoint needs: a view without a declared right is never served."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, TypeVar, cast

import msgspec
from flask import g

F = TypeVar("F", bound=Callable[..., Any])
_NEEDS = "skunkqueue_needs"


class Right(IntEnum):
    """What a login may do; each right includes those below it."""

    VIEW = 1
    """See everything."""
    ACT = 2
    """Also kill, requeue, run now, pause and resume."""
    ADMIN = 3
    """Also delete, purge, remove schedules, and command workers and pools."""


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a request."""

    name: str
    """The name in the audit log."""
    right: Right
    by: str
    """How the login is known: ``none`` (no logins are set up), ``session``, ``token``, ``header`` or ``site``."""


def allowed(right: Right) -> Callable[[F], F]:
    """Declare the right that a view needs."""

    def mark(view: F) -> F:
        setattr(view, _NEEDS, right)
        return view

    return mark


def open_to_all(view: F) -> F:
    """Declare that a view is served without a login: the login page, health, static files."""
    setattr(view, _NEEDS, None)
    return view


def needs(view: Callable[..., Any]) -> Right | None:
    """Return the right that a view needs; ``None``: none. Raises LookupError where it declares nothing."""
    try:
        return cast("Right | None", getattr(view, _NEEDS))
    except AttributeError:
        msg = f"the view {getattr(view, '__qualname__', view)!r} declares no right: mark it with allowed(...)"
        raise LookupError(msg) from None


def login() -> Login:
    """Return who makes this request."""
    return cast("Login", g.login)


def may(right: Right | str) -> bool:
    """Return whether the one who makes this request has this right."""
    wanted = Right[right] if isinstance(right, str) else right
    return login().right >= wanted
