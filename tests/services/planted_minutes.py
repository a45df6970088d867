"""Planted histories of a day, and the alerts that the default rules should give of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from pycemaker.alerts.default_rules import DEFAULT_RULES
from pycemaker.alerts.minute_medians import metric_minutes
from pycemaker.alerts.rule_preview import observations, replay
from pycemaker.metrics import METRICS
from pycemaker.monitor.alert_history import FORECAST, NO_DATA, Alert
from pycemaker.series.batches import Columns
from pycemaker.window import to_epoch_ms
from tests.services.alerting import QUIET

Floats = NDArray[np.float64]
DAY_START = datetime(2026, 5, 20, tzinfo=UTC)
STEP_SECONDS = 10
_HOURS = np.arange(1, 24 * 3600 // STEP_SECONDS + 1) * STEP_SECONDS / 3600
_NOISE = {"cpu": 0.03, "ram": 0.01, "disk": 0.001, "response_time": 0.05, "request_count": 5.0, "http_fail": 0.0}


@dataclass(frozen=True)
class History:
    """A day of one application.

    Attributes:
        name: what happens.
        expected: the rules that fire, each with the hour at which it does and that at which it ends; `-` for never.
        change: gives the readings that differ from a quiet day's, of the hours and the quiet readings.
        silent: hours without a sample: from, to.
    """

    name: str
    expected: str
    change: Callable[[Floats, dict[str, Floats]], dict[str, Floats]] = lambda _hours, _quiet: {}
    silent: tuple[float, float] | None = None


def alerts_of(history: History, seed: int = 1) -> list[tuple[str, Alert]]:
    """The alerts that the default rules, but for forecasts, give of a history: rule and alert, by time."""
    random = np.random.default_rng(seed)
    readings = {
        name: np.maximum(0, level + _NOISE[name] * random.standard_normal(len(_HOURS))) for name, level in QUIET.items()
    }
    readings |= history.change(_HOURS, readings)
    start_ms, kept = to_epoch_ms(DAY_START), np.ones(len(_HOURS), bool)
    if history.silent:
        kept = (history.silent[0] >= _HOURS) | (history.silent[1] < _HOURS)
    times = start_ms + np.round(_HOURS[kept] * 3_600_000).astype(np.int64)
    series = {}
    for metric in METRICS:
        codes = np.zeros(kept.sum(), np.int16)
        columns = Columns(times, readings[metric.id][kept], codes, ("low",))
        series[metric.id] = metric_minutes(metric, columns, start_ms, 24 * 60)
    rules = [rule for rule in DEFAULT_RULES if rule.kind != FORECAST]
    alerts = [(rule.id, alert) for rule in rules for alert in replay(rule, observations(rule, series))]
    return sorted(alerts, key=lambda each: (each[1].fired_at, each[0]))


def _between(hours: Floats, start: float, end: float, inside: float, outside: Floats) -> Floats:
    return np.where((hours > start) & (hours <= end), inside, outside)


def _rhythm(hours: Floats, low: float, high: float) -> Floats:
    return low + (high - low) * (0.5 - 0.5 * np.cos(hours / 24 * 2 * np.pi))


_SILENT = "; ".join(f"{rule} 12.10 -" for rule in sorted(rule.id for rule in DEFAULT_RULES if rule.kind == NO_DATA))

HISTORIES = (
    History("quiet", ""),
    History("slow leak", "threshold-ram 13.83 -", lambda hours, _: {"ram": np.clip(0.4 + 0.04 * hours, 0, 1)}),
    History("burst", "threshold-cpu 12.08 12.25", lambda hours, quiet: {
        "cpu": _between(hours, 12, 12 + 10 / 60, 0.98, quiet["cpu"])}),
    History("short burst", "", lambda hours, quiet: {"cpu": _between(hours, 12, 12 + 4 / 60, 0.98, quiet["cpu"])}),
    History("flapping", "threshold-cpu 12.08 14.08", lambda hours, quiet: {
        "cpu": _between(hours, 12, 14, 0.0, quiet["cpu"])
        + ((hours > 12) & (hours <= 14)) * np.where((hours * 60 - 1e-6).astype(int) % 2, 0.88, 0.93)}),
    History("dead collector", _SILENT, silent=(12, 24)),
    History("restart", "", lambda hours, quiet: {"ram": np.where(hours > 12, 0.2, quiet["ram"])}, silent=(12, 12.05)),
    History("daily rhythm", "", lambda hours, _: {
        "cpu": _rhythm(hours, 0.1, 0.85), "request_count": _rhythm(hours, 20, 400)}),
    History("weekend", "", lambda hours, quiet: {"cpu": 0.05 + 0 * hours, "request_count": 0.1 * quiet["request_count"]}),
)  # fmt: skip
