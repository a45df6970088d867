"""The card of health on the page at `/`: now, the last six hours, and the six to come."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pycemaker import i18n
from pycemaker.cache.sample_store import Store
from pycemaker.errors import NotEnoughHistory, TooManyStreams
from pycemaker.metrics import find_metric
from pycemaker.monitor.forecast_reader import ForecastReader
from pycemaker.monitor.sample_means import SampleMeans
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.web.pages.sparkline import HEIGHT, WIDTH
from pycemaker.web.polled_answers import whole_minute

HOURS = 6
_EACH_MINUTES = 6


def health_card(means: SampleMeans, forecasts: ForecastReader, store: Store, now_utc: datetime) -> dict[str, Any]:
    """The card, for the template: texts, and the paths of its two lines.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    end_utc = whole_minute(now_utc)
    health = means.health(store, end_utc, HOURS * 60)
    score, worst = float(health.score[-1]), find_metric(health.worst[-1]).label
    card = {
        "is_known": score == score,
        "now": i18n.percent(score, 0) if score == score else "",
        "worst": worst,
        "least": "",
        "ahead": "",
    }
    minutes = np.arange(1 - HOURS * 60, 1)[::-_EACH_MINUTES][::-1]
    card["line"] = _path(minutes / 60, health.score[minutes - 1])
    try:
        ahead = forecasts.health(store, end_utc, HOURS).ahead
    except (NotEnoughHistory, TooManyStreams):
        return card
    least = ahead.low if np.isfinite(ahead.low).all() else ahead.middle
    middle, _, _ = ahead.at(ahead.origin_ms + HOUR_MS * np.arange(HOURS + 1))
    return card | {"least": i18n.percent(float(least.min()), 0), "ahead": _path(np.arange(HOURS + 1.0), middle)}


def _path(hours: NDArray[np.float64], scores: NDArray[np.float64]) -> str:
    """A line from 0 to 1 over the hours around now, broken where the score is unknown."""
    xs = WIDTH / 2 + hours / HOURS * (WIDTH / 2 - 2)
    ys = HEIGHT - 4 - scores * (HEIGHT - 8)
    known = np.isfinite(scores)
    starts = known & ~np.concatenate([[False], known[:-1]])
    points = zip(xs[known], ys[known], starts[known], strict=True)
    return "".join(f"{'M' if is_start else 'L'}{x:.1f} {y:.1f}" for x, y, is_start in points)
