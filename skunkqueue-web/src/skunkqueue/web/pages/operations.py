"""Operations in the background: what runs, how far it is, and what has ended."""

from __future__ import annotations

from flask import Blueprint, render_template, request, url_for

from skunkqueue.web import inputs, operations
from skunkqueue.web.rights import Right, allowed

blueprint = Blueprint("operations", __name__)


@blueprint.get("/operations", endpoint="operations")
@allowed(Right.VIEW)
def all_or_one() -> str | tuple[str, int]:
    """Show all operations, or the one of ``id``."""
    known = operations.current()
    id_ = request.args.get("id")
    if id_ is None:
        return render_template("operations.html", operations=known.all())
    operation = known.get(id_)
    page = render_template("operation.html", operation=operation, next=inputs.back(url_for("jobs.jobs")))
    return page if operation is not None else (page, 404)
