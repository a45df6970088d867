"""Table of a metric's samples for files: a line for each sample, or for so many seconds of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pycemaker.analysis.criticity import by_badness
from pycemaker.series.batches import Columns

STEPS_SECONDS = (0, 60, 300, 900, 3600)
"""The seconds that a line may stand for, finest first; 0 is a line for each sample."""


@dataclass(frozen=True)
class SampleTable:
    """The lines, oldest first, an element a line.

    Attributes:
        step_seconds: the seconds of a line; 0 where it is one sample.
        time_ms: the instant of the sample, or the beginning of the seconds: milliseconds since 1970 in UTC.
        readings: by column: `value` alone, or `value_min`, `value_mean`, `value_max`; NaN where there is none.
        samples: the number of samples of a line; None where it is one.
        criticity: an index into `criticity_names`; of several samples the worst.
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
        """The columns of numbers by name: the readings, then the number of samples where it is not one."""
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
    """The samples as a table, with a line for each, or for each `step_seconds` that have some."""
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


def step_for(hours: float, metrics: int, sample_seconds: float, most_lines: int) -> int:
    """The finest step with which so many hours of so many metrics make at most `most_lines` lines."""
    seconds = hours * 3600 * metrics
    fitting = (step for step in STEPS_SECONDS if seconds // (step or sample_seconds) <= most_lines)
    return next(fitting, STEPS_SECONDS[-1])


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
