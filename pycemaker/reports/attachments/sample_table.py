"""A metric's samples as a table to be written down: each sample, or so many seconds of them as one line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.criticity import by_badness
from pycemaker.series.batches import Columns

STEPS_SECONDS = (0, 60, 300, 900, 3600)
"""How many seconds a line may stand for, finest first; 0 is a line for each sample."""


@dataclass(frozen=True)
class SampleTable:
    """The lines, oldest first, an element a line.

    Attributes:
        step_seconds: how many seconds a line stands for; 0 where it is one sample.
        time_ms: of the sample, or where those seconds begin: milliseconds since 1970 in UTC.
        readings: by what they are: `value` alone, or `value_min`, `value_mean`, `value_max`; NaN where there is none.
        samples: how many a line stands for; None where each is one.
        criticity: an index into `criticity_names` for each line; of several samples the worst.
        criticity_names: the collector's words.
    """

    step_seconds: int
    time_ms: NDArray[np.int64]
    readings: Mapping[str, NDArray[np.float64]]
    samples: NDArray[np.int64] | None
    criticity: NDArray[np.int16]
    criticity_names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.time_ms)

    @property
    def numbers(self) -> dict[str, NDArray[np.float64] | NDArray[np.int64]]:
        """The readings, and after them how many samples where that differs, by the names of their columns."""
        return {**self.readings, **({} if self.samples is None else {"samples": self.samples})}

    def part(self, start: int, stop: int) -> SampleTable:
        """The lines from `start` to before `stop`, not copied."""
        some = slice(start, stop)
        return SampleTable(
            self.step_seconds,
            self.time_ms[some],
            {name: reading[some] for name, reading in self.readings.items()},
            None if self.samples is None else self.samples[some],
            self.criticity[some],
            self.criticity_names,
        )


def table(samples: Columns, step_seconds: int = 0) -> SampleTable:
    """The samples with a line for each, or for each `step_seconds` in which there are some."""
    if not step_seconds:
        readings = {"value": samples.reading}
        return SampleTable(0, samples.time_ms, readings, None, samples.criticity, samples.criticity_names)
    step = samples.time_ms // (step_seconds * 1000)
    firsts = np.flatnonzero(np.diff(step, prepend=step[:1] - 1)) if len(step) else np.empty(0, np.int64)
    return SampleTable(
        step_seconds,
        step[firsts] * step_seconds * 1000,
        _summed(samples.reading, firsts),
        np.diff(firsts, append=len(step)).astype(np.int64),
        _worst(samples, firsts),
        samples.criticity_names,
    )


def step_for(hours: int, metrics: int, sample_seconds: float, most_lines: int) -> int:
    """The finest step with which so many hours of so many metrics have at most `most_lines` lines."""
    seconds = hours * 3600 * metrics
    fitting = (step for step in STEPS_SECONDS if seconds // (step or sample_seconds) <= most_lines)
    return next(fitting, STEPS_SECONDS[-1])


def coarser(step_seconds: int) -> int | None:
    """The next step after this one; None after the last."""
    return dict(pairwise(STEPS_SECONDS)).get(step_seconds)


def _summed(reading: NDArray[np.float64], firsts: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
    if not len(firsts):
        return {name: np.empty(0) for name in ("value_min", "value_mean", "value_max")}
    finite = np.isfinite(reading)
    counts = np.add.reduceat(finite.astype(np.int64), firsts)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.add.reduceat(np.where(finite, reading, 0.0), firsts) / counts
    return {
        "value_min": np.fmin.reduceat(reading, firsts),
        "value_mean": mean,
        "value_max": np.fmax.reduceat(reading, firsts),
    }


def _worst(samples: Columns, firsts: NDArray[np.int64]) -> NDArray[np.int16]:
    if not len(firsts):
        return np.empty(0, np.int16)
    names = samples.criticity_names
    order = np.array([names.index(word.name) for word in by_badness(names)], np.int16)
    return order[np.maximum.reduceat(np.argsort(order)[samples.criticity], firsts)]
