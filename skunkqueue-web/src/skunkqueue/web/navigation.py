"""The pages that the header leads to."""

from __future__ import annotations

from typing import NamedTuple

from flask import request, url_for

PAGES = (("Queues", "queues.queues"),)
"""Texts and endpoints, in their order."""


class Item(NamedTuple):
    """One link of the header."""

    text: str
    url: str
    here: bool
    """The page that is shown is this one, or below it."""


def navigation() -> list[Item]:
    """List the links of the header."""
    here = (request.endpoint or "").partition(".")[0]
    return [Item(text, url_for(endpoint), endpoint.partition(".")[0] == here) for text, endpoint in PAGES]
