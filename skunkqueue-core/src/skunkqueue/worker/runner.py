"""From a claim to what is to be settled: runs the steps of a firing, and has each end ruled on.

Calls the job through ``execute``, and asks ``verdict`` what is to become of it. Does not claim.
"""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from skunkqueue.context import current
from skunkqueue.errors import DamagedPayloadError, PayloadTooLargeError, SkunkQueueError
from skunkqueue.payload import EMPTY_CARRY, Body, Carry, decode_body, decode_carry, encode
from skunkqueue.policy import Policy
from skunkqueue.records import Claim, Outcome, Verdict
from skunkqueue.serializers import DEFAULT_SERIALIZER, get_serializer
from skunkqueue.worker import verdict
from skunkqueue.worker.board import Board
from skunkqueue.worker.context import WorkerContext
from skunkqueue.worker.execute import AWAITED, Performer, Phase
from skunkqueue.worker.failures import place_of
from skunkqueue.worker.holdings import KILL_AFTER, NEVER, Finished, Holdings, Midway, Running, ref_of
from skunkqueue.worker.interrupt import Interrupter
from skunkqueue.worker.logs import duration
from skunkqueue.worker.refires import Refires
from skunkqueue.worker.settler import Settler
from skunkqueue.worker.verdict import Ruling, Try

if TYPE_CHECKING:
    from skunkqueue.worker.lane import Lane, Ran

logger = logging.getLogger("skunkqueue.worker")

_SUSPECT_DELAY = 0.5


class Runner:
    """For one worker; all but ``ended_async`` is called in the main thread."""

    def __init__(
        self,
        performer: Performer,
        interrupter: Interrupter,
        holdings: Holdings,
        *,
        settler: Settler,
        refires: Refires,
        board: Board,
        worker: str,
        max_payload: int,
        open_lane: Callable[[], Lane],
    ) -> None:
        self._performer = performer
        self._interrupter = interrupter
        self._holdings = holdings
        self._settler = settler
        self._refires = refires
        self._board = board
        self._worker = worker
        self._max_payload = max_payload
        self._open_lane = open_lane
        self._pid = os.getpid()
        self.lane: Lane | None = None

    def note_fork(self) -> None:
        """See to it that a copy of this process, made by a job, is noticed when the job returns in it."""
        self._interrupter.delivered = (None, "forked")

    def run(self, claim: Claim) -> bool:
        """Run a claim, or begin to; False: there is no room for it on the event loop now."""
        try:
            body = decode_body(claim.body)
        except DamagedPayloadError as error:
            self._conclude(claim, verdict.unreadable(claim, error), "a damaged firing")
            return True
        holdings = self._holdings
        if (
            claim.carry is None
            and not claim.deaths
            and claim.expires is None
            and body.schedule is None
            and not claim.kill_requested
            and not holdings.kills
        ):
            return self._steps(claim, body, EMPTY_CARRY, 1)
        carry = self._admit(claim, body)
        return carry is None or self._steps(claim, body, carry, verdict.attempt_number(claim, carry))

    def resume(self, midway: Midway) -> bool:
        """Go on with a chain; False as in ``run``, and it is not taken."""
        claim, body, carry, began = midway
        number = verdict.attempt_number(claim, carry)
        return self._steps(claim, body, carry, number, began)

    def advance(self, claim: Claim, carry: Carry) -> bool:
        """Save how far a chain has come; False where the claim is lost."""
        outcome = Outcome(id=claim.id, token=claim.token, verdict=Verdict.ADVANCE, carry=encode(carry))
        if self._settler.advance(outcome):
            return True
        self._settler.refuse(Finished(claim, outcome, ""), "the store knows a newer claim")
        return False

    # --- before the job ---------------------------------------------------------------------------

    def _admit(self, claim: Claim, body: Body) -> Carry | None:
        """Look at a firing's past; ``None``: it must not run, and that has been concluded."""
        try:
            carry = _carry_of(claim, body)
        except DamagedPayloadError as error:
            self._conclude(claim, verdict.unreadable(claim, error), body.name, body)
            return None
        if self._is_for_others(claim, body):
            self._release(claim, self._refires.delay_for_others(body.schedule or "", claim.id))
            return None
        number = verdict.attempt_number(claim, carry)
        tried = Try(claim, body, carry, number, worker=self._worker)
        ruling = self._forestall(tried)
        if ruling is not None:
            self._conclude(claim, ruling, body.name, body, number)
            return None
        if claim.deaths and self.lane is not None and self.lane.has_suspect:
            # Two that killed workers before are not run beside each other: if one does it again, it
            # would not be known which.
            self._release(claim, _SUSPECT_DELAY)
            return None
        return carry

    def _is_for_others(self, claim: Claim, body: Body) -> bool:
        """Say whether this is a schedule's run whose next this worker cannot plan; also if it must not run."""
        if body.schedule is None or claim.kill_requested or claim.id in self._holdings.kills:
            return False
        return self._refires.lacks(body.schedule, body.strategy, claim.id)

    def _forestall(self, tried: Try) -> Ruling | None:
        """Rule on a firing that must not run (any more)."""
        claim = tried.claim
        ruling = verdict.before(claim, tried.body, tried.carry)
        if ruling is not None:
            return ruling
        if claim.id in self._holdings.kills:
            return verdict.interrupted(tried, verdict.KILL)
        death = verdict.unseen_timeout(claim, tried.carry)
        if death is None:
            return None
        tried = tried._replace(took=tried.step.timeout or 0.0, worker=death.worker)
        return verdict.timed_out(tried, self._policy(tried) or Policy(), death, random.random)

    def _release(self, claim: Claim, delay: float) -> None:
        self._holdings.finished.append(Finished(claim, verdict.released(claim, delay), "a firing"))

    def _policy(self, tried: Try) -> Policy | None:
        try:
            return self._performer.find(tried.step.job).policy
        except SkunkQueueError:
            return None

    # --- the job ----------------------------------------------------------------------------------

    def _steps(self, claim: Claim, body: Body, carry: Carry, number: int, first: float | None = None) -> bool:
        holdings = self._holdings
        steps = body.steps
        given = carry
        while True:
            step = steps[len(carry.done)]
            context = WorkerContext(claim, number, step.job, holdings)
            current.set(context)
            began = holdings.monotonic()
            if first is None:
                first = began
            if step.timeout is None:
                deadline, limit = NEVER, 0.0
            else:
                deadline = began + step.timeout
                limit = deadline + KILL_AFTER
            self._board.begin(0, claim.id, claim.token, limit, claim.deaths > 0)
            holdings.running = Running(claim, began, deadline)
            data = self._performer.perform(step)
            holdings.running = None
            took = holdings.monotonic() - first
            if data is AWAITED:
                self._board.clear(0)
                tried = Try(claim, body, carry, number, first)
                return self._to_lane(tried, context, first) or self._put_aside(tried, given)
            if data is None or self._interrupter.delivered is not None or holdings.progress or holdings.lost:
                tried = Try(claim, body, carry, number, first + holdings.offset, took, self._worker)
                if not self._went_well(tried, data):
                    return True
            assert data is not None  # noqa: S101 - _went_well says so
            if len(carry.done) + 1 < len(steps):
                carry = _one_further(carry, data)
                if not self.advance(claim, carry):
                    return True
                number = verdict.attempt_number(claim, carry)
                continue
            if len(steps) > 1:
                tried = Try(claim, body, carry, number, first + holdings.offset, took, self._worker)
                self._complete_chain(tried, data)
                return True
            outcome = Outcome(
                id=claim.id,
                token=claim.token,
                verdict=Verdict.COMPLETE,
                result=data,
                began=first + holdings.offset,
                took=took,
                ttl=body.ttl,
            )
            holdings.finished.append(
                Finished(claim, outcome, step.job, self._performer.value, None, body.schedule, number)
            )
            return True

    def _went_well(self, tried: Try, data: bytes | None) -> bool:
        """Conclude an attempt that did not; True where the result counts."""
        if os.getpid() != self._pid:
            # The job has forked and its copy came back here: it must not go on as a second worker.
            os._exit(1)
        performer, interrupter = self._performer, self._interrupter
        error, performer.error = performer.error, None
        delivered, interrupter.delivered = interrupter.delivered, None
        reason = delivered[1] if delivered is not None and delivered[0] is tried.claim else None
        self._send_progress(tried.claim)
        return self._judge(tried, reason, performer.phase, None if data is not None else error)

    def _judge(self, tried: Try, reason: str | None, phase: Phase, error: BaseException | None) -> bool:
        """Conclude an attempt that failed or was interrupted; True: neither."""
        claim = tried.claim
        if ref_of(claim) in self._holdings.lost:
            self._holdings.lost.discard(ref_of(claim))
            logger.warning("the outcome of firing %s is dropped: its lease was lost", claim.id)
            return False
        if reason in (verdict.KILL, verdict.ROUGH):
            ruling = verdict.interrupted(tried, reason)
        elif reason == verdict.TIMEOUT:
            ruling = verdict.timed_out(tried, self._policy(tried) or Policy(), None, random.random)
        elif error is not None:
            policy = self._policy(tried) if phase is Phase.CALL else None
            ruling = verdict.failed(tried, policy, phase, error, random.random)
            place = place_of(error)
            ruling = Ruling(ruling.outcome, f"{ruling.note} ({place})" if place else ruling.note)
            logger.debug("firing %s raised", claim.id, exc_info=error)
        else:
            return True
        self._conclude(claim, ruling, tried.body.name, tried.body, tried.number)
        return False

    def _complete_chain(self, tried: Try, last: bytes) -> None:
        claim, body = tried.claim, tried.body
        parts = [*tried.carry.done, last]
        result = get_serializer(DEFAULT_SERIALIZER).dumps(parts, "the results of the chain")
        if len(result) > self._max_payload:
            msg = f"the results of {body.name} have {len(result)} bytes together: at most {self._max_payload} are allowed"
            ruling = verdict.failed(tried, None, Phase.SAVE, PayloadTooLargeError(msg), random.random)
            self._conclude(claim, ruling, body.name, body, tried.number)
            return
        outcome = Outcome(
            id=claim.id,
            token=claim.token,
            verdict=Verdict.COMPLETE,
            result=result,
            began=tried.began,
            took=tried.took,
            ttl=body.ttl,
        )
        value = self._performer.value
        self._holdings.finished.append(
            Finished(claim, outcome, body.name, value, None, body.schedule, tried.number)
        )

    def _conclude(
        self, claim: Claim, ruling: Ruling, name: str, body: Body | None = None, number: int = 1
    ) -> None:
        self._holdings.kills.pop(claim.id, None)
        outcome, note = ruling
        if outcome.verdict in (Verdict.RETRY, Verdict.SNOOZE):
            note = f"{note}; again in {duration(outcome.delay)}"
        schedule = None if body is None else body.schedule
        self._holdings.finished.append(Finished(claim, outcome, name, None, note, schedule, number))

    def _send_progress(self, claim: Claim) -> None:
        """Let a job's last word on its progress be known before its outcome is."""
        report = self._holdings.progress.pop(ref_of(claim), None)
        if report is not None:
            self._settler.report(ref_of(claim), report)

    # --- the event loop ---------------------------------------------------------------------------

    def _put_aside(self, tried: Try, given: Carry) -> bool:
        """Keep a chain that has come further and finds no room; not back to its start, for its steps are done."""
        if tried.carry is given:
            return False
        self._holdings.midway.append(Midway(tried.claim, tried.body, tried.carry, tried.began or 0.0))
        return True

    def _to_lane(self, tried: Try, context: WorkerContext, first: float) -> bool:
        lane = self.lane
        if lane is None:
            lane = self.lane = self._open_lane()
        if not lane.free:
            return False
        step = tried.step
        began = self._holdings.monotonic()
        deadline = NEVER if step.timeout is None else began + step.timeout
        lane.submit(tried._replace(began=first), step, Running(tried.claim, began, deadline), context)
        return True

    def ended_async(self, ran: Ran) -> None:
        """Take what came of an async step; on the loop's thread."""
        holdings = self._holdings
        tried, phase, data, value, reason = ran
        first = tried.began if tried.began is not None else holdings.monotonic()
        tried = tried._replace(
            began=first + holdings.offset, took=holdings.monotonic() - first, worker=self._worker
        )
        self._send_progress(tried.claim)
        error = value if data is None else None
        if self._judge(tried, reason, phase, error) and data is not None:
            if len(tried.carry.done) + 1 < len(tried.body.steps):
                carry = _one_further(tried.carry, data)
                holdings.midway.append(Midway(tried.claim, tried.body, carry, first))
            elif len(tried.body.steps) > 1:
                self._complete_chain(tried, data)
            else:
                outcome = Outcome(
                    id=tried.claim.id,
                    token=tried.claim.token,
                    verdict=Verdict.COMPLETE,
                    result=data,
                    began=tried.began,
                    took=tried.took,
                    ttl=tried.body.ttl,
                )
                schedule = tried.body.schedule
                holdings.finished.append(
                    Finished(tried.claim, outcome, tried.body.name, value, None, schedule, tried.number)
                )


def _carry_of(claim: Claim, body: Body) -> Carry:
    carry = decode_carry(claim.carry)
    if len(carry.done) >= len(body.steps):
        msg = f"a firing's carry has {len(carry.done)} steps done of {len(body.steps)}: it is damaged"
        raise DamagedPayloadError(msg)
    return carry


def _one_further(carry: Carry, data: bytes) -> Carry:
    return msgspec.structs.replace(carry, failures=0, done=(*carry.done, data))
