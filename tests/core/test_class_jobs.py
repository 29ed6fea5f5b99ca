"""Classes as jobs: whose queue they are of, what their rules are, and what travels with an object."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, TypeVar

import pytest

from skunkqueue import JobMixin, SkunkQueue, State
from skunkqueue.errors import NoQueueError, NotAJobError, PolicyError
from skunkqueue.job import declaration
from skunkqueue.payload import decode_body
from skunkqueue.serializers import get_serializer


class Report(JobMixin):
    retries = 2

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title

    def work(self, year: int) -> str:
        return f"{self.title} {year}"


class Yearly(Report):
    priority = 7


class Download(JobMixin):
    def __init__(self, url: str, *, timeout: float = 10.0) -> None:
        super().__init__()
        self.url = url
        self.timeout = timeout

    def work(self) -> tuple[str, object]:
        return self.url, self.timeout


class Unbound(JobMixin):
    def work(self, year: int) -> int:
        return year


class Ruled(JobMixin):
    def work(self) -> None: ...


class Hurried(JobMixin):
    @property
    def priority(self) -> Any:
        return "soon"

    @priority.setter
    def priority(self, _: Any) -> None: ...

    def work(self) -> None: ...


class Empty(JobMixin): ...


T = TypeVar("T")


class Box(JobMixin, Generic[T]):
    def work(self) -> list[str]:
        return sorted(vars(self))


def run(queue: SkunkQueue) -> Any:
    """Do what a worker does with the next firing."""
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    (step,) = decode_body(claim.body).steps
    found = declaration(globals()[step.job.partition(":")[2]])
    assert found is not None
    return found.call(*get_serializer(step.serializer).loads(step.args, None))


def test_a_class_marked_with_queue_job_fires_its_objects(queue: SkunkQueue) -> None:
    assert queue.job(Report) is Report
    handle = Report("Sales").fire(2025)

    assert handle.state is State.PENDING
    assert run(queue) == "Sales 2025"


def test_a_marked_class_fires_later_and_with_other_rules(queue: SkunkQueue) -> None:
    queue.job(Report)
    later = Report("Sales").fire_at(timedelta(hours=3), 2025).record()
    urgent = Report("Sales").options(priority=9).fire(2025).record()
    call = Report("Sales")(2025).options(priority=8, expires=60).fire().record()

    assert later.due == pytest.approx(later.enqueued + 3 * 3600)
    assert (urgent.priority, call.priority) == (9, 8)
    assert call.expires is not None


def test_a_subclass_fires_on_the_queue_of_its_parent(queue: SkunkQueue) -> None:
    queue.job(Report)

    assert Yearly("Sales").fire(2025).record().priority == 7


def test_rules_given_where_a_class_is_marked_are_the_classs(queue: SkunkQueue) -> None:
    def backoff(failures: int, _error: BaseException) -> float:
        return failures

    queue.job(retries=5, routes=["foo"], backoff=backoff)(Ruled)
    found = declaration(Ruled)

    assert found is not None
    assert (found.policy.retries, found.policy.backoff) == (5, backoff)
    assert Ruled().fire().record().route == "foo"


def test_a_marked_class_has_the_queues_rules_where_it_says_nothing(tmp_path: Path) -> None:
    with SkunkQueue("demo", conn_url=tmp_path / "q.db", serializer="pickle") as queue:
        queue.job(Report)

        assert Report("Sales")(1).policy.serializer == "pickle"
        assert Report("Sales")(1).policy.retries == 2


@pytest.mark.parametrize(("kind", "told"), [(JobMixin, "inherit it"), (Empty, "no method `work`")])
def test_a_class_that_can_do_nothing_is_not_marked(queue: SkunkQueue, kind: Any, told: str) -> None:
    with pytest.raises(NotAJobError, match=told):
        queue.job(kind)


def test_an_object_without_a_queue_is_told_what_works(queue: SkunkQueue) -> None:
    with pytest.raises(NoQueueError, match=r"put @queue.job above its class.*queue\.fire_call\(job, when\)"):
        Unbound().fire_at(timedelta(hours=3), 1)

    job = Unbound()
    handle = queue.fire_call(job(1), timedelta(hours=3))
    assert handle.record().due > handle.record().enqueued + 3600
    assert job.fire(2).state is State.PENDING


def test_a_queue_fires_objects_and_chains_as_they_are(queue: SkunkQueue) -> None:
    chain = Unbound()(1) & Ruled()
    queue.fire_call(Ruled())
    queue.fire_call(chain)

    assert chain.fire().state is State.PENDING


def test_an_object_with_other_rules_is_another_and_keeps_its_attributes(queue: SkunkQueue) -> None:
    queue.job(Report)
    report = Report("Sales")
    urgent = report.options(priority=9)
    urgent.fire(2025)

    assert (urgent.title, urgent.priority) == ("Sales", 9)
    assert "priority" not in vars(report)
    # As with a function's options, both speak of what was fired through either.
    assert report.state is State.PENDING


@pytest.mark.parametrize("rule", [{"priority": 10}, {"backoff": 5}, {"nothing": 1}])
def test_a_wrong_rule_of_an_object_is_refused(rule: dict[str, Any]) -> None:
    for change in (Report("Sales").options, Report("Sales")(1).options):
        with pytest.raises(PolicyError, match=next(iter(rule))):
            change(**rule)


def test_an_attribute_named_like_a_rule_is_one_and_is_there_when_work_runs(queue: SkunkQueue) -> None:
    queue.job(Download)
    Download("https://example.org/", timeout=3.0).fire()
    (claim,) = queue.backend.claim("demo", "default", "w", 1, 60.0)
    (step,) = decode_body(claim.body).steps
    found = declaration(Download)

    assert step.timeout == 3.0
    assert found is not None
    assert found.call(*get_serializer("typed").loads(step.args, None)) == ("https://example.org/", 3.0)


def test_an_attribute_that_is_wrong_as_a_rule_is_told_why_it_is_one() -> None:
    job = Download("https://example.org/", timeout=0)

    with pytest.raises(
        PolicyError, match=r"timeout must be more than 0.*an attribute of that name is a rule: rename"
    ):
        job()


def test_a_wrong_rule_of_a_class_is_told_with_the_class(queue: SkunkQueue) -> None:
    told = (
        r"priority must be a whole number.*In the class Hurried, an attribute of that name is a rule: rename"
    )
    for use in (queue.fire_call, lambda job: queue.job(type(job))):
        with pytest.raises(PolicyError, match=told):
            use(Hurried())


def test_routes_travel_whatever_holds_them_and_functions_do_not() -> None:
    job = Download("https://example.org/")
    job.routes = (name for name in ("a", "b"))
    job.idempotency_key = lambda: "one"
    call = job()

    assert call.policy.routes == ("a", "b")
    assert call.key() == "one"
    (step,) = call.steps()
    _, _, attrs = get_serializer("typed").loads(step.args, None)
    assert attrs == {"url": "https://example.org/", "timeout": 10.0, "routes": ["a", "b"]}


def test_an_attribute_in_the_place_of_work_is_refused_when_fired() -> None:
    job = Report("Sales")
    job.work = str  # type: ignore[method-assign, assignment]  # wrong on purpose

    with pytest.raises(NotAJobError, match="attribute `work`"):
        job(2025)


def test_an_object_of_a_generic_class_is_fired(queue: SkunkQueue) -> None:
    queue += Box[int]()

    assert run(queue) == []


@pytest.mark.parametrize("name", ["state", "result"])
def test_attribute_that_is_named_like_a_property_of_mixins_says_which_name_is_taken(name: str) -> None:
    report = Report("Sales")

    with pytest.raises(AttributeError) as caught:
        setattr(report, name, "mine")

    assert f"'{name}'" in str(caught.value)
    assert "Report" in str(caught.value)
    assert "give your attribute another name" in str(caught.value)


def test_class_job_may_have_a_state_of_its_own_where_the_class_says_so() -> None:
    class Own(JobMixin):
        state: Any = None

        def work(self) -> None: ...

    job = Own()
    job.state = "mine"

    assert job.state == "mine"


@pytest.mark.parametrize("name", ["fire", "fire_at", "fire_async", "fire_at_async", "with_previous", "calls"])
def test_a_class_that_is_fired_itself_asks_for_an_object(name: str) -> None:
    more = [2] if "_at" in name else []

    with pytest.raises(
        NotAJobError, match=r"^1 is not an object of .*: make an object first, such as .*\.fire"
    ):
        getattr(Unbound, name)(1, *more)


def test_a_class_in_the_place_of_an_object_is_named() -> None:
    fire: Any = JobMixin.fire

    with pytest.raises(NotAJobError, match=r"make an object first, Unbound\(\.\.\.\)\.fire"):
        fire(Unbound)
