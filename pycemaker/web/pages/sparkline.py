"""The line of a metric's hour on the page at `/`, as the path of an SVG."""

import numpy as np
from numpy.typing import NDArray

from pycemaker.series.period import MetricPeriod
from pycemaker.window import to_epoch_ms

WIDTH, HEIGHT = 240, 56
GROUND = HEIGHT - 3.5  # The height of the zero line, from the top
_MINUTES = 60


def path_of(hour: MetricPeriod) -> str:
    """Minute means as a path from 0 to the highest, broken where samples are missing by their own cadence."""
    minutes, means, breaks = _minute_means(hour)
    top = max(float(means.max(initial=0)), 1e-9)
    xs = 2 + minutes / (_MINUTES - 1) * (WIDTH - 4)
    ys = HEIGHT - 4 - means / top * (HEIGHT - 8)
    runs = np.split(np.arange(len(minutes)), breaks) if len(minutes) else []
    return "".join(
        "M"
        + " L".join(f"{xs[i]:.1f} {ys[i]:.1f}" for i in run)
        + ("" if len(run) > 1 else f" L{xs[run[0]] + 0.5:.1f} {ys[run[0]]:.1f}")
        for run in runs
    )


def _minute_means(hour: MetricPeriod) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """The minutes that have readings, their means, and before which of them samples are missing.

    Where no cadence is known, no two minutes are joined.
    """
    finite = np.isfinite(hour.current.reading)
    times, readings = hour.current.time_ms[finite], hour.current.reading[finite]
    minute = (times - to_epoch_ms(hour.window.start_utc) - 1) // 60_000
    minutes, first = np.unique(minute, return_index=True)
    means = np.add.reduceat(readings, first) / np.diff(first, append=len(readings)) if len(first) else np.empty(0)
    since_ms = times[first[1:]] - times[first[1:] - 1]
    is_missing = (np.diff(minutes) > 1) & (since_ms > hour.cadence.gaps_ms(times[first[1:]]))
    return minutes, means, np.flatnonzero(is_missing) + 1
