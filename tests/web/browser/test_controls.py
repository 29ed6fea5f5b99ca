"""Workers, pools and schedules in a browser, on SQLite; other stores are among the long tests."""

from __future__ import annotations

from tests.web.browser.controls import Controls


class TestOnSQLite(Controls):
    """On a file of the test's own."""
