"""Names that core brings stay core's, whoever else claims them."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from skunkqueue.cli.work import work
from skunkqueue.persistence.sqlite import SQLiteBackend
from skunkqueue.plugins import BACKENDS, COMMANDS, SERIALIZERS, registry
from skunkqueue.serializers.typed import TypedSerializer
from tests.core.plugins.distributions import install

OWN = [(BACKENDS, "sqlite", SQLiteBackend), (SERIALIZERS, "typed", TypedSerializer), (COMMANDS, "work", work)]
CORES = [(info.group, info.name) for info in registry.installed() if info.distribution == "skunkqueue"]


@pytest.mark.parametrize(("group", "name", "own"), OWN)
def test_a_name_of_cores_that_another_claims_stays_cores(
    site: Path, group: str, name: str, own: object
) -> None:
    install(site, "acme-grab", group, {name: "acme_grab:x"}, acme_grab="x = 1")

    assert registry.find(group, name) is own


@pytest.mark.parametrize(("group", "name"), CORES)
def test_every_name_of_cores_can_be_claimed_in_vain(site: Path, group: str, name: str) -> None:
    install(site, "acme-grab", group, {name: "acme_grab:x"}, acme_grab="raise OSError")

    assert registry.find(group, name) is not None


@pytest.mark.parametrize("name", ["acme-grab", "skunkqueue-grab", "Skunk_Queue", "skunkqueue.x"])
def test_a_claim_is_listed_with_who_makes_it(site: Path, name: str) -> None:
    install(site, name, BACKENDS, {"sqlite": "acme_grab:x"}, acme_grab="x = 1")

    told = {
        info.distribution: info.problem for info in registry.installed([BACKENDS]) if info.name == "sqlite"
    }

    assert told["skunkqueue"] is None
    assert f"core's own, which is used; {name} 1.0 claims its name" in str(told[name])


def test_a_claim_is_warned_of_once(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "skunkqueue.plugins")
    install(site, "acme-grab", SERIALIZERS, {"typed": "acme_grab:x"}, acme_grab="x = 1")

    for _ in range(3):
        registry.find(SERIALIZERS, "typed")

    told = [text for text in caplog.messages if text.startswith("plugin name claimed: ")]
    assert told == [
        "plugin name claimed: serializer='typed' distribution='acme-grab 1.0': core's own is used"
    ]


def test_the_claim_of_an_equal_entry_is_none(site: Path) -> None:
    value = "skunkqueue.persistence.sqlite:SQLiteBackend"
    install(site, "aaa-same", BACKENDS, {"sqlite": value})

    found = [info for info in registry.installed([BACKENDS]) if info.name == "sqlite"]

    assert [(info.distribution, info.problem) for info in found] == [("skunkqueue", None)]
