"""Contents of answers about health and forecasts, as JSON-able data; a NaN goes out as null."""

from typing import Any

import numpy as np

from pycemaker.analysis.forecast.limit_time import LimitTime
from pycemaker.analysis.health import FAILING, MINUTE_MS, Health
from pycemaker.monitor.forecast_reader import Forecast
from pycemaker.series.cadence import Times
from pycemaker.series.hour_summaries import HOUR_MS
from pycemaker.series.robust import Floats
from pycemaker.window import from_epoch_ms, to_iso_text

_MOST_ROWS, _LEAST_STEP_MS = 1_000, 5_000


def score_rows(health: Health) -> list[dict[str, Any]]:
    """A row a minute, oldest first."""
    rows = zip(_texts(health.time_ms), health.score.round(4).tolist(), health.worst, strict=True)
    return [{"time": time, "score": score, "worst": worst} for time, score, worst in rows]


def health_rows(health: Health) -> list[dict[str, Any]]:
    """The same for the June 2022 dashboard."""
    rows = zip(_texts(health.time_ms), health.score.round(4).tolist(), strict=True)
    return [{"time_series": time, "health": score} for time, score in rows]


def forecast(forecast: Forecast) -> dict[str, Any]:
    """A forecast: a point an hour, its limit, and how good such forecasts were."""
    ahead, tested = forecast.ahead, forecast.ahead.at_end
    times = _texts(ahead.origin_ms + HOUR_MS * np.arange(1, ahead.hours + 1))
    edges = (each.tolist() for each in (ahead.low, ahead.middle, ahead.high))
    names = ("time", "low", "middle", "high")
    return {
        "points": [dict(zip(names, row, strict=True)) for row in zip(times, *edges, strict=True)],
        "limit": forecast.limit,
        "reaches_limit": None if forecast.reaches_limit is None else _limit_time(forecast.reaches_limit),
        "method": tested.method,
        "weights": tested.named_weights,
        "history_hours": ahead.history_hours,
        "backtest": {
            "origins": tested.origins,
            "error": tested.error,
            "error_of_last_value": tested.error_of_last_value,
            "coverage": tested.coverage,
        },
    }


def remaining_seconds(forecast: Forecast) -> int:
    """Whole seconds until the health is expected to fail; 0 where nothing is foreseen, and where it fails already."""
    reached = forecast.reaches_limit
    if reached is None or forecast.ahead.amount <= FAILING:
        return 0
    return max(0, round((reached.middle_ms - forecast.ahead.origin_ms) / 1000))


def predicted_rows(forecast: Forecast) -> list[dict[str, Any]]:
    """A row a minute to come, for the June 2022 dashboard."""
    times = forecast.ahead.origin_ms + MINUTE_MS * np.arange(1, forecast.ahead.hours * 60 + 1)
    middle, _, _ = forecast.ahead.at(times)
    rows = zip(_texts(times), middle.round(4).tolist(), strict=True)
    return [{"index": time, "predicted_mean": mean} for time, mean in rows]


def row_times(opened_ms: int, hours: int) -> Times:
    """The instants of a metric's rows: equally far apart, 5 s at least, and 1,000 at most."""
    step_ms = max(_LEAST_STEP_MS, hours * HOUR_MS // _MOST_ROWS)
    return opened_ms + step_ms * np.arange(hours * HOUR_MS // step_ms, dtype=np.int64)


def metric_rows(times: Times, values: Floats, forecast: Forecast | None) -> list[dict[str, Any]]:
    """A row an instant, for the June 2022 dashboard.

    Args:
        times: of `row_times`.
        values: the mean reading of the step that ends there, of the first rows; the rest have none, nor has the last.
        forecast: None where nothing is forecast.
    """
    unknown = np.full((3, len(times)), np.nan)
    middle, low, high = unknown if forecast is None else forecast.ahead.at(times)
    known = np.concatenate([values, unknown[0]])[: len(times)]
    known[-1:] = np.nan
    rows = zip(_texts(times), known.tolist(), middle.tolist(), low.tolist(), high.tolist(), strict=True)
    return [
        {
            "index": index,
            "id": index,
            "time_series": time,
            "value": value,
            "predict_value": mean,
            "predict_range": None if least != least else [least, most],
        }
        for index, (time, value, mean, least, most) in enumerate(rows)
    ]


def _limit_time(reached: LimitTime) -> dict[str, str | None]:
    instants = {"earliest": reached.earliest_ms, "middle": reached.middle_ms, "latest": reached.latest_ms}
    return {name: None if each is None else to_iso_text(from_epoch_ms(each)) for name, each in instants.items()}


def _texts(time_ms: Times) -> list[str]:
    return [str(text) for text in np.datetime_as_string(time_ms.astype("M8[ms]"), timezone="UTC")]
