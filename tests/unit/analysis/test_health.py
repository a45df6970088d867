"""The index of health: points by borders, minute by minute, and the worst metric named."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from pycemaker.analysis.health import Health, health, hour_points, hour_scores, sample_points
from pycemaker.metrics import CPU, RAM, REQUEST_COUNT, RESPONSE_TIME, Metric
from pycemaker.series import cadence
from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import summarize
from pycemaker.series.step_means import step_means
from pycemaker.window import to_epoch_ms
from tests.services.periods import columns

START = datetime(2022, 4, 10, 12, 0, tzinfo=UTC)
START_MS = to_epoch_ms(START)
GOOD = {CPU: 0.2, RAM: 0.2, RESPONSE_TIME: 0.1, REQUEST_COUNT: 25.0}
"""Below every border; 25 requests every 5 s are 5 a second."""


def health_of(minutes: int, every_seconds: int = 5, **readings: list[float]) -> Health:
    """The health of samples from `START` on: of `GOOD` where a metric has no readings of its own."""
    count = minutes * 60 // every_seconds
    samples = {
        metric: columns(START, readings.get(metric.id, [good] * count), every_seconds=every_seconds)
        for metric, good in GOOD.items()
    }
    return assessed(samples, minutes)


def assessed(samples: dict[Metric, Columns], minutes: int) -> Health:
    end_ms = START_MS + minutes * 60_000
    learned = {
        metric: cadence.learn(each.time_ms, START_MS, end_ms) or cadence.Cadence(()) for metric, each in samples.items()
    }
    ends_ms = START_MS + 60_000 * np.arange(1, minutes + 1)
    points = {}
    for metric, each in samples.items():
        points[metric.id] = step_means(*sample_points(metric, each, learned[metric]), learned[metric], ends_ms)
    return health(points, ends_ms)


def test_readings_below_every_border_are_a_score_of_1_at_the_end_of_each_minute() -> None:
    good = health_of(2)
    assert good.score.tolist() == [1.0, 1.0]
    assert good.time_ms.tolist() == [START_MS + 60_000, START_MS + 120_000]


@pytest.mark.parametrize(
    ("name", "reading", "score"),
    [
        ("cpu", 0.25, 1.0), ("cpu", 0.26, 11 / 12), ("cpu", 0.51, 10 / 12), ("ram", 0.76, 9 / 12),
        ("response_time", 0.3, 1.0), ("response_time", 0.31, 11 / 12), ("response_time", 0.7, 10 / 12),
        ("response_time", 1.2, 9 / 12),
        ("request_count", 75.0, 1.0), ("request_count", 80.0, 11 / 12), ("request_count", 301.0, 9 / 12),
    ],
)  # fmt: skip
def test_each_border_that_is_exceeded_costs_a_twelfth(name: str, reading: float, score: float) -> None:
    assert health_of(1, **{name: [reading] * 12}).score.tolist() == pytest.approx([score])


def test_a_minute_has_the_mean_of_its_samples_points() -> None:
    assert health_of(1, cpu=[0.2] * 6 + [0.9] * 6).score.tolist() == pytest.approx([1 - 1.5 / 12])


def test_everything_at_its_worst_is_0_and_the_worst_metric_is_named() -> None:
    bad = health_of(1, cpu=[0.99] * 12, ram=[0.8] * 12, response_time=[9.0] * 12, request_count=[9000.0] * 12)
    assert bad.score.tolist() == pytest.approx([0.0])
    assert health_of(1, ram=[0.6] * 12, cpu=[0.3] * 12).worst == ("ram",)


def test_of_equal_points_the_metric_nearest_to_its_next_border_is_the_worst() -> None:
    assert health_of(1, cpu=[0.30] * 12, ram=[0.49] * 12).worst == ("ram",)
    assert health_of(1).worst == ("cpu",)


def test_a_minute_in_which_a_metric_has_no_reading_has_no_score_and_names_it() -> None:
    silent = health_of(3, ram=[0.2] * 12 + [float("nan")] * 12 + [0.2] * 12)
    assert np.isnan(silent.score).tolist() == [False, True, False]
    assert silent.worst[1] == "ram"


def test_no_sample_at_all_is_never_healthy() -> None:
    assert np.isnan(health_of(2, request_count=[]).score).all()


def test_a_sample_every_five_minutes_stands_for_the_minutes_until_the_next_one() -> None:
    sparse = health_of(20, 300, cpu=[0.9, 0.9, 0.2, 0.2])
    assert np.isnan(sparse.score[:4]).all()
    assert sparse.score[4:14].tolist() == pytest.approx([0.75] * 10)
    assert sparse.score[14:].tolist() == pytest.approx([1.0] * 6)


def test_an_hour_has_the_mean_points_of_its_samples() -> None:
    hours = summarize(columns(START, [0.1] * 360 + [0.99] * 360), "ratio")
    assert hour_points("cpu", hours).tolist() == pytest.approx([1.5])
    counts = summarize(columns(START, [25.0] * 540 + [9000.0] * 180), "requests")
    assert hour_points("request_count", counts).tolist() == pytest.approx([0.75])


def test_an_hour_without_one_metrics_reading_has_no_score() -> None:
    points = {metric.id: np.array([0.0, 3.0]) for metric in GOOD}
    assert hour_scores(points).tolist() == [1.0, 0.0]
    assert np.isnan(hour_scores(points | {"ram": np.array([0.0, np.nan])})).tolist() == [False, True]
