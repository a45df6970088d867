"""`python -m tests.bench.forecast [FOLDER] [EVERY]`: how good forecasts of one metric are, and what one costs.

On made-up hours and, where FOLDER is a copy of a folder of the Numenta Anomaly Benchmark's data (its `data/` or one
below), on the hourly medians of its series. From the seventh day on a forecast of 24 hours is made at every EVERY-th
hour (3 by default) out of the 28 days before. `error` is relative to that of the last value, at 1, 6 and 24 hours;
`cover` is the share of what came that lay in the band of 90 %, where there was a band.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from pycemaker.analysis.forecast.backtest import needed_hours
from pycemaker.analysis.forecast.metric_forecast import forecast
from pycemaker.series.robust import Floats
from tests.services.made_up_hours import every_kind

LEADS = (1, 6, 24)
HISTORY_HOURS = 28 * 24
FIRST_HOUR = 7 * 24
FEWEST_BANDS = 20


def main() -> None:
    """Measure each group of series, and print."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    every = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    print(f"{'series':<44} {'error at 1, 6, 24 h':<22} {'cover at 1, 6, 24 h':<22} ms a forecast", flush=True)
    rows = [_shown(f"{kind} ({len(series)})", _means(series, every)) for kind, series in every_kind(3).items()]
    _summary("made up", rows)
    paths = sorted(folder.rglob("*.csv")) if folder else []
    if paths:
        _summary("Numenta", [_shown(path.stem, measure(hourly_medians(path), every)) for path in paths])


def measure(amounts: Floats, every: int) -> Floats:
    """Of one series: relative error and cover at each of LEADS, and milliseconds of processor time a forecast."""
    errors, last_errors, inside = ([[] for _ in LEADS] for _ in range(3))
    spent, made = 0.0, 0
    for origin in range(FIRST_HOUR, len(amounts) - max(LEADS), every):
        began = time.process_time()
        ahead = forecast(amounts[max(0, origin + 1 - HISTORY_HOURS) : origin + 1], max(LEADS), 0)
        if ahead is None:
            continue
        spent, made = spent + time.process_time() - began, made + 1
        for index, lead in enumerate(LEADS):
            outcome = amounts[origin + lead]
            if np.isfinite(outcome):
                errors[index].append(abs(outcome - ahead.middle[lead - 1]))
                last_errors[index].append(abs(outcome - amounts[origin]))
                if np.isfinite(ahead.low[lead - 1]):
                    inside[index].append(ahead.low[lead - 1] <= outcome <= ahead.high[lead - 1])
    relative = [
        float(np.mean(own) / np.mean(last)) if own else np.nan for own, last in zip(errors, last_errors, strict=True)
    ]
    cover = [float(np.mean(each)) if len(each) >= FEWEST_BANDS else np.nan for each in inside]
    return np.array([*relative, *cover, 1000 * spent / made if made else np.nan])


def hourly_medians(path: Path) -> Floats:
    """The hourly medians of a series of the benchmark; NaN where an hour has no row."""
    with path.open(encoding="utf-8") as lines:
        rows = [(row["timestamp"], float(row["value"])) for row in csv.DictReader(lines)]
    instants = [datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() for text, _ in rows]
    hours = np.array(instants).astype(np.int64) // 3600
    values = np.array([value for _, value in rows])
    amounts = np.full(int(hours.max() - hours.min()) + 1, np.nan)
    for hour in np.unique(hours):
        amounts[hour - hours.min()] = np.median(values[hours == hour])
    return amounts


def _means(series: Iterable[Floats], every: int) -> Floats:
    return np.nanmean([measure(amounts, every) for amounts in series], axis=0)


def _shown(name: str, row: Floats) -> Floats:
    figures = ["-" if np.isnan(figure) else f"{figure:.2f}" for figure in row[:6]]
    print(f"{name:<44} {'  '.join(figures[:3]):<22} {'  '.join(figures[3:]):<22} {row[6]:.1f}", flush=True)
    return row


def _summary(name: str, rows: list[Floats]) -> None:
    table = np.array(rows)
    _shown(f"= {name}, mean", np.nanmean(table, axis=0))
    worst = [f"{each:.2f}" for each in np.nanmin(table[:, 3:6], axis=0)]
    print(f"{f'= {name}, worst cover':<67} {'  '.join(worst)}", flush=True)


if __name__ == "__main__":
    print(f"needed history: {', '.join(f'{lead} h: {needed_hours(lead)} h' for lead in LEADS)}")
    main()
