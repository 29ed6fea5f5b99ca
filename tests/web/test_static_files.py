"""Static files: compressed for browsers that accept it, and sent once."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

STYLE = "/static/style.css"
GZIP = {"Accept-Encoding": "gzip, deflate, br"}


def content(app: Flask) -> bytes:
    return Path(app.static_folder or "", "style.css").read_bytes()


def test_a_style_is_compressed_for_a_browser_that_accepts_it(app: Flask, client: FlaskClient) -> None:
    answer = client.get(STYLE, headers=GZIP)

    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.mimetype == "text/css"
    assert len(answer.data) < len(content(app)) / 2
    assert gzip.decompress(answer.data) == content(app)


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "br"])
def test_other_clients_get_it_uncompressed(app: Flask, client: FlaskClient, accepted: str) -> None:
    with client.get(STYLE, headers={"Accept-Encoding": accepted}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert answer.data == content(app)


def test_a_cache_can_tell_both_versions_apart(client: FlaskClient) -> None:
    with client.get(STYLE, headers=GZIP) as small, client.get(STYLE) as plain:
        assert "Accept-Encoding" in small.headers["Vary"]
        assert "Accept-Encoding" in plain.headers["Vary"]
        assert small.headers["ETag"] != plain.headers["ETag"]


def test_what_a_browser_has_already_is_not_sent_again(client: FlaskClient) -> None:
    known = client.get(STYLE, headers=GZIP).headers["ETag"]

    answer = client.get(STYLE, headers={**GZIP, "If-None-Match": known})

    assert answer.status_code == 304
    assert answer.data == b""


def test_a_file_is_kept_once_however_it_is_named(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    compressed: list[bytes] = []
    compress = gzip.compress

    def counted(data: bytes, **options: Any) -> bytes:
        compressed.append(data)
        return compress(data, **options)

    monkeypatch.setattr(gzip, "compress", counted)
    for path in (STYLE, "/static/./style.css", "/static/%2e/./style.css", "/static/charts/../style.css"):
        client.get(path, headers=GZIP)
    assert len(compressed) == 1


def test_a_file_that_does_not_exist_is_not_found(client: FlaskClient) -> None:
    for path in ("/static/nothing.css", "/static/../app.py", "/static/%2e%2e/app.py"):
        assert client.get(path, headers=GZIP).status_code == 404


def test_a_page_with_the_tokens_of_forms_is_not_compressed(client: FlaskClient) -> None:
    assert "Content-Encoding" not in client.get("/queues", headers=GZIP).headers
