"""Robust statistics, which one spike does not move. Pure; NaN takes no part, and without any other amount they are NaN.

Medians and MADs: F. R. Hampel, "The influence curve and its role in robust estimation", JASA 69 (1974). Slopes:
H. Theil, Proc. KNAW 53 (1950); P. K. Sen, JASA 63 (1968); between the same hours of different days alone, which takes
a daily rhythm out: R. M. Hirsch, J. R. Slack, R. A. Smith, "Techniques of trend analysis for monthly water quality
data", Water Resources Research 18 (1982). Tau: M. G. Kendall, Biometrika 30 (1938).
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NORMAL_MAD = 1.4826  # A MAD times this is the standard deviation of a normal distribution
_MOST_SLOPE_POINTS = 160


def median(amounts: Floats) -> float:
    """The middle of the finite amounts; NaN where there is none."""
    ranked = np.sort(amounts[np.isfinite(amounts)])  # np.median takes ten times as long on a few amounts
    if not len(ranked):
        return float("nan")
    return float(ranked[(len(ranked) - 1) // 2] / 2 + ranked[len(ranked) // 2] / 2)


def spread(amounts: Floats) -> float:
    """Median distance from the median, scaled to a standard deviation; NaN where there is no amount."""
    return NORMAL_MAD * median(np.abs(amounts - median(amounts)))


def block_medians(block: NDArray[np.int64], amounts: Floats, count: int, fewest: int) -> Floats:
    """Each block's median.

    Args:
        block: of each amount, 0 to `count` - 1.
        amounts: finite.
        count: how many blocks there are.
        fewest: a block with fewer amounts is NaN.
    """
    sizes = np.bincount(block, minlength=count)
    ranked = _ranked_in_blocks(block, amounts, sizes)
    first = np.cumsum(sizes) - sizes
    medians = np.full(count, np.nan)
    full = np.flatnonzero(sizes >= max(1, fewest))
    low, high = first[full] + (sizes[full] - 1) // 2, first[full] + sizes[full] // 2
    medians[full] = ranked[low] / 2 + ranked[high] / 2
    return medians


def _ranked_in_blocks(block: NDArray[np.int64], amounts: Floats, sizes: NDArray[np.int64]) -> Floats:
    """The amounts block by block, each block's in ascending order.

    Blocks of about one size are the rows of a table, which sorts in a tenth of the time of all amounts by two keys.
    """
    width = int(sizes.max(initial=0))
    if width * len(sizes) > 4 * len(amounts) or (np.diff(block) < 0).any():
        return amounts[np.lexsort((amounts, block))]
    table = np.full((len(sizes), width), np.inf)
    table[block, np.arange(len(block)) - (np.cumsum(sizes) - sizes)[block]] = amounts
    table.sort(axis=1)
    return np.asarray(table[np.arange(width) < sizes[:, None]], np.float64)


def block_means(block: NDArray[np.int64], amounts: Floats, count: int, fewest: int) -> Floats:
    """Each block's mean; arguments as `block_medians`. For counts, of which most may be 0."""
    sizes = np.bincount(block, minlength=count)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.bincount(block, amounts, minlength=count) / sizes
    means[sizes < max(1, fewest)] = np.nan
    return np.asarray(means, np.float64)


def row_medians(rows: Floats) -> Floats:
    """Each row's median of its finite amounts; NaN without one."""
    if not rows.size:
        return np.full(len(rows), np.nan)
    finite = np.isfinite(rows)
    ranked, sizes, every = np.sort(np.where(finite, rows, np.inf), axis=1), finite.sum(axis=1), np.arange(len(rows))
    lower, upper = (
        ranked[every, np.maximum(0, (sizes - 1) // 2)],
        ranked[every, np.minimum(sizes // 2, len(rows.T) - 1)],
    )
    return np.asarray(np.where(sizes > 0, lower / 2 + upper / 2, np.nan), np.float64)


def running_median(amounts: Floats, width: int) -> Floats:
    """For each amount the median of the `width` amounts around it; at the ends of the first or last `width`."""
    width = min(width, len(amounts))
    if not width:
        return amounts
    ranked = np.sort(sliding_window_view(amounts, width), axis=1)  # NaN comes last; np.nanmedian takes 20 times as long
    rows, sizes = np.arange(len(ranked)), np.isfinite(ranked).sum(axis=1)
    low, high = np.maximum(sizes - 1, 0) // 2, np.minimum(sizes // 2, width - 1)
    middles = np.where(sizes > 0, ranked[rows, low] / 2 + ranked[rows, high] / 2, np.nan)
    return np.pad(middles, (width // 2, width - 1 - width // 2), mode="edge")


def slope(times: Floats, amounts: Floats) -> float:
    """Theil and Sen's: the median of the slopes between all pairs; NaN with fewer than two amounts.

    Of more than 160 amounts evenly spaced ones are taken, since pairs grow with the square.
    """
    indices = np.flatnonzero(np.isfinite(amounts))
    indices = indices[:: 1 + len(indices) // _MOST_SLOPE_POINTS]
    if len(indices) < 2:
        return float("nan")
    first, second = np.triu_indices(len(indices), 1)
    x, y = times[indices], amounts[indices]
    return median((y[second] - y[first]) / (x[second] - x[first]))


def seasonal_slope(times: Floats, amounts: Floats) -> float:
    """Hirsch, Slack and Smith's: as `slope`, over pairs within one column alone.

    Args:
        times: a row a day, a column an hour of the day; ascending down each column.
        amounts: likewise.
    """
    first, second = np.triu_indices(len(amounts), 1)
    return median(((amounts[second] - amounts[first]) / (times[second] - times[first])).ravel())


def tau(amounts: Floats) -> float:
    """Kendall's, of the amounts against their order: 1 where each is above all before it; NaN with fewer than two."""
    finite = amounts[np.isfinite(amounts)]
    if len(finite) < 2:
        return float("nan")
    first, second = np.triu_indices(len(finite), 1)
    return float(np.sign(finite[second] - finite[first]).mean())


def smoothed(amounts: Floats, width: int = 5) -> Floats:
    """Each finite amount replaced by the median of the `width` around it."""
    if len(amounts) < width:
        return np.full(len(amounts), median(amounts))
    return running_median(amounts, width)
