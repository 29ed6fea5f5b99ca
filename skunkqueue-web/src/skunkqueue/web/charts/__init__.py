"""Charts: numbers become shapes here, templates/charts draws them. Knows no store, no page and no clock."""

from __future__ import annotations

from skunkqueue.web.charts.chart import Chart, Series, Times, bands, bars, lines
from skunkqueue.web.charts.sparks import Spark, spark, trend

__all__ = ["Chart", "Series", "Spark", "Times", "bands", "bars", "lines", "spark", "trend"]
