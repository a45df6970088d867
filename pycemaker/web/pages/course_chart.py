"""The chart of six hours and the six to come on the page at `/`, as paths of an SVG: a unit across is three minutes."""

import numpy as np
from numpy.typing import NDArray

STEP_MS, STEPS = 180_000, 120
"""The length of a step in milliseconds; the steps on either side of now."""

WIDTH, HEIGHT, NOW = 2 * STEPS, 72, STEPS
_EDGE = 3.0  # Room above and below for the line's own width

Floats = NDArray[np.float64]


def line(values: Floats, top: float, bottom: float = 0.0) -> str:
    """The path through the steps before now, oldest first, broken at NaN; a step alone is a dot."""
    xs, ys = np.arange(1, len(values) + 1) + NOW - len(values), _heights(values, top, bottom)
    known = np.flatnonzero(np.isfinite(ys))
    runs = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1) if len(known) else []
    return "".join(f"M{_points(xs[run], ys[run])}{'' if len(run) > 1 else 'h0'}" for run in runs)


def ahead(values: Floats, top: float, bottom: float = 0.0) -> str:
    """The path through values that are equally spaced from now to the chart's end; nothing where one is NaN."""
    ys = _heights(values, top, bottom)
    return f"M{_points(_ahead_xs(ys), ys)}" if np.isfinite(ys).all() else ""


def band(low: Floats, high: Floats, top: float, bottom: float = 0.0) -> str:
    """The area between two such paths; nothing where one has NaN."""
    upper, lower = _heights(high, top, bottom), _heights(low, top, bottom)
    if not np.isfinite(np.concatenate([upper, lower])).all():
        return ""
    xs = _ahead_xs(upper)
    return f"M{_points(xs, upper)}L{_points(xs[::-1], lower[::-1])}Z"


def height(value: float, top: float, bottom: float = 0.0) -> float:
    """The distance of a value from the chart's upper edge."""
    return float(_heights(np.array([value]), top, bottom)[0])


def _ahead_xs(values: Floats) -> Floats:
    return np.linspace(NOW, WIDTH, len(values))


def _heights(values: Floats, top: float, bottom: float) -> Floats:
    share = (np.clip(values, bottom, top) - bottom) / max(top - bottom, 1e-9)
    return np.asarray(HEIGHT - _EDGE - share * (HEIGHT - 2 * _EDGE), np.float64)


def _points(xs: NDArray[np.number], ys: Floats) -> str:
    return " ".join(f"{x:g} {y:.1f}" for x, y in zip(xs.tolist(), ys.tolist(), strict=True))
