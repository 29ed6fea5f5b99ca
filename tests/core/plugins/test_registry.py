"""Finding plugins by name, and listing them with what is wrong with them."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path

import pytest

from skunkqueue.errors import PluginError
from skunkqueue.plugins import BACKENDS, COMMANDS, GROUPS, HOOKS, SERIALIZERS, STRATEGIES, registry
from tests.core.plugins.distributions import STRATEGY, install

EVERYTHING = DistributionFinder.Context()
EARS = """
    from skunkqueue.plugins import hookimpl

    @hookimpl
    def skunkqueue_firing_enqueued(firing): ...
"""


class CountingFinder(DistributionFinder):
    """Finds nothing, and counts how often it was asked for all distributions."""

    def __init__(self) -> None:
        self.readings = 0

    def find_distributions(
        self,
        context: DistributionFinder.Context = EVERYTHING,
    ) -> Iterable[Distribution]:
        del context
        self.readings += 1
        return []


def test_our_own_parts_are_plugins_like_others() -> None:
    assert "sqlite" in registry.names(BACKENDS)
    assert "typed" in registry.names(SERIALIZERS)
    assert "work" in registry.names(COMMANDS)


def test_a_plugin_is_found_by_its_name(site: Path) -> None:
    install(site, "acme-rules", STRATEGIES, {"moon": "acme_moon:X"}, acme_moon=STRATEGY)

    found = registry.find(STRATEGIES, "moon")

    assert getattr(found, "__name__", None) == "X"


def test_a_module_may_be_a_plugin(site: Path) -> None:
    install(site, "acme-ears", HOOKS, {"ears": "acme_ears"}, acme_ears=EARS)

    assert registry.find(HOOKS, "ears") is sys.modules["acme_ears"]


def test_naming_one_plugin_imports_no_other(site: Path) -> None:
    install(
        site,
        "acme-two",
        STRATEGIES,
        {"one": "acme_one:X", "two": "acme_two:X"},
        acme_one=STRATEGY,
        acme_two=STRATEGY,
    )

    registry.find(STRATEGIES, "one")

    assert "acme_two" not in sys.modules


def test_names_are_listed_without_importing(site: Path) -> None:
    install(site, "acme-idle", STRATEGIES, {"idle": "acme_idle:X"}, acme_idle=STRATEGY)

    assert "idle" in registry.names(STRATEGIES)
    assert "acme_idle" not in sys.modules


@pytest.mark.parametrize(
    ("group", "name", "extra"),
    [
        (BACKENDS, "redis", "redis"),
        (BACKENDS, "mongodb", "mongo"),
        (BACKENDS, "fdb", "fdb"),
        (STRATEGIES, "aimd", "schedulers"),
        (COMMANDS, "web", "web"),
    ],
)
def test_a_missing_plugin_of_ours_says_what_to_install(group: str, name: str, extra: str) -> None:
    if name in registry.names(group):
        pytest.skip(f"{name} is installed")

    with pytest.raises(PluginError, match=rf"'{name}'.*pip install 'skunkqueue\[{extra}\]'"):
        registry.find(group, name)


def test_a_missing_plugin_says_what_is_there() -> None:
    with pytest.raises(PluginError, match=r"no backend 'sqlight' is installed \(there: .*sqlite.*\)"):
        registry.find(BACKENDS, "sqlight")


@pytest.mark.parametrize(
    "source",
    ["raise RuntimeError('out of order')", "raise SystemExit(9)", "import nothing_of_the_kind", "def"],
)
def test_a_plugin_that_cannot_be_imported_is_a_plugin_error(site: Path, source: str) -> None:
    install(site, "acme-broken", STRATEGIES, {"broken": "acme_broken:X"}, acme_broken=source)

    with pytest.raises(PluginError, match=r"'broken' .*from acme-broken 1\.0"):
        registry.find(STRATEGIES, "broken")


def test_an_object_that_is_not_in_its_module_is_a_plugin_error(site: Path) -> None:
    install(site, "acme-empty", STRATEGIES, {"empty": "acme_empty:Gone"}, acme_empty="")

    with pytest.raises(PluginError, match="is not in its module"):
        registry.find(STRATEGIES, "empty")


def test_an_entry_that_is_no_object_path_is_a_plugin_error(site: Path) -> None:
    install(site, "acme-odd", STRATEGIES, {"odd": "not a path!"})

    with pytest.raises(PluginError, match="not written as package"):
        registry.find(STRATEGIES, "odd")


def test_two_plugins_of_one_name_are_an_error_that_names_both(site: Path) -> None:
    install(site, "acme-left", STRATEGIES, {"same": "acme_left:X"}, acme_left=STRATEGY)
    install(site, "acme-right", STRATEGIES, {"same": "acme_right:X"}, acme_right=STRATEGY)

    with pytest.raises(PluginError, match=r"acme-left 1\.0 and acme-right 1\.0"):
        registry.find(STRATEGIES, "same")


def test_an_explicit_path_needs_no_metadata(site: Path) -> None:
    (site / "acme_packed.py").write_text(STRATEGY)

    found = registry.find(STRATEGIES, "acme_packed:X")

    assert getattr(found, "__name__", None) == "X"


def test_an_explicit_path_to_something_else_says_what_it_is(site: Path) -> None:
    (site / "acme_packed.py").write_text("Store = 7\n")

    with pytest.raises(PluginError, match=r"'acme_packed:Store' is 7, .*Correct the name"):
        registry.find(BACKENDS, "acme_packed:Store")


def test_an_explicit_path_that_leads_nowhere_says_so() -> None:
    with pytest.raises(PluginError, match="'acme_lost:Store' cannot be imported"):
        registry.find(BACKENDS, "acme_lost:Store")


def test_the_listing_holds_the_broken_ones_with_the_reason_and_all_others(site: Path) -> None:
    install(
        site,
        "acme-mixed",
        STRATEGIES,
        {"bad": "acme_bad:X", "good": "acme_good:X"},
        version="2.5",
        acme_bad="raise OSError('no hardware')",
        acme_good=STRATEGY,
    )

    found = {info.name: info for info in registry.installed()}

    assert found["good"].problem is None
    assert "OSError: no hardware" in str(found["bad"].problem)
    assert (found["bad"].distribution, found["bad"].version) == ("acme-mixed", "2.5")
    assert {"sqlite", "typed", "work"} <= found.keys()


def test_the_listing_names_doubles_on_both_lines(site: Path) -> None:
    install(site, "acme-left", STRATEGIES, {"same": "acme_left:X"}, acme_left=STRATEGY)
    install(site, "acme-right", STRATEGIES, {"same": "acme_right:X"}, acme_right=STRATEGY)

    found = [info for info in registry.installed([STRATEGIES]) if info.name == "same"]

    assert [info.distribution for info in found] == ["acme-left", "acme-right"]
    assert all("uninstall one" in str(info.problem) for info in found)


def test_damaged_metadata_does_not_stop_the_listing(site: Path) -> None:
    install(site, "acme-bare", STRATEGIES, {"bare": "acme_bare:X"}, acme_bare=STRATEGY)
    (site / "acme_bare-1.0.dist-info" / "METADATA").write_text("")

    assert "bare" in {info.name for info in registry.installed([STRATEGIES])}


def test_every_plugin_of_ours_works() -> None:
    ours = [info for info in registry.installed(GROUPS) if info.distribution.startswith("skunkqueue")]

    assert [info for info in ours if info.problem] == []


@pytest.mark.usefixtures("site")
def test_the_metadata_of_all_distributions_is_read_once_for_all_groups(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    finder = CountingFinder()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])

    for group in GROUPS:
        registry.names(group)

    assert finder.readings == 1
