"""Hourly amounts whose course is made up: leaks, logs, steps, rhythms, restarts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pycemaker.series.robust import Floats

DAYS = 35


def noise(random: np.random.Generator, count: int, size: float, likeness: float = 0.6) -> Floats:
    """Noise whose neighbours are alike (first-order autoregression), of the standard deviation `size`."""
    shocks = random.normal(0, size * np.sqrt(1 - likeness**2), count)
    for hour in range(1, count):
        shocks[hour] += likeness * shocks[hour - 1]
    return shocks


def daily(random: np.random.Generator, count: int) -> Floats:
    """A load that rises by day and falls by night."""
    hours = np.arange(count)
    return 0.4 + 0.25 * np.sin(2 * np.pi * (hours - 8) / 24) + noise(random, count, 0.03)


def weekly(random: np.random.Generator, count: int) -> Floats:
    """A daily load that is a third on two days of seven."""
    weekend = np.arange(count) // 24 % 7 >= 5
    return np.where(weekend, 0.33, 1.0) * daily(random, count)


def leak(random: np.random.Generator, count: int) -> Floats:
    """Memory that grows by 0.3 % an hour, and starts again where it is full."""
    return 0.3 + (0.003 * (np.arange(count) + random.integers(200))) % 0.65 + noise(random, count, 0.01)


def logs(random: np.random.Generator, count: int) -> Floats:
    """A disk that logs fill by half a percent an hour, rotated each midnight; a tenth of them stays."""
    hours = np.arange(count)
    return 0.2 + 0.005 * (hours % 24) + 0.0005 * hours + noise(random, count, 0.002)


def steps(random: np.random.Generator, count: int) -> Floats:
    """A level that jumps every few days."""
    jumps = np.where(random.random(count) < 1 / 90, random.normal(0, 0.2, count), 0.0)
    return np.clip(0.5 + np.cumsum(jumps), 0.05, 2.0) + noise(random, count, 0.03)


def restarts(random: np.random.Generator, count: int) -> Floats:
    """A daily load with hours near nothing every other day or so."""
    amounts = daily(random, count)
    amounts[random.random(count) < 1 / 50] = 0.02
    return amounts


def quiet(random: np.random.Generator, count: int) -> Floats:
    """Noise alone."""
    return 0.5 + noise(random, count, 0.05)


KINDS: tuple[Callable[[np.random.Generator, int], Floats], ...] = (
    quiet, daily, weekly, leak, logs, steps, restarts,
)  # fmt: skip


def every_kind(seeds: int) -> dict[str, list[Floats]]:
    """So many series of each kind, `DAYS` long, by its name; none below zero."""
    return {
        kind.__name__: [np.maximum(0.0, kind(np.random.default_rng(seed), DAYS * 24)) for seed in range(seeds)]
        for kind in KINDS
    }
