"""``skunq work``: the command line of the seed, and what it makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from skunkqueue.cli.work import settings_of, work
from skunkqueue.errors import NameInvalidError
from skunkqueue.processes.settings import LOG_FORMATS, LOG_LEVELS, PoolSettings
from tests.core.cli.program import Skunq


def parsed(*words: str) -> dict[str, Any]:
    """Read a command line without running it."""
    # click remembers a command's help option as first asked for: ask as the group does.
    return dict(work.make_context("work", list(words), help_option_names=["-h", "--help"]).params)


@pytest.mark.parametrize(
    ("words", "routes"),
    [
        ("-q demo -r route1 route2 route3", ("route1", "route2", "route3")),
        ("-r route1 route2 route3 -q demo", ("route1", "route2", "route3")),
        ("-r a b -q demo -r c", ("a", "b", "c")),
        ("-q demo -r a -r b", ("a", "b")),
        ("-q demo --route a b", ("a", "b")),
        ("-q demo --routes a b", ("a", "b")),
        ("-q demo -ra", ("a",)),
        ("-q demo --route=a", ("a",)),
        ("-q demo", ()),
    ],
)
def test_routes_may_be_written_in_every_usual_way(words: str, routes: tuple[str, ...]) -> None:
    assert parsed(*words.split())["routes"] == routes


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("-q demo foo", "'foo' belongs to no option; if it is a route, write -r foo"),
        ("foo -q demo -r bar", "write -r bar foo"),
        ("-q demo -r", "-r needs at least one route"),
        ("-q demo -r -c 2", "-r needs at least one route"),
        ("-r foo", "--queue"),
        (
            "-q demo -r a,,b",
            "-r 'a,,b' names an empty route: write -r a,b for one worker of all of them, or -r a b for",
        ),
        ("-q demo -r a, b", "-r 'a,' names an empty route: write -r a for one worker"),
        ("-q demo -r ,", "-r ',' names an empty route: write -r ROUTE,ROUTE"),
        ("-q demo -r a,b,a", "-r 'a,b,a' names route 'a' twice: write -r a,b for one worker of all of them"),
        ("-q demo --order strict", "'strict' is not one of 'weighted', 'round-robin'"),
        ("-q demo -c 0", "-c"),
        ("-q demo -c two", "-c"),
        ("-q demo --path /no/such/folder", "/no/such/folder"),
        ("-q demo --concurrency 1001", "'--concurrency': 1001 is not in the range 1<=x<=1000"),
        ("-q demo --lease 0.4", "'--lease': 0.4 is not in the range 0.5<=x<=86400"),
        ("-q demo --grace 86401", "'--grace': 86401.0 is not in the range 0<=x<=86400"),
    ],
)
def test_a_wrong_command_line_is_told_in_one_line(skunq: Skunq, words: str, part: str) -> None:
    told = skunq.error("work", *words.split(), expect=2)

    assert part in told
    assert told.count("\n") == 1


def made(*words: str) -> PoolSettings:
    """Make the pool's settings of a command line."""
    return settings_of(**parsed(*words))


def test_without_r_it_listens_on_default() -> None:
    assert made("-q", "demo").routes == ("default",)


def test_what_is_not_given_keeps_the_pools_default() -> None:
    settings = made("-q", "demo")

    assert settings == PoolSettings(queue="demo", config=settings.config)


def test_every_option_reaches_the_pool(tmp_path: Path) -> None:
    config = tmp_path / "log.json"
    config.write_text('{"version": 1}')
    words = (
        f"-q demo -r a b -c 3 --url sqlite:///{tmp_path}/x.db -l pool.log -p pool.pid "
        f"--log-level Warning --log-format json --log-config {config} --path {tmp_path} --path / "
        "--allow shop --allow bakery --burst --max-jobs 7 --max-memory 99 --concurrency 5 --lease 3 --grace 2 "
        "--max-payload 1000 --order round-robin --reload -vv"
    )

    settings = made(*words.split())

    assert settings == PoolSettings(
        queue="demo",
        routes=("a", "b"),
        processes=3,
        config=settings.config,
        path=(str(tmp_path), "/"),
        allow=("shop", "bakery"),
        burst=True,
        max_jobs=7,
        max_memory=99,
        concurrency=5,
        lease=3.0,
        grace=2.0,
        max_payload=1000,
        order="round-robin",
        logfile="pool.log",
        pidfile="pool.pid",
        reload=True,
        verbose=2,
        log_level="warning",
        log_format="json",
        log_config={"version": 1},
    )
    assert settings.config.url == f"sqlite:///{tmp_path}/x.db"


def test_a_route_named_twice_counts_once() -> None:
    assert made("-q", "demo", "-r", "a", "b", "a").routes == ("a", "b")


def test_routes_in_one_word_are_those_of_one_worker() -> None:
    settings = made("-q", "demo", "-r", "a,b, c", "d", "-c", "2")

    assert settings.route_groups == (("a", "b", "c"), ("d",))
    assert settings.all_routes == ("a", "b", "c", "d")


def test_a_name_that_cannot_be_is_refused_before_anything_starts() -> None:
    with pytest.raises(NameInvalidError, match="queue"):
        made("-q", "de\nmo")


@pytest.mark.parametrize(("option", "choices"), [("log_level", LOG_LEVELS), ("log_format", LOG_FORMATS)])
def test_what_may_be_chosen_for_the_log_is_what_the_pool_takes(option: str, choices: tuple[str, ...]) -> None:
    (found,) = [parameter for parameter in work.params if parameter.name == option]

    assert isinstance(found.type, click.Choice)
    assert tuple(found.type.choices) == choices


def test_every_option_of_the_issue_is_there() -> None:
    options = {
        name for parameter in work.params if isinstance(parameter, click.Option) for name in parameter.opts
    }

    assert options >= {
        "-q",
        "-r",
        "-c",
        "--url",
        "-b",
        "--backend",
        "-l",
        "--logfile",
        "-p",
        "--pidfile",
        "--path",
    }
    assert options >= {"--burst", "--max-jobs", "--max-memory", "--concurrency", "--reload", "--allow"}
