"""Search: leads to what was typed, or shows all that match, or what has a name that is nearly so."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, url_for
from werkzeug.wrappers import Response

from skunkqueue.web import finding, inputs
from skunkqueue.web.rights import Right, allowed

blueprint = Blueprint("find", __name__)


@blueprint.get("/find", endpoint="find")
@allowed(Right.VIEW)
def find() -> str | Response | tuple[str, int]:
    """Lead to what was typed where one thing matches; show those that match where several do."""
    text = inputs.text("q") or inputs.text("id")
    if text is None:
        return redirect(url_for("jobs.jobs"))
    found = finding.find(text)
    if len(found.matches) == 1:
        return redirect(found.matches[0].url)
    page = render_template("find.html", text=text, found=found, most=finding.MOST)
    return page if found.matches else (page, 404)
