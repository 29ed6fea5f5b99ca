"""Forms of pages, sent as a browser without scripts sends them."""

from __future__ import annotations

import html
import re

from flask.testing import FlaskClient

FORM = re.compile(r'<form[^>]* id="([^"]+)"[^>]*>(.*?)</form>', re.DOTALL)
BUTTON = re.compile(r'<button[^>]* form="([^"]+)" formaction="([^"]+)"[^>]*>([^<]+)</button>')
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def press(client: FlaskClient, page: str, text: str, why: str) -> None:
    """Press the first button of this text that acts at once, after saying why."""
    found = client.get(page).text
    form, action, _ = next(button for button in BUTTON.findall(found) if button[2] == text)
    inside = dict(FORM.findall(found))[form]
    assert 'name="why"' in inside
    fields = dict(_HIDDEN.findall(inside))
    answer = client.post(html.unescape(action), data={**fields, "why": why}, form_token=False)
    assert answer.status_code == 303
