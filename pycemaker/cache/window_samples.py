"""Samples of a window by its two intervals, and how punctually those of the current one were stored. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.columnar.ingestion_delay import StoredSamples
from pycemaker.series.batches import Columns
from pycemaker.series.period import Arrivals
from pycemaker.window import Window, to_epoch_ms

UNPUNCTUAL_SECONDS = 60
"""A sample stored later than this after the time that it carries is late; collectors store every 5 s."""

_AGREEING_SHARE = 0.9


@dataclass(frozen=True)
class WindowSamples:
    """One metric's samples of both intervals of a window, oldest first.

    Attributes:
        current, previous: without their documents.
        arrivals: when those of the current interval were stored; None where a document has no time or an `_id` that is
            no ObjectId.
    """

    current: Columns
    previous: Columns
    arrivals: Arrivals | None


def in_window(samples: StoredSamples, window: Window) -> WindowSamples:
    """The samples by the two intervals of a window, of which they are all."""
    columns, delays = samples.columns, samples.delays_seconds
    arrivals = None if delays is None else _arrivals(delays[columns.time_ms > to_epoch_ms(window.start_utc)])
    return WindowSamples(columns.within(window.current), columns.within(window.previous), arrivals)


def _arrivals(delays: NDArray[np.float64]) -> Arrivals:
    """The summary of ingestion delays in seconds."""
    typical = float(np.median(delays)) if len(delays) else 0.0
    agree = np.abs(delays - typical) <= UNPUNCTUAL_SECONDS
    late, ahead = int((delays > UNPUNCTUAL_SECONDS).sum()), int((delays < -UNPUNCTUAL_SECONDS).sum())
    return Arrivals(late, ahead, typical if len(delays) and agree.mean() >= _AGREEING_SHARE else 0.0)
