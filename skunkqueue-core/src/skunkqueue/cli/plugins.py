"""``skunq plugins``: what is installed, from where, and what is broken and why."""

from __future__ import annotations

import logging

import click

from skunkqueue.cli import exits
from skunkqueue.cli.columns import Shape
from skunkqueue.cli.output import document, json_option, on_terminal, say, table
from skunkqueue.cli.text import one_line
from skunkqueue.plugins import GROUPS, HOOKS, registry
from skunkqueue.plugins.notify import Notifier
from skunkqueue.plugins.registry import PluginInfo

PLUGINS = Shape(
    ("GROUP", "NAME", "STATUS", "DISTRIBUTION", "VERSION", "OBJECT OR PROBLEM"),
    spare=("VERSION", "OBJECT OR PROBLEM", "DISTRIBUTION"),
    least={"OBJECT OR PROBLEM": 14, "DISTRIBUTION": 12},
)


@click.command()
@json_option
@click.pass_context
def plugins(ctx: click.Context, *, as_json: bool) -> None:
    """Show all plugins, and why the broken ones are."""
    found = survey()
    if as_json:
        document({"plugins": [each._asdict() for each in found]})
    else:
        table(
            PLUGINS,
            [
                (
                    each.group,
                    each.name,
                    "broken" if each.problem else "ok",
                    each.distribution,
                    each.version,
                    one_line(each.problem or each.value),
                )
                for each in found
            ],
        )
        if on_terminal():
            # The table seldom has room for it.
            for each in found:
                if each.problem:
                    say(one_line(f"{each.name} of {each.group} is broken: {each.problem}"))
    if any(each.problem for each in found):
        ctx.exit(exits.NOTHING)


def survey() -> list[PluginInfo]:
    """Load all plugins, each with the reason where it is not what its group asks for."""
    # The problems are in the table, so they are not logged as well.
    logging.getLogger("skunkqueue.plugins").addHandler(logging.NullHandler())
    others = [group for group in GROUPS if group != HOOKS]
    return [*registry.installed(others), *_hooks()]


def _hooks() -> list[PluginInfo]:
    # Loaded together, since one plugin may come under two names.
    notifier = Notifier()
    found = []
    for info, plugin in registry.load_each(HOOKS, limit=registry.LOAD_LIMIT):
        if plugin is not None:
            notifier.add(plugin, info.name)
        found.append(info._replace(problem=info.problem or notifier.problems.get(info.name)))
    return found
