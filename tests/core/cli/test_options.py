"""What holds of the options of every command, and of its help."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from skunkqueue.cli.group import skunq as program
from skunkqueue.cli.options import Once
from skunkqueue.persistence.backend import Backend
from skunkqueue.plugins import COMMANDS, registry
from tests.core.cli.program import Skunq, finish


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Tell every command and every verb of a group, with the words that run it."""
    context = click.Context(program)
    for name in registry.names(COMMANDS):
        command = program.get_command(context, name)
        assert command is not None
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {verb}", each) for verb, each in command.commands.items())


EVERY_COMMAND = dict(every_command())


@pytest.mark.parametrize("words", EVERY_COMMAND)
def test_every_option_that_takes_one_value_refuses_two(words: str) -> None:
    options = [each for each in EVERY_COMMAND[words].params if isinstance(each, click.Option)]
    single = [each for each in options if not (each.is_flag or each.count or each.multiple)]

    assert [each.opts for each in single if not isinstance(each, Once)] == []


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (
            "work -q a -q b",
            "-q is given more than once, as 'a' and 'b': a pool works on one queue; start one",
        ),
        ("work -q a --queue=b", "as 'a' and 'b'"),
        ("work -q a -c 1 -c 2", "-c is given more than once, as '1' and '2'"),
        ("work -q a -p x.pid --pidfile y.pid", "as 'x.pid' and 'y.pid'"),
        ("work -q a -b sqlite -b redis", "as 'sqlite' and 'redis'"),
        ("jobs -q a -q b", "as 'a' and 'b': run the command once for each"),
        ("queues -r a -r b -r c", "as 'a' and 'b' and 'c'"),
        ("schedule run x -q a -q b", "as 'a' and 'b'"),
        ("requeue --job a --job b", "as 'a' and 'b'"),
    ],
)
def test_two_values_for_one_option_are_refused_by_name(skunq: Skunq, words: str, part: str) -> None:
    told = skunq.error(*words.split(), expect=2)

    assert part in told
    assert told.count("\n") == 1


@pytest.mark.usefixtures("store")
def test_the_same_value_twice_does_no_harm(skunq: Skunq) -> None:
    assert "no queue 'a'" in skunq.error("queues", "-q", "a", "-q", "a", expect=1)


def test_a_url_given_twice_is_told_without_its_password(skunq: Skunq) -> None:
    told = skunq.error("queues", "--url", "redis://me:secret@a", "--url", "redis://me:secret@b", expect=2)

    assert "redis://me:***@a" in told
    assert "secret" not in told


@pytest.mark.parametrize("words", ["", *EVERY_COMMAND])
def test_help_has_no_stray_markup(skunq: Skunq, words: str) -> None:
    told = skunq(*words.split(), "--help")

    assert re.findall(r"\\.|``|:\w+:`|\*\*|\x08", told) == []


@pytest.mark.parametrize("words", EVERY_COMMAND)
def test_examples_in_help_stay_lines_of_their_own(skunq: Skunq, words: str) -> None:
    written = (EVERY_COMMAND[words].help or "").splitlines()
    examples = [line.strip() for line in written if line.strip().startswith("skunq ")]
    shown = [line.strip() for line in skunq(*words.split(), "--help").splitlines()]

    assert [line for line in examples if line not in shown] == []


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ("jobs --newest --oldest", "--newest and --oldest exclude each other: give one of them"),
        ("jobs --since 1h --until 2h", "--since is not before --until"),
        ("errors --since 1h --until 2h", "--since is not before --until"),
        ("stats --minutes --hours", "--minutes and --hours exclude each other"),
        ("stop --timeout 5s w-1", "add --wait"),
        ("restart --timeout 5s w-1", "add --wait"),
        ("delete --all --tag eu --yes", "--all means all there are"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    store: Backend, skunq: Skunq, words: str, part: str
) -> None:
    made = finish(store, tags=("eu",))

    assert part in skunq.error(*words.split(), expect=2)
    assert store.get([made])[0] is not None


@pytest.mark.parametrize("words", ["jobs --newest --newest", "stats --hours --hours", "jobs --oldest"])
def test_an_option_may_be_given_twice_if_it_says_the_same(store: Backend, skunq: Skunq, words: str) -> None:
    finish(store)

    skunq(*words.split())
