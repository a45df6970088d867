"""The order in which metrics left their level around an instant, minute by minute. Pure.

The split of the minutes that parts them best (least squares, one change) says that a metric moved; its onset is where
the run of minutes beyond the level of before begins, so that a ramp counts from its foot. It must have moved by what
matters to people, as for findings, and by four times the spread of its level.
"""

import math
from dataclasses import dataclass

import numpy as np

from pycemaker.analysis.findings.extremes import floor
from pycemaker.analysis.findings.time_blocks import scaled
from pycemaker.analysis.health import MINUTE_MS
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.series.robust import Floats, block_means, block_medians, median, spread

_MINUTES_BEFORE, _MINUTES_AFTER = 60, 30
_LEVEL, _AFTER, _FEWEST_BEFORE, _FEWEST_AFTER = 30, 10, 5, 2
_SPREADS = 4.0


@dataclass(frozen=True)
class Move:
    """A metric that left its level.

    Attributes:
        at_ms: the start of its first minute (of slower samples, step) beyond it, milliseconds since 1970 in UTC.
        before: its level before, in the metric's unit.
        after: its level in the ten minutes, or steps, from then on.
    """

    part: MetricPeriod
    at_ms: int
    before: float
    after: float


def first_moves(period: Period, around_ms: int) -> tuple[Move, ...]:
    """The metrics that moved in the hour before an instant or the half hour after it, the first one first."""
    moves = (_move(part, around_ms) for part in period.metrics)
    return tuple(sorted((move for move in moves if move), key=lambda move: move.at_ms))


def _move(part: MetricPeriod, around_ms: int) -> Move | None:
    step_ms = MINUTE_MS * max(1, math.ceil(part.cadence.step_ms / MINUTE_MS))
    start_ms = around_ms - MINUTE_MS * _MINUTES_BEFORE
    steps = (_MINUTES_BEFORE + _MINUTES_AFTER) * MINUTE_MS // step_ms
    owner = (part.current.time_ms - start_ms - 1) // step_ms
    kept = np.isfinite(part.current.reading) & (owner >= 0) & (owner < steps)
    middle = block_means if part.metric.unit == "requests" else block_medians
    readings = middle(owner[kept], part.current.reading[kept], steps, 1)
    known = np.flatnonzero(np.isfinite(readings))
    if len(known) < _FEWEST_BEFORE + _FEWEST_AFTER:
        return None
    onset = _onset(scaled(readings[known], part.metric.unit), part)
    if onset is None:
        return None
    levels = (median(readings[known][: min(onset, _LEVEL)]), median(readings[known][onset : onset + _AFTER]))
    return Move(part, start_ms + int(known[onset]) * step_ms, *levels)


def _onset(amounts: Floats, part: MetricPeriod) -> int | None:
    """The first of the amounts beyond the level that the best split leaves; None where it stays near it."""
    splits = range(_FEWEST_BEFORE, len(amounts) - _FEWEST_AFTER + 1)
    split = max(splits, key=lambda at: _parting(amounts, at))
    level = amounts[: min(split, _LEVEL)]
    usual, far = median(level), median(amounts[split : split + _AFTER])
    way = 1 if far > usual else -1
    least = max(float(floor(np.array([way * usual]), part.metric.unit)[0]), _SPREADS * spread(level))
    if way * (far - usual) < least or (way < 0 and not part.metric.falls):
        return None
    beyond = way * (amounts - usual) > least / 2
    first = split + int(np.argmax(beyond[split:]))  # a stretch of under ten minutes parts as well before it begins
    near = np.flatnonzero(~beyond[:first])
    return int(near[-1]) + 1 if len(near) else None


def _parting(amounts: Floats, at: int) -> float:
    """The squares that a split takes away: of the amounts before it, and of the ten from it on."""
    before, after = amounts[max(0, at - _LEVEL) : at], amounts[at : at + _AFTER]
    apart = float(after.mean() - before.mean())
    return apart * apart * len(before) * len(after) / (len(before) + len(after))
