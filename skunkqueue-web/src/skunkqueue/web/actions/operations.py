"""What is done to operations in the background: stop."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from skunkqueue.web import inputs, operations, source
from skunkqueue.web.rights import Right, allowed

blueprint = Blueprint("operation_actions", __name__)


@blueprint.post("/do/operations/stop")
@allowed(Right.ACT)
def stop() -> Response:
    """Tell an operation to end after the firings it is at."""
    id_ = inputs.name("id") or ""
    if operations.stop(id_, source.current().control(inputs.text("why"))):
        flash("The operation is being stopped; what it has done stays done.", "done")
    else:
        flash("That operation has ended already, or is not known.", "error")
    return redirect(inputs.back(url_for("operations.operations")), 303)
