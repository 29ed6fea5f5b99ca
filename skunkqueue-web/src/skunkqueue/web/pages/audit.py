"""The audit log: who did what, when and why, and the outcome."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template, url_for

from skunkqueue.cli.audit import listed
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.pools import Entries
from skunkqueue.web import inputs, source, trail
from skunkqueue.web.rights import Right, allowed

blueprint = Blueprint("audit", __name__)

SHOWN = 50


@blueprint.get("/audit")
@allowed(Right.VIEW)
def audit() -> str:
    """Show entries, newest first."""
    here = source.current()
    asked = {name: inputs.text(name) for name in ("who", "verb", "id")}
    after = inputs.text("after", inputs.MAX_CURSOR)
    if "audit" not in here.backend.capabilities:
        return render_template(
            "audit.html", lines=None, asked=asked, older=None, after=after, verbs=trail.VERBS
        )
    entries, there = here.shared(("audit", *asked.values(), after), lambda: _read(after, asked))
    older = None
    if entries.next is not None:
        given: dict[str, Any] = {**asked, "after": entries.next}
        older = url_for(".audit", **given)
    return render_template(
        "audit.html",
        lines=[trail.line(entry, there) for entry in entries.entries],
        asked=asked,
        older=older,
        after=after,
        verbs=trail.VERBS,
    )


def _read(after: str | None, asked: dict[str, str | None]) -> tuple[Entries, frozenset[str] | None]:
    """Read a page of entries, and which workers and pools there are where that matters."""
    store = source.current().backend
    try:
        found = store.audit(SHOWN, after, who=asked["who"], verb=asked["verb"], id_=asked["id"])
        return found, listed(store, found.entries)
    except BackendUnavailableError:
        raise
    except BackendError as error:
        if after is None:
            raise
        abort(400, f"the parameter after={inputs.brief(after)} makes no sense: {error}")
