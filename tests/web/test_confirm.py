"""What a person is asked before firings are changed: which, and what will become of them."""

from __future__ import annotations

from flask.testing import FlaskClient

from skunkqueue.persistence import Backend
from tests.web.test_firing_actions import fail, put


def test_the_question_names_some_of_those_ticked(client: FlaskClient, store: Backend) -> None:
    ids = put(store, 7, job="shop:send")

    text = client.get("/confirm", query_string={"verb": "kill", "id": ids}).text

    assert text.count("send</a>") == 5
    assert "and 2 more" in text


def test_the_question_names_none_that_is_not_touched(client: FlaskClient, store: Backend) -> None:
    (meant,), (other,) = put(store), fail(store, 1)

    text = client.get("/confirm", query_string={"verb": "kill", "id": [meant, other]}).text

    assert f'<code class="soft">{meant}</code>' in text
    assert f'<code class="soft">{other}</code>' not in text


def test_a_question_about_one_is_about_it_and_not_about_them(client: FlaskClient, store: Backend) -> None:
    text = client.get("/confirm", query_string={"verb": "requeue", "id": fail(store, 1)}).text

    assert "Requeue 1 firing?" in text
    assert "It goes back in line" in text
