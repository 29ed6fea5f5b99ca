"""Words for templates: moments, spans, numbers, sizes. Jinja2 escapes what comes out of here."""

from __future__ import annotations

from typing import NamedTuple

from flask import Flask

from skunkqueue.cli.text import from_now, iso, plural, size, span
from skunkqueue.records import State
from skunkqueue.web import inputs, source
from skunkqueue.web.rights import login, may


class Moment(NamedTuple):
    """A moment, for ``<time>``: what machines read and what people read."""

    iso: str
    text: str
    seconds: float


def moment(at: float | None) -> Moment | None:
    """Tell a store's time relative to now."""
    if at is None:
        return None
    return Moment(iso(at) or "", from_now(at, source.current().now()), at)


def number(value: float) -> str:
    """Write a number with thin groups of thousands; whole ones without a fraction."""
    if float(value).is_integer():
        return f"{int(value):,}".replace(",", "\u202f")
    return f"{value:,.2f}".replace(",", "\u202f")


def install(app: Flask) -> None:
    """Give all templates of an app these words."""
    app.jinja_env.globals.update(
        login=login,
        may=may,
        moment_of=moment,
        number=number,
        plural=plural,
        size=size,
        span=span,
        states=State,
        here=inputs.here,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
