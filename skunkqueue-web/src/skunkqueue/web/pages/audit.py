"""The audit log: who did what, when and why, and the outcome."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, render_template, url_for

from skunkqueue.cli.audit import listed
from skunkqueue.errors import BackendError, BackendUnavailableError
from skunkqueue.web import inputs, source, trail
from skunkqueue.web.rights import Right, allowed
from skunkqueue.web.trail import Trail

blueprint = Blueprint("audit", __name__)

SHOWN = 50


@blueprint.get("/audit")
@allowed(Right.VIEW)
def audit() -> str:
    """Show entries, newest first."""
    here = source.current()
    asked = {name: inputs.text(name) for name in ("who", "verb", "id")}
    after, before = (inputs.text(name, inputs.MAX_CURSOR) for name in ("after", "before"))
    if "audit" not in here.backend.capabilities:
        return render_template(
            "audit.html", lines=None, asked=asked, older=None, newer=None, begin=None, verbs=trail.VERBS
        )
    entries, there = here.shared(
        ("audit", *asked.values(), after, before), lambda: _read(after, before, asked)
    )
    given: dict[str, Any] = dict(asked)
    return render_template(
        "audit.html",
        lines=[trail.line(entry, there) for entry in entries.entries],
        asked=asked,
        older=entries.older and url_for(".audit", **given, after=entries.older),
        newer=entries.newer and url_for(".audit", **given, before=entries.newer),
        begin=after or before,
        verbs=trail.VERBS,
    )


def _read(
    after: str | None, before: str | None, asked: dict[str, str | None]
) -> tuple[Trail, frozenset[str] | None]:
    """Read a page of entries, and which workers and pools there are where that matters."""
    store = source.current().backend
    try:
        found = trail.read(store, SHOWN, after, before, who=asked["who"], verb=asked["verb"], id_=asked["id"])
        return found, listed(store, found.entries)
    except BackendUnavailableError:
        raise
    except BackendError as error:
        name, given = ("after", after) if before is None else ("before", before)
        if given is None:
            raise
        abort(400, f"the parameter {name}={inputs.brief(given)} makes no sense: {error}")
