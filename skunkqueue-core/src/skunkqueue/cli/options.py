"""Options of all commands: an option that takes one value refuses two, and flags that exclude each other are refused together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])
Shown = Callable[[Any], str]
WAY_OUT = "give one of them"


class Once(click.Option):
    """An option that takes one value. Two values are an error, where click drops the first."""

    def __init__(self, *args: Any, way_out: str = WAY_OUT, shown: Shown = repr, **kwargs: Any) -> None:
        """``way_out`` says what to do instead of giving it twice; ``shown`` writes a value for the error."""
        super().__init__(*args, **kwargs)
        self.way_out = way_out
        self.shown = shown

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Let the parser keep every value it meets."""
        self.multiple = True
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.multiple = False

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, Any]:
        """Take the one value that was given. Raises click.UsageError for several."""
        name = self.name or ""
        given = opts.get(name)
        if not isinstance(given, list):
            return super().consume_value(ctx, opts)
        if len(set(given)) > 1 and not ctx.resilient_parsing:
            values = " and ".join(self.shown(value) for value in dict.fromkeys(given))
            ctx.fail(f"{self.complaint(values)}: {self.way_out}")
        return super().consume_value(ctx, {**opts, name: given[-1]})

    def complaint(self, values: str) -> str:
        """Say what is wrong where there are several values."""
        return f"{self.opts[0]} is given more than once, as {values}"


class Either(Once):
    """One of several flags that exclude each other; the name of each is its value."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, shown=lambda value: f"--{value}", **kwargs)

    def complaint(self, values: str) -> str:
        """Say which of them were given."""
        return f"{values} exclude each other"


def option(*names: str, **settings: Any) -> Callable[[F], F]:
    """Make an option that takes one value, as ``click.option`` does; ``Once`` says what else it is given."""
    return click.option(*names, cls=Once, **settings)


def either(*names: str, **settings: Any) -> Callable[[F], F]:
    """Make one of several flags that set the same parameter, each to its own name."""
    return click.option(*names, cls=Either, **settings)


def is_given(ctx: click.Context, name: str) -> bool:
    """Return whether a parameter was given on the command line."""
    return ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
