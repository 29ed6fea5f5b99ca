"""What a program is told about something that is not there."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize("kind", ["worker", "pool"])
def test_one_that_is_not_there_is_answered_with_the_address_of_those_that_are(
    client: FlaskClient, kind: str
) -> None:
    answer = client.get(f"/api/v1/{kind}s/nobody")

    assert answer.status_code == 404
    assert f"/api/v1/{kind}s lists all" in answer.text
