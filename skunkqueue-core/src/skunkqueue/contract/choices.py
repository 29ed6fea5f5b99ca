"""What the random walk over all verbs chooses from, and how many walks and steps it makes."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from skunkqueue.contract.effort import EFFORT
from skunkqueue.ids import ID_LENGTH
from skunkqueue.records import State, Verdict

ROUTES = ("x", "y")
PARENT = "f" * ID_LENGTH
"""It fired some of the firings."""
SETTINGS = settings(
    max_examples=EFFORT.examples,
    stateful_step_count=EFFORT.steps,
    deadline=None,
    database=None,
    # Shrinking takes minutes: it helps to understand a failure, and is not for every run.
    phases=(Phase.generate, *([Phase.shrink] if os.environ.get("SKUNKQUEUE_CONTRACT_SHRINK") else [])),
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)

routes = st.sampled_from(ROUTES)
any_route = st.sampled_from([None, *ROUTES])
seats = st.integers(0, 2)
"""Which worker; in the store its id is ``QUEUE-w0`` and so on."""
names = st.sampled_from(["hourly", "nightly"])
picks = st.lists(st.integers(0, 40), max_size=5)
"""Indices into what exists, wrapped around."""
specs = st.fixed_dictionaries(
    {
        "route": routes,
        "priority": st.sampled_from([5, 5, 9, 0]),
        "delay": st.sampled_from([0.0, 0.0, 0.0, 3.0, 30.0]),
        "key": st.sampled_from([None, None, None, "k1"]),
        "target": st.sampled_from([None, None, None, 0, 1]),
        "job": st.sampled_from(["", "shop:add", "shop:send"]),
        "tags": st.sampled_from([(), (), ("t1",), ("t1", "t2")]),
        "parent": st.sampled_from([None, None, PARENT]),
    }
)
endings = st.fixed_dictionaries(
    {
        "pick": st.integers(0, 40),
        "verdict": st.sampled_from([*[Verdict.COMPLETE] * 4, *Verdict]),
        "delay": st.sampled_from([0.0, 0.0, 5.0]),
        "attempt_state": st.sampled_from([None, None, b"c1", b""]),
        "result": st.sampled_from([None, b"r", b"\x00"]),
        "ttl": st.sampled_from([None, None, 0.5, 40.5]),
        "began": st.booleans(),
        "error": st.sampled_from([None, None, "KeyError: 1", "ValueError"]),
        "follow": st.sampled_from([None, None, "plain", "keyed"]),
        "refire": st.sampled_from(["next", "next", "end", "none"]),
    }
)
asked = st.fixed_dictionaries(
    {"newest": st.booleans()},
    optional={
        "route": routes,
        "states": st.lists(st.sampled_from(State), max_size=3).map(tuple),
        "job": st.sampled_from(["", "shop:add"]),
        "tag": st.sampled_from(["t1", "t2"]),
        "key": st.just("k1"),
        "parent": st.just(PARENT),
        "error": st.sampled_from(["KeyError", "ValueError"]),
    },
)
"""Filters of listings."""
