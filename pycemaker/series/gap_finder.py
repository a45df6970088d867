"""Gaps between samples that come batch by batch; `cadence.gap_ms` says what counts as one. Pure.

Thinned points are far apart everywhere, so an answer that was thinned names the gaps by itself.
"""

import numpy as np
from numpy.typing import NDArray

from pycemaker.series import cadence

MOST_GAPS = 50  # Gaps that an answer names, the longest ones: 2.5 KB of a header
_BLOCK = 125_000
"""Samples whose cadence is learned at a time: a week at 5 s, 1 MB. It depends on the count of samples alone."""


class GapFinder:
    """Takes in the times of samples and finds the gaps between them, by their cadence.

    Attributes:
        count: the number of gaps, known after `longest`.
    """

    def __init__(self) -> None:
        self.count = 0
        self._parts: list[NDArray[np.int64]] = []
        self._held = 0
        self._before = np.empty(0, np.int64)
        self._gaps: list[tuple[int, int]] = []

    def add(self, time_ms: NDArray[np.int64]) -> None:
        """Take in the next times, milliseconds since 1970 in UTC, none earlier than those before."""
        while len(time_ms):
            part = time_ms[: _BLOCK - self._held]
            self._parts.append(part)
            self._held += len(part)
            time_ms = time_ms[len(part) :]
            if self._held == _BLOCK:
                self._search()

    def longest(self) -> list[tuple[int, int]]:
        """The MOST_GAPS longest gaps, oldest first: the times of the samples at both ends, as in `add`."""
        self._search()
        ranked = sorted(self._gaps, key=lambda gap: gap[0] - gap[1])[:MOST_GAPS]
        return sorted(ranked)

    def _search(self) -> None:
        """Find the gaps of the samples since the last search; the block before them helps to learn the cadence."""
        if not self._held:
            return
        times = np.concatenate([self._before, *self._parts])
        first = max(1, len(self._before))
        self._before, self._parts, self._held = times[-self._held :], [], 0
        steps = np.diff(times)[first - 1 :]
        if not len(steps) or steps.max() <= cadence.LEAST_GAP_MS:
            return  # learning takes 11 ms a week
        learned = cadence.learn(times, int(times[0]), int(times[-1]))
        if learned is None:
            return
        breaks = first + np.flatnonzero(steps > learned.gaps_ms(times[first:]))
        self._gaps += zip(times[breaks - 1].tolist(), times[breaks].tolist(), strict=True)
        self.count = len(self._gaps)
