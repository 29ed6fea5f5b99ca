"""Settings of a pool that make no sense are refused, with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from skunkqueue.config import resolve
from skunkqueue.errors import ConfigError
from skunkqueue.processes.settings import PoolSettings


@pytest.mark.parametrize("seconds", [0.0, -1.0, 1e9, float("nan")])
def test_a_stop_timeout_that_makes_no_sense_is_refused_with_the_way_out(
    tmp_path: Path, seconds: float
) -> None:
    config = resolve(conn_url=f"sqlite:///{tmp_path}/jobs.db")
    settings = PoolSettings(queue="shop", config=config, stop_timeout=seconds)

    with pytest.raises(ConfigError, match=r"stop_timeout must be more than 0 .*leave it out .*send INT"):
        settings.check()
