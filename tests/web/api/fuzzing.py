"""Requests at random, made from the OpenAPI document: such as fit it, and such as do not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from skunkqueue.web.api.openapi import document

MODES = (GenerationMode("positive"), GenerationMode("negative"))


def fuzz(app: Flask, examples: int, headers: dict[str, str]) -> int:
    """Make so many requests of each kind to each endpoint, and check all answers against the document; return how many."""

    def local(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Schemathesis does not say where its requests come from.
        environ["REMOTE_ADDR"] = "127.0.0.1"
        return app(environ, start_response)

    # With a token the document is the one of a monitor without logins: else a request that should lack the
    # token, and gets it here, would be expected to be refused.
    schema = schemathesis.openapi.from_dict(document(is_open=bool(headers)))
    schema.app = local
    made = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in MODES:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                phases=(Phase.explicit, Phase.generate),
                suppress_health_check=list(HealthCheck),
            )
            def ask(case: Any) -> None:
                nonlocal made
                made += 1
                case.call_and_validate(headers=headers)

            try:
                ask()
            except Unsatisfiable:
                # Without parameters, nothing can be wrong with them.
                assert mode is MODES[1]
    return made
