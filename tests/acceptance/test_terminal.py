"""A pool in a real terminal: Ctrl-C reaches only the pool, and it stops roughly."""

from __future__ import annotations

import os

import pexpect

from skunkqueue.records import State
from tests.acceptance.project_folder import PATIENCE, SKUNQ
from tests.acceptance.shop import QUEUE, Shop
from tests.support.waiting import eventually


def test_ctrl_c_reaches_only_the_pool_and_stops_it_roughly(shop: Shop) -> None:
    terminal = pexpect.spawn(
        str(SKUNQ),
        ["work", "-q", QUEUE],
        cwd=str(shop.folder),
        env=shop.project.environment,
        timeout=PATIENCE,
    )
    try:
        eventually(lambda: shop.listed() == 1, PATIENCE, what="the worker is listed")
        (pid,) = shop.pids()
        assert terminal.pid is not None
        assert os.getpgid(pid) != os.getpgid(terminal.pid)
        assert os.getsid(pid) != os.getsid(terminal.pid)
        firing = shop.fire("sleep")
        shop.begun(firing)

        terminal.sendintr()
        terminal.expect(pexpect.EOF)
        terminal.close()
    finally:
        terminal.close(force=True)

    assert terminal.exitstatus == 130
    assert shop.state(firing) is State.KILLED
    assert shop.listed() == 0
