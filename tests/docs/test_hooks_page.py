"""docs/hooks.md tells of every hook, with its arguments."""

from __future__ import annotations

import inspect

from skunkqueue.plugins import GROUPS, hookspecs
from tests.docs.pages import headings, read

HOOKS = {name: hook for name, hook in vars(hookspecs).items() if name.startswith("skunkqueue_")}


def test_every_hook_is_a_heading_with_its_arguments() -> None:
    wanted = [f"{name}({', '.join(inspect.signature(hook).parameters)})" for name, hook in HOOKS.items()]

    assert [heading for heading in headings("docs/hooks.md") if heading.startswith("skunkqueue_")] == wanted


def test_every_entry_point_group_is_named() -> None:
    text = read("docs/hooks.md")

    assert [group for group in GROUPS if f"`{group}`" not in text] == []
