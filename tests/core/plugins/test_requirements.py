"""What each group asks of its plugins: finding one and listing them agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from skunkqueue.config import open_backend, resolve
from skunkqueue.errors import PluginError
from skunkqueue.plugins import BACKENDS, COMMANDS, GROUPS, HOOKS, PAGES, SERIALIZERS, STRATEGIES, registry
from skunkqueue.schedule import find_strategy
from skunkqueue.serializers import get_serializer
from tests.core.plugins.distributions import STRATEGY, install

HOOK = "from skunkqueue.plugins import hookimpl\n"
FIRED = "    @hookimpl\n    {} skunkqueue_firing_enqueued(self, firing):\n        {}\n"
SOURCES = {
    (BACKENDS, "x = 42"): "is 42, which is not a subclass",
    (BACKENDS, "class x: pass"): "which is not a subclass of skunkqueue.persistence.Backend",
    (
        BACKENDS,
        "from skunkqueue.persistence import Backend\nclass x(Backend): pass",
    ): r"lacks \d+ of a backend's verbs: arm, beat, claim,",
    (STRATEGIES, "x = 42"): r"is 42, which lacks first\(\) and after\(\)",
    (STRATEGIES, "class x:\n def first(self, params, now): ..."): r"which lacks after\(\)",
    (
        STRATEGIES,
        f"{STRATEGY}\nclass x(X):\n def __init__(self, seed): ...",
    ): "cannot be made without arguments",
    (STRATEGIES, f"{STRATEGY}\nclass x(X):\n def __init__(self): raise SystemExit(3)"): "SystemExit: 3",
    (STRATEGIES, f"{STRATEGY}\nclass x(X):\n after = 7"): r"which lacks after\(\)",
    (
        STRATEGIES,
        f"{STRATEGY}\nclass x(X):\n def after(self, params): ...",
    ): "cannot be called with 3 arguments",
    (STRATEGIES, f"{STRATEGY}\nclass x(X):\n async def first(self, params, now): ..."): "is async",
    (STRATEGIES, f"{STRATEGY}\nclass x(X):\n def first(self, params, now): yield"): "is a generator",
    (STRATEGIES, f"{STRATEGY}\nclass x(X):\n def describe(self): ..."): r"describe\(\) .* with 1 argument;",
    (SERIALIZERS, "x = 42"): "is 42, which is not a class",
    (SERIALIZERS, "class x: pass"): r"lacks dumps\(\) and loads\(\) and dumps_call\(\)",
    (
        SERIALIZERS,
        "from skunkqueue.serializers import Serializer\nclass x(Serializer): pass",
    ): "cannot be made without arguments: TypeError",
    (COMMANDS, "def x(): pass"): "which is not a click command",
    (HOOKS, "x = 42"): "is 42, which has no function skunkqueue_",
    (HOOKS, "class x: pass"): "which has no function skunkqueue_",
    (HOOKS, f"{HOOK}class x:\n{FIRED.format('def', 'pass')}"): "needs an object",
    (HOOKS, f"{HOOK}class y:\n{FIRED.format('async def', 'pass')}x = y()"): "is async",
    (HOOKS, f"{HOOK}class y:\n{FIRED.format('def', 'yield')}x = y()"): "is a generator",
    (PAGES, "x = 42"): "has no title, which must be a text",
    (PAGES, "class x:\n title = 'A'\n template = 'b'"): r"lacks read\(\)",
    (PAGES, "class x:\n title = template = 'A'\n right = 'root'"): "asks for the right 'root'",
    (HOOKS, f"{HOOK}class y:\n{FIRED.format('def', 'pass').replace('firing)', 'fire)')}x = y()"): "fire",
}


@pytest.mark.parametrize(("group", "source"), SOURCES, ids=lambda text: text.replace("\n", ";"))
def test_what_is_not_what_its_group_holds_is_refused_and_listed_alike(
    site: Path, group: str, source: str
) -> None:
    install(site, "acme-odd", group, {"odd": "acme_odd:x"}, acme_odd=source)

    with pytest.raises(PluginError, match=SOURCES[group, source]) as refused:
        registry.find(group, "odd")

    (listed,) = [info for info in registry.installed([group]) if info.name == "odd"]
    assert listed.problem == str(refused.value)
    assert "acme-odd 1.0" in listed.problem


def test_every_group_has_its_requirements() -> None:
    assert {group for group, _ in SOURCES} == set(GROUPS)


def test_an_object_is_a_strategy_and_hooks_of_a_class_may_be_static(site: Path) -> None:
    install(site, "acme-rule", STRATEGIES, {"rule": "acme_rule:rule"}, acme_rule=f"{STRATEGY}\nrule = X()")
    source = (
        f"{HOOK}class X:\n    @staticmethod\n    @hookimpl\n    def skunkqueue_firing_enqueued(firing): ...\n"
    )
    install(site, "acme-ears", HOOKS, {"ears": "acme_ears:X"}, acme_ears=source)

    assert callable(find_strategy("rule").after)
    assert registry.find(HOOKS, "ears") is not None


def test_a_store_that_lacks_verbs_says_which_when_it_is_chosen(site: Path) -> None:
    source = "from skunkqueue.persistence import Backend\nclass Half(Backend):\n    name = 'half'\n"
    install(site, "acme-half", BACKENDS, {"half": "acme_half:Half"}, acme_half=source)

    with pytest.raises(
        PluginError, match=r"'half' .* lacks 40 .*claim.*Update, reinstall or remove acme-half"
    ):
        open_backend(resolve("half"))


def test_an_object_whose_repr_raises_is_named_all_the_same(site: Path) -> None:
    source = "class X:\n    def __repr__(self): raise OSError\nx = X()"
    install(site, "acme-mute", SERIALIZERS, {"mute": "acme_mute:x"}, acme_mute=source)

    with pytest.raises(PluginError, match="is an object of X, which is not a class"):
        get_serializer("mute")
