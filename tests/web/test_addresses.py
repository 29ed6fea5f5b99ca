"""Templates get the addresses that Flask makes, whether they are remembered or not."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

WANTED: list[tuple[str, dict[str, Any]]] = [
    ("jobs.jobs", {}),
    ("jobs.jobs", {"queue": "a b&c", "route": "r/1", "state": None}),
    ("jobs.jobs", {"state": ["pending", "running"]}),
    ("jobs.jobs", {"limit": 1}),
    ("jobs.jobs", {"limit": True}),
    ("jobs.jobs", {"limit": "1"}),
    ("jobs.jobs", {"job": "ä" * 300}),
    ("firing.firing", {"id_": "0123"}),
    ("static", {"filename": "app.js"}),
    (".jobs", {"queue": "q"}),
    ("jobs.jobs", {"_anchor": "top", "queue": "q"}),
]


@pytest.mark.parametrize(("endpoint", "values"), WANTED, ids=str)
def test_an_address_is_the_one_that_flask_makes(app: Flask, endpoint: str, values: dict[str, Any]) -> None:
    for root in ("", "/monitor", ""):
        with app.test_request_context("/jobs", base_url=f"http://localhost{root}"):
            made: Any = app.jinja_env.globals["url_for"]
            for _ in range(2):
                assert made(endpoint, **values) == app.url_for(endpoint, **values)


def test_an_address_that_makes_no_sense_is_refused_each_time(app: Flask) -> None:
    made: Any = app.jinja_env.globals["url_for"]
    with app.test_request_context("/"):
        for _ in range(2):
            with pytest.raises(Exception, match="Could not build url"):
                made("firing.firing")
