"""Any value as a text, and errors about values that Python refuses to write."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from skunkqueue import Exponential, Retry, SkunkQueue
from skunkqueue.errors import SkunkQueueError
from skunkqueue.processes import log_values
from skunkqueue.serializers.unpacking import Opaque
from skunkqueue.show import MAX_BRIEF, brief, shown

HUGE = 2**20_000
SHORT = "0x100000000000000000… (20,001 bits)"
queue = SkunkQueue("jobs", conn_url="sqlite:////nonexistent/never-opened.db")


@queue.job
def add(first: int, second: int = 0) -> int:
    return first + second


def no_id(_: object) -> str:
    """Keep pytest from writing a value to name a test."""
    return ""


def nested(levels: int) -> Any:
    """Make lists within lists."""
    made: Any = HUGE
    for _ in range(levels):
        made = [made]
    return made


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (HUGE, SHORT),
        (-HUGE, f"-{SHORT}"),
        ([1, HUGE, "x"], f"[1, {SHORT}, 'x']"),
        ((HUGE,), f"({SHORT},)"),
        ({"n": (HUGE, 2)}, f"{{'n': ({SHORT}, 2)}}"),
        ({HUGE: {HUGE}}, f"{{{SHORT}: {{{SHORT}}}}}"),
        ([set(), frozenset({HUGE}), Decimal(1)], None),
        (Opaque("shop:Thing", {"size": HUGE}), f"shop:Thing(size={SHORT})"),
        (Opaque("shop:Colour", HUGE), f"shop:Colour.{SHORT}"),
        (
            Opaque("shop:Bag", [Opaque("shop:Thing", {"sizes": [HUGE]}), HUGE]),
            f"shop:Bag.[shop:Thing(sizes=[{SHORT}]), {SHORT}]",
        ),
        ([set(), {}, HUGE], f"[set(), {{}}, {SHORT}]"),
        ([1, 2, ("a", None)], "[1, 2, ('a', None)]"),
    ],
    ids=no_id,
)
def test_people_see_huge_integers_cut(value: object, text: str | None) -> None:
    told = shown(value)

    assert told == text if text is not None else SHORT in told
    assert len(told) < 200


def test_deep_values_end_in_dots() -> None:
    assert "[...]" in shown(nested(90))


class Broken:
    def __repr__(self) -> str:
        raise LookupError


def test_an_error_shows_a_value_briefly_whatever_its_repr_does() -> None:
    assert brief(Broken()) == "<Broken>"
    assert brief([HUGE, "x"]) == f"[{SHORT}, 'x']"
    assert len(brief("x" * 1_000)) == MAX_BRIEF


def test_calls_and_chains_show_huge_arguments() -> None:
    call = add(HUGE, second=HUGE)

    assert repr(call) == f"<Call {add.name}({SHORT}, second={SHORT})>"
    assert repr(call & add(1)) == f"<Chain {add.name}({SHORT}, second={SHORT}) & {add.name}(1)>"


def test_the_log_of_a_worker_shows_huge_results() -> None:
    assert log_values.brief([HUGE]) == f"[{SHORT}]"


@pytest.mark.parametrize(
    "refused",
    [
        lambda huge: add.fire_at(huge, 1),
        lambda huge: add.options(priority=huge),
        lambda huge: add.options(retries=huge),
        lambda huge: add.options(timeout=huge),
        lambda huge: add.options(expires=huge),
        lambda huge: add.options(routes=huge),
        lambda huge: add.options(routes=[huge]),
        lambda huge: add.options(queue_type=huge),
        lambda huge: add.options(idempotency_key=huge),
        lambda huge: queue.job(retry_on=huge),
        lambda huge: queue.job(backoff=[huge]),
        queue.job,
        queue.handle,
        lambda huge: queue.results([huge]),
        queue.fire_call,
        lambda huge: add & huge,
        SkunkQueue,
        lambda huge: SkunkQueue("jobs", max_payload=-huge),
        lambda huge: Exponential(base=huge),
        lambda huge: Retry(after=huge),
    ],
)
def test_a_huge_integer_in_a_wrong_place_is_told_as_any_other_value(refused: Callable[[Any], object]) -> None:
    with pytest.raises((SkunkQueueError, ValueError, TypeError)) as caught:
        refused(HUGE)

    assert isinstance(caught.value, SkunkQueueError) or "give at most" in str(caught.value)
