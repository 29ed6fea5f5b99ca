"""Values of jobs that are hard to write: as JSON, and on the page of a firing."""

from __future__ import annotations

import datetime as dt
import json
import math
import sys
from decimal import Decimal
from typing import Any

import pytest

from skunkqueue.cli import values
from skunkqueue.payload import AttemptState, Progress, encode
from skunkqueue.persistence.backend import Backend
from skunkqueue.records import ClaimRef, Verdict
from tests.core.cli.program import Skunq, begin, body, end, finish, fire, packed

HUGE = 2**20_000
SHORT = "0x100000000000000000… (20,001 bits)"


def nested(levels: int) -> Any:
    """Make lists within lists."""
    made: Any = HUGE
    for _ in range(levels):
        made = [made]
    return made


def test_json_has_integers_as_numbers_up_to_the_limit_and_then_as_text() -> None:
    written = json.loads(json.dumps(values.jsonable([2**53 + 1, 2**12_000, HUGE, [-HUGE]]), allow_nan=False))

    assert written == [2**53 + 1, 2**12_000, hex(HUGE), [hex(-HUGE)]]


ODD = [
    HUGE,
    [{"deep": [HUGE]}],
    nested(60),
    float("nan"),
    math.inf,
    b"\x00\xff",
    "\udcff",
    "\x1b[2Jcleared\x9b\u202e",
    "x" * 200_000,
    dt.datetime.max.replace(tzinfo=dt.timezone.utc),
    dt.datetime.min.replace(tzinfo=dt.timezone.utc),
    dt.timedelta.max,
    Decimal("1E+999999"),
    {1: 2, None: {HUGE}},
]


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_the_page_of_a_firing_shows_any_value(store: Backend, skunq: Skunq, value: object) -> None:
    made = finish(store, data=body("shop:sell", value, given=value), result=packed(value))

    told = skunq("job", made)
    document = skunq.json("job", made)

    assert len(told) < 20_000
    assert "shop:sell(" in told
    assert "\x1b" not in told
    assert document["state"] == "complete"
    assert value == ODD[2] or document["steps"][0]["args"] == [document["result"]] == [values.jsonable(value)]
    assert made in skunq("jobs")


def test_a_running_firing_with_a_huge_argument_is_listed(store: Backend, skunq: Skunq) -> None:
    made = fire(store, body("shop:sell", HUGE))
    claim = begin(store)
    store.progress(ClaimRef(claim.id, claim.token), encode(Progress(1e308, 1e-308, "far", math.inf)))

    assert made in skunq("top", "--once")
    assert skunq.json("top")["running"][0]["id"] == made
    assert made in skunq("jobs")
    assert skunq.json("jobs")["jobs"][0]["progress"]["done"] == 1e308
    end(store, claim, Verdict.RETRY, attempt_state=encode(AttemptState(failures=2**60)))
    assert SHORT in skunq("job", made)


def test_a_low_limit_of_digits_hides_nothing(store: Backend, skunq: Skunq) -> None:
    if not hasattr(sys, "set_int_max_str_digits"):
        pytest.skip("this Python writes integers of any size")
    before = sys.get_int_max_str_digits()
    made = fire(store, body("shop:sell", 2**4_000))
    try:
        sys.set_int_max_str_digits(640)

        assert "(4,001 bits)" in skunq("job", made)
        assert skunq.json("job", made)["steps"][0]["args"] == [hex(2**4_000)]
    finally:
        sys.set_int_max_str_digits(before)
