"""Quiet periods: metrics as they are when nothing happens. Days differ, hours differ, noise hangs together."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pycemaker.metrics import CPU, DISK, HTTP_FAIL, RAM, REQUEST_COUNT, RESPONSE_TIME, Metric
from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import HOUR_MS, HourSummaries, summarize
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.window import Window, to_epoch_ms
from tests.services.periods import SAO_PAULO, WINDOW

Floats = NDArray[np.float64]
_STEP_MS = 5000
_DRIFT_STEP_MS = 60_000


@lru_cache(maxsize=16)
def quiet_period(seed: int, window: Window = WINDOW, days: int = 7) -> Period:
    """Six metrics over `window`, and `days` days before it in hour summaries, without any event.

    Load is a daily rhythm (its height and peak hour vary by seed), times a level of each day's own (7%), plus a slow
    drift (an AR(1) process over minutes, which hangs together for an hour and a half) and noise from sample to sample.
    Response times are log-normal and follow the load; requests and failures are Poisson; RAM breathes with the load;
    the disk creeps up by a hundredth of a point an hour.
    """
    random = np.random.default_rng(seed)
    start_ms = to_epoch_ms(window.previous_start_utc) - (days + 1) * -(-window.hours // 24) * 86_400_000
    world = _World(random, start_ms, to_epoch_ms(window.end_utc))
    parts = []
    for metric in (CPU, RAM, DISK, RESPONSE_TIME, REQUEST_COUNT, HTTP_FAIL):
        before, now = (
            world.samples(metric, np.arange(to_epoch_ms(i.start_utc), to_epoch_ms(i.end_utc), _STEP_MS) + _STEP_MS)
            for i in (window.previous, window.current)
        )
        for times in _once_drawn(window, days):  # so that a seed's period stays the one that tests know
            world.samples(metric, times)
        history = world.history(metric, to_epoch_ms(window.start_utc), days) if days else None
        parts.append(MetricPeriod(metric, window, SAO_PAULO, now, before, history=history))
    return Period(window, SAO_PAULO, tuple(parts), None)


def _once_drawn(window: Window, days: int) -> NDArray[np.int64]:
    """Six times in each of 24 parts of the same hours of earlier days, a row a day."""
    hours_ms, apart_ms = window.hours * HOUR_MS, -(-window.hours // 24) * 24 * HOUR_MS
    starts = to_epoch_ms(window.start_utc) - np.arange(1, days + 1)[:, None] * apart_ms
    middles = (starts + (np.arange(24) + 0.5) * hours_ms / 24 - 15_000).astype(np.int64)
    return (middles[:, :, None] + np.arange(1, 7) * _STEP_MS).reshape(days, 24 * 6)


class _World:
    def __init__(self, random: np.random.Generator, start_ms: int, end_ms: int) -> None:
        self.random = random
        self.start_ms = start_ms
        count = (end_ms - start_ms) // _DRIFT_STEP_MS + 2
        self.height, self.peak = random.uniform(0.1, 0.6), random.uniform(0, 24)
        self.days = random.normal(1, 0.07, (end_ms - start_ms) // 86_400_000 + 2)
        self.drifts = {name: _drift(random, int(count)) for name in ("load", "ram", "time")}

    def samples(self, metric: Metric, times: NDArray[np.int64]) -> Columns:
        load, size = self.load(times), len(times)
        noise = self.random.standard_normal(size)
        if metric is CPU:
            reading = np.clip(0.4 * load + 0.04 * noise, 0.01, 1)
        elif metric is RAM:
            reading = np.clip(0.5 + 0.08 * load + 0.02 * self.drift("ram", times) + 0.01 * noise, 0, 1)
        elif metric is DISK:
            reading = 0.55 + (times - self.start_ms) / 3.6e6 * 1e-4 + 0.0004 * noise
        elif metric is RESPONSE_TIME:
            reading = 0.12 * load**0.5 * np.exp(0.15 * self.drift("time", times) + 0.45 * noise)
        elif metric is REQUEST_COUNT:
            reading = self.random.poisson(12 * load).astype(float)
        else:
            reading = self.random.poisson(0.02 * load).astype(float)
        arrays = times.astype(np.int64), reading, np.zeros(size, np.int16)
        for each in arrays:
            each.flags.writeable = False  # tests share a period
        return Columns(*arrays, ("low",))

    def history(self, metric: Metric, start_ms: int, days: int) -> HourSummaries:
        """The whole hours of so many days before `start_ms`."""
        end_ms = start_ms // HOUR_MS * HOUR_MS
        times = np.arange(end_ms - days * 24 * HOUR_MS, end_ms, _STEP_MS) + _STEP_MS
        own, self.random = self.random, np.random.default_rng(start_ms % 2**32)
        samples = self.samples(metric, times)
        self.random = own
        return summarize(samples, metric.unit)

    def load(self, times: NDArray[np.int64]) -> Floats:
        hours = times / 3.6e6
        rhythm = 1 + self.height * np.sin((hours - self.peak) / 24 * 2 * np.pi)
        day = np.interp(hours / 24, np.arange(len(self.days)) + self.start_ms / 8.64e7, self.days)
        return np.maximum(rhythm * day + 0.08 * self.drift("load", times), 0.02)

    def drift(self, name: str, times: NDArray[np.int64]) -> Floats:
        return self.drifts[name][(times - self.start_ms) // _DRIFT_STEP_MS]


def _drift(random: np.random.Generator, count: int) -> Floats:
    """AR(1) of standard deviation 1 with a memory of 90 one-minute steps."""
    weight = np.exp(-1 / 90)
    kernel = weight ** np.arange(700)
    steps = random.standard_normal(count + 699) * np.sqrt(1 - weight**2)
    size = 1 << (len(steps) + len(kernel)).bit_length()
    return np.fft.irfft(np.fft.rfft(steps, size) * np.fft.rfft(kernel, size), size)[699 : 699 + count]
