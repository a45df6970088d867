"""Made-up truth: series as servers have them, a row a minute over 21 days, with what is wrong in them labelled.

Half of the kinds are quiet however wild they look, since what they do has been known for days.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from pycemaker.metrics import CPU, HTTP_FAIL, RAM, REQUEST_COUNT, RESPONSE_TIME, Metric
from tests.services.labelled import Labelled

Floats = NDArray[np.float64]
Kind = Callable[["Days"], tuple[Metric, Floats, list[tuple[float, float]]]]

_DAYS, _DAY, _HOUR = 21, 1440, 60
_START_MS = int(datetime(2024, 3, 4, tzinfo=UTC).timestamp() * 1000)  # a Monday
SEEDS = 3


class Days:
    """Three weeks of minutes, and the noise that servers have."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.minute = np.arange(_DAYS * _DAY)
        self.event = int(_DAY * self.random.uniform(14, 17)) + 1
        """The minute at which what is wrong begins, in the third week."""

    def rhythm(self, height: float = 0.4) -> Floats:
        """About 1: a daily rhythm, days that differ by 7 %, a drift that hangs together for an hour and a half."""
        peak = self.random.uniform(0, _DAY)
        days = np.interp(self.minute / _DAY, np.arange(_DAYS + 1), self.random.normal(1, 0.07, _DAYS + 1))
        return np.maximum(
            (1 + height * np.sin((self.minute - peak) / _DAY * 2 * np.pi)) * days + 0.08 * self.drift(), 0.05
        )

    def drift(self, memory: int = 90) -> Floats:
        """An AR(1) process of deviation 1."""
        kernel = np.exp(-np.arange(memory * 8) / memory)
        steps = self.random.standard_normal(len(self.minute) + len(kernel) - 1)
        return np.convolve(steps, kernel / np.sqrt((kernel**2).sum()), "valid")

    def noise(self, size: float) -> Floats:
        """A factor from minute to minute, log-normal."""
        return np.exp(size * self.random.standard_normal(len(self.minute)))

    def between(self, start: float, minutes: float) -> NDArray[np.bool_]:
        """Which minutes are in that stretch."""
        return (self.minute >= start) & (self.minute < start + minutes)


def made_up(seeds: int = SEEDS) -> Iterator[Labelled]:
    """Every kind, with so many seeds each."""
    for kind in KINDS:
        for seed in range(seeds):
            metric, value, windows = kind(Days(seed + 100 * KINDS.index(kind)))
            times = _START_MS + np.arange(len(value), dtype=np.int64) * 60_000
            value = np.clip(value, 0, 1) if metric.unit == "ratio" else np.maximum(value, 0)
            spans = tuple((_START_MS + int(start * 60_000), _START_MS + int(end * 60_000)) for start, end in windows)
            yield Labelled(f"{kind.__name__.strip('_')}-{seed}", metric, times, value, spans)


def _leak(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Memory that rises by a point an hour from some day on, until a restart two days later."""
    into = np.clip(days.minute - days.event, 0, 2 * _DAY)
    risen = np.where(days.minute < days.event + 2 * _DAY, into / _HOUR * 0.01, 0)
    return RAM, 0.35 + 0.05 * days.rhythm() + risen, [(days.event + 6 * _HOUR, days.event + 2 * _DAY)]


def _step(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """CPU from 6 to 15 % for good: an incident for two days, the new normal thereafter."""
    level = np.where(days.minute >= days.event, 0.15, 0.06)
    return CPU, level * days.rhythm(0.15) * days.noise(0.1), [(days.event, days.event + 2 * _DAY)]


def _slow(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Answers four times as slow for half an hour."""
    factor = np.where(days.between(days.event, 30), 4, 1)
    return RESPONSE_TIME, 0.12 * days.rhythm() ** 0.5 * days.noise(0.2) * factor, [(days.event, days.event + 30)]


def _outage(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Requests that fall to a tenth for forty minutes."""
    load = 40 * days.rhythm() * np.where(days.between(days.event, 40), 0.1, 1)
    return REQUEST_COUNT, days.random.poisson(load).astype(float), [(days.event, days.event + 40)]


def _failures(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Failures where there are hardly any."""
    rate = np.where(days.between(days.event, 20), 5.0, 0.02)
    return HTTP_FAIL, days.random.poisson(rate).astype(float), [(days.event, days.event + 20)]


def _stuck(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """CPU at its limit for three hours."""
    full = np.where(days.between(days.event, 180), 0.98, 0)
    usual = 0.3 * days.rhythm() * days.noise(0.15)
    return CPU, np.maximum(usual, full), [(days.event, days.event + 180)]


def _dead(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """CPU that falls to next to nothing for two hours, since nothing runs."""
    dead = days.between(days.event, 120)
    return CPU, np.where(dead, 0.01, 0.3 * days.rhythm() * days.noise(0.15)), [(days.event, days.event + 120)]


def _spike(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """One burst of ten minutes in a steady series."""
    burst = np.where(days.between(days.event, 10), 0.5, 0)
    return CPU, 0.08 * days.noise(0.1) + burst, [(days.event, days.event + 10)]


def _daily_new(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """A job of twenty minutes at 19:00 from some day on: news for two days."""
    job = (days.minute % _DAY >= 19 * _HOUR) & (days.minute % _DAY < 19 * _HOUR + 20)
    first = 15 * _DAY + 19 * _HOUR
    value = 0.2 * days.rhythm() * days.noise(0.1) + np.where(job & (days.minute >= first), 0.6, 0)
    return CPU, value, [(first, first + 20), (first + _DAY, first + _DAY + 20)]


def _same_hours_load(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """A midday's load in the night, for two hours: known in itself, at that hour new."""
    rhythm = 1 + 0.8 * np.sin(days.minute / _DAY * 2 * np.pi)
    start = 15 * _DAY + 17 * _HOUR
    value = np.where(days.between(start, 120), 1.7, rhythm) * 0.3 * days.noise(0.1) * (1 + 0.05 * days.drift())
    return CPU, value, [(start, start + 120)]


def _hourly(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Bursts of five to eight minutes each hour."""
    long = np.repeat(days.random.uniform(5, 8, len(days.minute) // _HOUR), _HOUR)
    height = np.repeat(days.random.normal(0.6, 0.06, len(days.minute) // _HOUR), _HOUR)
    return CPU, 0.1 * days.noise(0.15) + np.where(days.minute % _HOUR < long, height, 0), []


def _daily(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """A backup of one to two hours each night, at 02:00 or so."""
    value = 0.15 * days.rhythm() * days.noise(0.1)
    for day in range(_DAYS):
        start, minutes = day * _DAY + 2 * _HOUR + days.random.integers(0, 15), days.random.uniform(60, 120)
        value += np.where(days.between(start, minutes), 0.5, 0)
    return CPU, value, []


def _wandering(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Four bursts a day, of ten to forty minutes, at any hour."""
    value = 0.1 * days.noise(0.15)
    for start in days.random.uniform(0, len(days.minute), 4 * _DAYS):
        value = np.maximum(
            value, np.where(days.between(start, days.random.uniform(10, 40)), days.random.normal(0.6, 0.08), 0)
        )
    return CPU, value, []


def _heavy_tails(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Traffic in bursts of every size, many small ones and few large ones (Pareto, exponent 2.5)."""
    value = 20 * days.rhythm()
    for start in days.random.uniform(0, len(days.minute), 10 * _DAYS):
        value += np.where(days.between(start, days.random.uniform(5, 30)), 10 * days.random.pareto(2.5), 0)
    return REQUEST_COUNT, days.random.poisson(value).astype(float), []


def _full(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """CPU at its limit most of the time, for weeks."""
    return CPU, 0.97 - 0.02 * np.abs(days.drift()) - 0.3 * (days.drift(20) > 1.8), []


def _on_off(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Work of some hours, then none for some hours, at no fixed time."""
    is_on, left, states = False, 0.0, []
    for _ in days.minute:
        if left <= 0:
            is_on, left = not is_on, days.random.uniform(60, 400)
        states.append(is_on)
        left -= 1
    return CPU, np.where(states, 0.7, 0.05) * days.noise(0.1), []


def _full_bursts(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """CPU at its limit four times a day, for ten to forty minutes, at any hour."""
    value = 0.3 * days.rhythm() * days.noise(0.15)
    for start in days.random.uniform(0, len(days.minute), 4 * _DAYS):
        value = np.maximum(value, np.where(days.between(start, days.random.uniform(10, 40)), 0.97, 0))
    return CPU, value, []


def _full_spells(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """CPU at its limit for some hours, then none for some hours, at no fixed time."""
    metric, value, windows = _on_off(days)
    return metric, value * 0.97 / 0.7, windows


def _runaway(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Memory that rises by two points an hour until it is full, and stays so for a day."""
    risen = np.where(days.between(days.event, 2.5 * _DAY), (days.minute - days.event) / _HOUR * 0.02, 0)
    return RAM, 0.35 + 0.05 * days.rhythm() + risen, [(days.event + 3 * _HOUR, days.event + 2.5 * _DAY)]


def _weekend(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Requests of an office: a fifth of them on Saturdays and Sundays."""
    quiet = days.minute // _DAY % 7 >= 5
    load = 30 * days.rhythm(0.6) * np.where(quiet, 0.2, 1)
    return REQUEST_COUNT, days.random.poisson(load).astype(float), []


def _restarts(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Memory that rises for a day or two and falls at a restart, for weeks: a saw's teeth."""
    starts = np.cumsum(days.random.uniform(24 * _HOUR, 40 * _HOUR, _DAYS))
    last = np.concatenate([[0], starts])[np.searchsorted(starts, days.minute, side="right")]
    return RAM, 0.3 + (days.minute - last) / (40 * _HOUR) * 0.4 + 0.01 * days.drift(), []


def _steady(days: Days) -> tuple[Metric, Floats, list[tuple[float, float]]]:
    """Response times with a rhythm, and nothing else."""
    return RESPONSE_TIME, 0.12 * days.rhythm() ** 0.5 * days.noise(0.3), []


KINDS: tuple[Kind, ...] = (
    _leak,
    _step,
    _slow,
    _outage,
    _failures,
    _stuck,
    _dead,
    _spike,
    _daily_new,
    _same_hours_load,
    _hourly,
    _daily,
    _wandering,
    _heavy_tails,
    _full,
    _on_off,
    _weekend,
    _restarts,
    _steady,
    _full_bursts,
    _full_spells,
    _runaway,
)
