"""Methods of forecasting hourly amounts, each for many origins and leads at once. Pure.

An origin is an hour from which a method looks ahead, a lead the number of hours that it looks ahead. No method uses an
amount later than its origin.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pycemaker.series.robust import Floats, row_medians

Leads = NDArray[np.int64]

LAST_VALUE = "last_value"
METHODS = (
    LAST_VALUE,
    "median_3h",
    "median_6h",
    "daily_shape_3h",
    "daily_shape_24h",
    "same_hour_of_days",
    "same_hour_of_weeks",
    "trend_48h",
    "damped_trend",
    "trend_of_days",
)
"""Names of the methods, in the order of the rows of `predictions`.

The last amount; the median of the last hours; a typical daily shape on the level of the last hours; the median of the
same hour of seven days, and of three weeks; a robust line through two days; its slope, fading by a tenth an hour; a
daily shape on a line through seven days.
"""

_DAY, _WEEK = 24, 168
_SHAPE_DAYS, _SAME_HOUR_DAYS, _WEEKS = 14, 7, 3
_APART = 12
_DAMPING = 0.9


def predictions(amounts: Floats, leads: Leads, origins: int) -> Floats:
    """The predictions of each method, at the last `origins` hours, for each lead; NaN where a method knows too little.

    Args:
        amounts: hourly, oldest first, without NaN after the first finite one.
        leads: hours ahead, 1 or more.
        origins: how many of the last hours are origins.

    Returns:
        An array of methods by origins by leads.
    """
    last = amounts[-origins:]
    days = _back(amounts, _SHAPE_DAYS * _DAY, origins).reshape(-1, _SHAPE_DAYS, _DAY)[:, ::-1]
    shape = _medians(np.swapaxes(days - _day_levels(amounts, origins)[:, :, None], 1, 2))
    above_shape = days[:, 0] - shape
    hour = (leads - 1) % _DAY
    level = _medians(above_shape)[:, None] + shape[:, hour]
    day = days[:, 0]
    two_days = _back(amounts, 2 * _DAY, origins)
    slope = _medians((two_days[:, _APART:] - two_days[:, :-_APART]) / _APART)[:, None]
    line = _medians(day[:, -6:] - slope * np.arange(-5, 1))[:, None]
    week = _SAME_HOUR_DAYS - 1
    per_hour = _medians((day - days[:, week]) / (week * _DAY))[:, None]
    fading = (_DAMPING - _DAMPING ** (leads + 1.0)) / (1 - _DAMPING)
    every = (
        last[:, None],
        _medians(_back(amounts, 3, origins))[:, None],
        _medians(_back(amounts, 6, origins))[:, None],
        _medians(above_shape[:, -3:])[:, None] + shape[:, hour],
        level,
        _medians(np.swapaxes(days[:, :_SAME_HOUR_DAYS], 1, 2))[:, hour],
        _same_hour_of_weeks(amounts, leads, origins),
        line + slope * leads,
        last[:, None] + slope * fading,
        level + per_hour * (_DAY * -(-leads // _DAY)),
    )
    return np.stack([np.broadcast_to(each, (len(last), len(leads))) for each in every])


def _back(amounts: Floats, width: int, rows: int) -> Floats:
    """The `width` amounts up to each of the last `rows`; NaN before the first."""
    return sliding_window_view(np.concatenate([np.full(width - 1, np.nan), amounts]), width)[-rows:]


def _medians(rows: Floats) -> Floats:
    """The medians along the last axis."""
    return row_medians(rows.reshape(-1, rows.shape[-1])).reshape(rows.shape[:-1])


def _day_levels(amounts: Floats, origins: int) -> Floats:
    """For each origin the medians of the 24 hours up to it and up to the same hour of the days before, newest first."""
    levels = _medians(_back(amounts, _DAY, len(amounts)))
    return _back(levels, (_SHAPE_DAYS - 1) * _DAY + 1, origins)[:, ::-_DAY]


def _same_hour_of_weeks(amounts: Floats, leads: Leads, origins: int) -> Floats:
    """The median of the same hour of the week in the last three weeks that are known at the origin."""
    weeks_ahead = -(-leads // _WEEK)
    back = (weeks_ahead[:, None] + np.arange(_WEEKS)) * _WEEK - leads[:, None]
    padded = np.concatenate([np.full(int(back.max()), np.nan), amounts])
    rows = np.arange(len(padded) - min(origins, len(amounts)), len(padded))
    return _medians(padded[rows[:, None, None] - back])
