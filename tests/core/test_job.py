"""Functions and classes as jobs, and chains of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import pytest

from skunkqueue import JobMixin, SkunkQueue
from skunkqueue.backoff import Exponential
from skunkqueue.call import Call, Chain
from skunkqueue.errors import (
    ConfigError,
    DamagedPayloadError,
    NoQueueError,
    NotAJobError,
    PolicyError,
    UnsupportedTypeError,
)
from skunkqueue.job import Job, as_fireable, declaration, job_name
from skunkqueue.serializers import get_serializer

queue = SkunkQueue("jobs", conn_url="sqlite:////nonexistent/never-opened.db")


@queue.job(routes=["foo"], retries=2)
def add(first: int, second: int) -> int:
    """Add."""
    return first + second


@queue.job
async def later() -> str:
    return "later"


def counting(function: Any) -> Any:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        wrapper.calls += 1  # type: ignore[attr-defined]  # as counters are often written
        return function(*args)

    vars(wrapper).update(calls=0, options={}, name="counter", limit=3)
    return wrapper


@queue.job
@counting
def counted() -> None: ...


class Greet(JobMixin):
    routes = ["foo"]  # noqa: RUF012 - as users write it
    retries = 3
    backoff = Exponential(base=2)

    def __init__(self, greeting: str) -> None:
        super().__init__()
        self.greeting = greeting

    def work(self, name: str) -> str:
        return f"{self.greeting} {name}"


class Forgetful(JobMixin):
    def __init__(self) -> None:
        self.note = "did not call super"

    def work(self) -> str:
        return self.note


class Polite(Greet):
    retries = 5


@queue.job
def parameters(self: int, when: int = 0, args: int = 0) -> tuple[int, int, int]:
    return self, when, args


class Static:
    @queue.job
    @staticmethod
    async def inside() -> str:
        return "inside"


@dataclass
class Callable:
    def __call__(self, *_: object) -> str:
        return "run without being a job"


def arguments(call: Call[Any]) -> Any:
    (step,) = call.steps()
    return get_serializer("typed").loads(step.args, None)


def test_a_job_keeps_the_functions_name_and_doc() -> None:
    assert (add.__name__, add.__doc__) == ("add", "Add.")  # type: ignore[attr-defined]  # copied from the function
    assert add.name == f"{__name__}:add"
    assert add.work(4, 5) == 9


def test_what_a_decorator_puts_on_a_function_hides_nothing_of_its_job() -> None:
    job: Any = counted

    assert (job.limit, job.__wrapped__) == (3, job.work)
    assert (len(as_fireable(job).calls()), len((add(1, 2) & job).calls())) == (1, 2)
    assert job.options(retries=1)().policy.retries == 1


def test_an_attribute_of_an_object_may_be_called_as_anything_of_ours() -> None:
    job = Greet("hello")
    vars(job)["calls"] = 0

    assert [call.attrs for call in (job & job).calls()] == [{"greeting": "hello", "calls": 0}] * 2
    assert as_fireable(job).calls()[0].attrs == {"greeting": "hello", "calls": 0}


def test_calling_a_job_gives_it_its_arguments_and_fires_nothing() -> None:
    call = add(4, second=5)

    assert isinstance(call, Call)
    assert arguments(call) == [[4], {"second": 5}, None]
    assert add.state is None


def test_rules_of_a_job_travel_in_its_steps() -> None:
    (step,) = add.options(timeout=7, retries=4)(1, 2).steps()

    assert (step.job, step.retries, step.timeout) == (add.name, 4, 7.0)
    assert add.policy.retries == 2


def test_routes_can_be_assigned() -> None:
    job = add.options()
    job.routes = ["a", "b"]

    assert job.routes == ["a", "b"]
    assert add.routes == ["foo"]


def test_an_objects_attributes_travel_with_it() -> None:
    assert arguments(Greet("hello")("Jed")) == [["Jed"], {}, {"greeting": "hello"}]


def test_a_worker_gets_the_object_back_without_calling_init() -> None:
    found = declaration(Greet)

    assert found is not None
    assert found.call(["Jed"], {}, {"greeting": "hello"}) == "hello Jed"


def test_class_attributes_are_rules_and_are_inherited() -> None:
    greet, polite = declaration(Greet), declaration(Polite)

    assert greet is not None
    assert polite is not None
    assert (greet.policy.retries, polite.policy.retries) == (3, 5)
    assert polite.policy.backoff == Exponential(base=2)


def test_an_object_may_set_rules_of_its_own() -> None:
    job = Greet("hi")
    job.routes = ["elsewhere"]
    job.retries = 9
    call = job("Jed")

    assert call.routes == ["elsewhere"]
    assert call.policy.retries == 9
    assert arguments(call)[2] == {"greeting": "hi", "retries": 9, "routes": ["elsewhere"]}


def test_a_mixin_works_without_super_init() -> None:
    assert arguments(as_fireable(Forgetful()).calls()[0])[2] == {"note": "did not call super"}


def test_ampersand_conjoins_jobs_objects_and_calls_in_order() -> None:
    chain = Greet("a")("x") & Forgetful() & add(1, 2) & later

    assert isinstance(chain, Chain)
    assert [step.job.partition(":")[2] for step in chain.steps()] == ["Greet", "Forgetful", "add", "later"]


def test_a_chain_has_routes_of_its_own() -> None:
    chain = Forgetful() & add(1, 2)
    chain.routes = ["bar"]

    assert chain.routes == ["bar"]
    assert add.routes == ["foo"]


@pytest.mark.parametrize("other", [3, "text", print, None])
def test_only_jobs_are_conjoined(other: Any) -> None:
    with pytest.raises(NotAJobError, match="cannot join"):
        add & other
    with pytest.raises(NotAJobError, match="cannot join"):
        Greet("a") & other


@pytest.mark.parametrize("thing", [3, print, Greet, JobMixin, lambda: 1])
def test_only_jobs_are_fired(thing: Any) -> None:
    with pytest.raises(NotAJobError, match="is not a job, call or chain"):
        as_fireable(thing)


def test_a_class_is_told_from_its_object() -> None:
    with pytest.raises(NotAJobError, match="make an object of the class first"):
        as_fireable(Greet)
    with pytest.raises(NotAJobError, match="mark the function with @queue"):
        as_fireable(print)


def test_an_argument_that_cannot_be_stored_is_named() -> None:
    with pytest.raises(UnsupportedTypeError, match=r"argument 2 of .*:add\[0\] is of type builtins\.object"):
        add(1, [object()]).steps()  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(UnsupportedTypeError, match="argument 'second' of"):
        add(1, second=object()).steps()  # type: ignore[arg-type]  # wrong on purpose


def test_an_attribute_that_cannot_be_stored_is_named() -> None:
    with pytest.raises(UnsupportedTypeError, match="attribute 'greeting' of"):
        Greet(object())("x").steps()  # type: ignore[arg-type]  # wrong on purpose


def test_a_job_without_a_queue_tells_the_way_out() -> None:
    with pytest.raises(NoQueueError, match="queue \\+= job"):
        Greet("a").fire("x")


def test_a_job_in_a_function_is_refused_when_declared() -> None:
    with pytest.raises(NotAJobError, match="top of a module"):

        @queue.job
        def local() -> None: ...


def test_a_class_that_does_not_inherit_jobmixin_is_refused_with_the_way_out() -> None:
    for kind in (int, Callable):
        with pytest.raises(NotAJobError, match="for a class, inherit JobMixin"):
            queue.job(kind)
    with pytest.raises(NotAJobError, match="JobMixin itself"):
        queue.job(JobMixin)


def test_a_wrong_rule_is_refused_when_declared() -> None:
    with pytest.raises(PolicyError, match="retries"):
        queue.job(retries=-1)


def test_a_class_without_work_is_refused() -> None:
    with pytest.raises(NotAJobError, match="no method `work`"):
        as_fireable(type("Empty", (JobMixin,), {"__module__": __name__, "work": None})())


def test_what_a_worker_may_run_is_a_job_or_nothing() -> None:
    found = declaration(add)

    assert found is not None
    assert found.call([4, 5], {}, None) == 9
    assert [declaration(one) for one in (print, int, JobMixin, Greet("a"), add.work, None)] == [None] * 6


def test_an_async_job_is_known_as_one() -> None:
    found = declaration(later)

    assert found is not None
    assert found.is_async
    assert isinstance(later, Job)


def test_a_job_of_a_prompt_is_refused() -> None:
    def work() -> None: ...

    work.__qualname__ = "work"
    work.__module__ = ""
    with pytest.raises(NotAJobError, match="put it into a file"):
        job_name(work)


def test_parameters_may_have_any_name() -> None:
    assert arguments(parameters(self=1, when=2, args=3)) == [[], {"self": 1, "when": 2, "args": 3}, None]
    greet: Any = Greet("a")
    for fire in (lambda: parameters.options().fire(self=1), lambda: greet.fire(self=1)):
        with pytest.raises((NoQueueError, ConfigError)):
            fire()


def test_nothing_stored_takes_the_place_of_a_classs_work() -> None:
    found = declaration(Greet)

    assert found is not None
    with pytest.raises(DamagedPayloadError, match="attribute `work`"):
        found.call(["Jed"], {}, {"work": Callable()})


def test_a_job_is_declared_once() -> None:
    with pytest.raises(NotAJobError, match="a job already"):
        queue.job(add)


def test_a_static_method_is_a_job_on_either_side_of_the_decorator() -> None:
    found = declaration(Static.inside)

    assert found is not None
    assert found.is_async
    assert found.name == f"{__name__}:Static.inside"


def test_a_class_is_not_joined_in_place_of_its_object() -> None:
    with pytest.raises(NotAJobError, match="cannot join"):
        add & Greet  # type: ignore[operator]  # wrong on purpose


def test_a_class_with_slots_is_refused_since_they_would_be_lost() -> None:
    @dataclass(slots=True)
    class Slotted(JobMixin):
        width: int

        def work(self) -> int:
            return self.width

    with pytest.raises(NotAJobError, match="__slots__"):
        as_fireable(Slotted(3))


@pytest.mark.parametrize("rule", [{"backoff": 5}, {"retry_on": ValueError}, {"give_up_on": ValueError}])
def test_a_rule_that_does_not_travel_cannot_be_changed_for_some_firings(rule: dict[str, Any]) -> None:
    job = Greet("a")
    vars(job).update(rule)

    with pytest.raises(PolicyError, match="where the job is declared"):
        add.options(**rule)
    with pytest.raises(PolicyError, match="where the job is declared"):
        job("x")


@pytest.mark.parametrize("rule", [{"retries": 3}, {"timeout": 5}, {"serializer": "pickle"}])
def test_a_chain_refuses_rules_that_are_its_steps(rule: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match="belongs to each step"):
        (add(1, 2) & later).options(**rule)


def test_a_key_function_that_does_not_take_the_arguments_is_told() -> None:
    class Keyed(JobMixin):
        def idempotency_key(self, name: str) -> str:
            return name

        def work(self, name: str) -> str:
            return name

    Keyed.__qualname__ = "Keyed"
    with pytest.raises(PolicyError, match="make it a staticmethod"):
        Keyed()("Jed").key()
