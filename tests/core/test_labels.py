"""What a firing shows of itself in listings: job, tags, schedule, parent. Seen by a hook, as stores are given it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from skunkqueue import JobMixin, SkunkQueue, producing
from skunkqueue.call import Call, Chain
from skunkqueue.context import JobContext, current
from skunkqueue.errors import PolicyError
from skunkqueue.fireable import Memory
from skunkqueue.plugins import hookimpl
from skunkqueue.plugins.notify import Notifier
from skunkqueue.policy import Policy
from skunkqueue.records import MAX_JOB, Firing
from tests.support.jobs import on

declared = SkunkQueue("demo", conn_url="sqlite:////nonexistent/never-opened.db")
ADD = f"{__name__}:add"


@declared.job
def add(first: int, second: int) -> int:
    return first + second


class Hello(JobMixin):
    tags = ["greeting"]  # noqa: RUF012 - as a user writes it

    def work(self, name: str = "world") -> str:
        return name


class ByName(JobMixin):
    def tags(name: str) -> list[str]:  # type: ignore[misc]  # noqa: N805 - a rule, which takes what the job takes
        return [name]

    def work(self, name: str) -> str:
        return name


class Heard:
    """Keeps the firings that were put in."""

    def __init__(self) -> None:
        self.firings: list[Firing] = []

    @hookimpl
    def skunkqueue_firing_enqueued(self, firing: Firing) -> None:
        self.firings.append(firing)

    @property
    def last(self) -> Firing:
        return self.firings[-1]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    notifier, heard = Notifier(), Heard()
    notifier.add(heard, "heard")
    monkeypatch.setattr(producing, "default_notifier", lambda: notifier)
    return heard


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[SkunkQueue]:
    with SkunkQueue("demo", conn_url=f"sqlite:///{tmp_path}/q.db") as queue:
        yield queue


def tags_of(heard: Heard) -> tuple[str, ...]:
    return heard.last.tags


def test_a_firing_has_its_job_s_name(queue: SkunkQueue, heard: Heard) -> None:
    on(queue, add).fire(1, 2)
    assert heard.last.job == ADD

    queue.fire_many([on(queue, add)(1, 2), Hello()])
    assert [firing.job for firing in heard.firings[-2:]] == [ADD, f"{__name__}:Hello"]

    queue.fire_call(add(1, 2) & Hello())
    assert heard.last.job == f"{ADD} & {__name__}:Hello"


def test_a_long_chain_s_name_is_cut_between_characters(queue: SkunkQueue, heard: Heard) -> None:
    long: Call[None] = Call("m:ä" + "€" * 62, Policy(), Memory(queue))
    queue.fire_call(Chain((long, long)))

    assert len(heard.last.job.encode()) <= MAX_JOB
    assert len(heard.last.job.encode()) > MAX_JOB - 3
    assert f"{long.name} & {long.name}".startswith(heard.last.job)


def test_tags_are_a_rule(queue: SkunkQueue, heard: Heard) -> None:
    job = on(queue, add, tags=["nightly", "vip", "nightly"])
    job.fire(1, 2)
    assert tags_of(heard) == ("nightly", "vip")

    job.options(tags="lone").fire(1, 2)
    assert tags_of(heard) == ("lone",)

    queue.fire_many([job(1, 2), on(queue, add)(1, 2)])
    assert [firing.tags for firing in heard.firings[-2:]] == [("nightly", "vip"), ()]


def test_tags_may_be_made_of_the_arguments(queue: SkunkQueue, heard: Heard) -> None:
    job = on(queue, add, tags=lambda first, second: [f"first-{first}", f"second-{second}"])
    job.fire(1, second=2)
    assert tags_of(heard) == ("first-1", "second-2")

    queue.fire_many([job(3, 4), job(5, 6)])
    assert [firing.tags[0] for firing in heard.firings[-2:]] == ["first-3", "first-5"]


def test_every_copy_has_the_tags(queue: SkunkQueue, heard: Heard) -> None:
    on(queue, add, routes=["a", "b"], tags=lambda first, _second: f"first-{first}").fire(1, 2)

    assert [firing.tags for firing in heard.firings] == [("first-1",)] * 2


def test_a_class_has_tags_and_an_object_its_own(queue: SkunkQueue, heard: Heard) -> None:
    queue += Hello()
    assert tags_of(heard) == ("greeting",)

    job = Hello()
    job.tags = ["loud", "early"]
    queue += job
    assert tags_of(heard) == ("loud", "early")

    queue += ByName()("Jed")
    assert tags_of(heard) == ("Jed",)


def test_a_chain_has_the_tags_of_its_first_call_or_its_own(queue: SkunkQueue, heard: Heard) -> None:
    by_sum = on(queue, add, tags=lambda first, second: str(first + second))
    chain = by_sum(1, 2) & Hello()
    queue.fire_call(chain)
    assert tags_of(heard) == ("3",)

    queue.fire_call(chain.options(tags=["whole"]))
    assert tags_of(heard) == ("whole",)

    queue.fire_call(chain.options(tags=lambda first, second: str(first * second)))
    assert tags_of(heard) == ("2",)


@pytest.mark.parametrize(
    "wrong",
    [
        7,
        b"word",
        {"a": 1},
        [7],
        [""],
        ["two words"],
        ["a" * 51],
        ["line\nbreak"],
        ["\ud800"],
        list("abcdefghi"),
        str,
    ],
)
def test_wrong_tags_are_refused_where_they_are_declared(queue: SkunkQueue, wrong: Any) -> None:
    with pytest.raises(PolicyError, match=r"^tags"):
        on(queue, add).options(tags=wrong)


@pytest.mark.parametrize("wrong", [None, ["two words"], 7, list("abcdefghi")])
def test_wrong_tags_that_a_function_makes_are_refused_at_fire(queue: SkunkQueue, wrong: Any) -> None:
    job = on(queue, add, tags=lambda _first, _second: wrong)

    with pytest.raises(PolicyError, match=rf"the tags function of {ADD} returned .*tags"):
        job.fire(1, 2)
    assert not queue.backend.routes()


def test_a_tags_function_that_takes_other_arguments_is_told_of(queue: SkunkQueue) -> None:
    with pytest.raises(PolicyError, match=f"the tags function of {ADD} fails for this firing's arguments"):
        on(queue, add, tags=lambda: ["one"]).fire(1, 2)


def test_what_a_job_fires_names_it_as_parent(queue: SkunkQueue, heard: Heard) -> None:
    on(queue, add).fire(1, 2)
    assert heard.last.parent is None

    running = JobContext(
        id="f" * 24, attempt=1, queue="demo", route="a", name="m:job", report=lambda *_: None
    )
    token = current.set(running)
    try:
        on(queue, add).fire(1, 2)
        queue.fire_many([on(queue, add)(1, 2)])
    finally:
        current.reset(token)
    assert [firing.parent for firing in heard.firings] == [None, "f" * 24, "f" * 24]
