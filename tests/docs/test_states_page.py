"""docs/states.md draws the states and verdicts that the code has."""

from __future__ import annotations

import re

from skunkqueue.records import State, Verdict
from tests.docs.pages import ROOT, blocks

DIAGRAM = blocks(ROOT / "docs" / "states.md", "mermaid")[0].code
ARROW = re.compile(r"^ *(\S+) --> (\S+)(?:: (.+))?$", re.MULTILINE)
VERDICTS = {verdict.value: verdict for verdict in Verdict}


def test_the_diagram_has_exactly_the_states() -> None:
    drawn = {name for start, end, _ in ARROW.findall(DIAGRAM) for name in (start, end)} - {"[*]"}

    assert drawn == {state.value for state in State}


def test_every_verdict_leads_where_the_code_says() -> None:
    drawn = {
        (label, start, end)
        for start, end, labels in ARROW.findall(DIAGRAM)
        for label in re.split(r", | or ", labels)
        if label in VERDICTS and start == "running"
    }

    assert drawn == {(verdict.value, "running", verdict.state.value) for verdict in Verdict}


def test_every_final_state_can_only_be_requeued_or_forgotten() -> None:
    final = {state.value for state in State if state.final}
    ways_out = {(end, label) for start, end, label in ARROW.findall(DIAGRAM) if start in final}

    assert ways_out == {("pending", "requeue"), ("[*]", "prune or delete")}
