"""The OpenAPI document: complete, and what the API really does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from skunkqueue.web.api.endpoints import BASE, ENDPOINTS
from skunkqueue.web.rights import needs
from tests.web.access.conftest import Monitor, bearer
from tests.web.crews import add_pool
from tests.web.firings import firing
from tests.web.monitor_client import MonitorClient

EXAMPLES = 1


def document(client: FlaskClient, **more: Any) -> Any:
    answer = client.get("/api/v1/openapi.json", **more)
    assert answer.status_code == 200
    return json.loads(answer.data)


def test_every_endpoint_is_in_the_document(client: FlaskClient, app: Flask) -> None:
    found = document(client)
    told = {(method.upper(), path) for path, methods in found["paths"].items() for method in methods}
    served = {
        (method, str(rule.rule).removeprefix(BASE).replace("<", "{").replace(">", "}").replace("id_", "id"))
        for rule in app.url_map.iter_rules()
        if str(rule.rule).startswith(f"{BASE}/") and not str(rule.rule).endswith("openapi.json")
        for method in (rule.methods or set()) - {"HEAD"}
    }

    assert found["openapi"] == "3.1.0"
    assert told == served


def test_all_that_is_referred_to_is_there_and_has_a_description(client: FlaskClient) -> None:
    found = document(client)
    schemas = found["components"]["schemas"]
    text = json.dumps(found)

    assert all(f"#/components/schemas/{name}" in text for name in schemas)
    assert [
        name for name, schema in schemas.items() if "enum" not in schema and not schema.get("description")
    ] == []


def test_rights_are_those_that_the_document_tells(app: Flask) -> None:
    for endpoint in ENDPOINTS:
        assert needs(app.view_functions[f"api.{endpoint.name}"]) is endpoint.right


def test_how_to_log_in_is_told_where_one_has_to(client: FlaskClient, locked: MonitorClient) -> None:
    assert "security" not in document(client)
    assert document(locked, headers=bearer("view"))["security"] == [{"token": []}]


@pytest.mark.parametrize("path", ["", "/ops/queue", "/jobs"])
def test_the_server_of_the_document_is_where_the_api_is_mounted(client: FlaskClient, path: str) -> None:
    (server,) = document(client, environ_overrides={"SCRIPT_NAME": path})["servers"]

    assert server == {"url": f"{path}{BASE}"}


def test_the_server_of_the_document_is_below_the_prefix(monitor: Monitor) -> None:
    answer = monitor(prefix="/jobs").get("/jobs/api/v1/openapi.json")

    assert json.loads(answer.data)["servers"] == [{"url": "/jobs/api/v1"}]


def test_requests_at_random_are_answered_as_the_document_says(locked: MonitorClient, store: Backend) -> None:
    store.enqueue([firing(job="shop:send", tags=("a",)) for _ in range(20)])
    add_pool(store)

    from tests.web.api.fuzzing import fuzz  # noqa: PLC0415 - takes a second to load, in each process of a parallel run

    made = fuzz(locked.application, EXAMPLES, bearer("admin"))

    assert made > len(ENDPOINTS)


def test_requests_at_random_are_refused_without_a_login(locked: MonitorClient, store: Backend) -> None:
    ids = [each.id for each in (firing(), firing())]
    store.enqueue([firing(id=id_) for id_ in ids])

    from tests.web.api.fuzzing import fuzz  # noqa: PLC0415 - as above

    fuzz(locked.application, 1, {})

    assert all(record is not None and record.state.value == "pending" for record in store.get(ids))
    assert store.audit(1).entries == ()
