"""A period as pandas: one metric's samples, and all metrics side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pycemaker.metrics import CPU, METRICS, RAM
from pycemaker.series.batches import Columns, no_columns
from pycemaker.series.period import Period
from pycemaker.window import to_epoch_ms
from tests.services.periods import SAO_PAULO, WINDOW, busy_period, part, period_of

START_MS = to_epoch_ms(WINDOW.start_utc)


def samples(*pairs: tuple[int, float]) -> Columns:
    """Samples so many seconds after the interval's start."""
    seconds, readings = zip(*pairs, strict=True)
    times = START_MS + np.array(seconds, np.int64) * 1000
    return Columns(times, np.array(readings), np.zeros(len(pairs), np.int16), ("low",))


def test_one_metric_has_its_time_as_column_or_as_index() -> None:
    cpu = busy_period()["cpu"]
    assert (cpu.id, list(cpu.frame().columns)) == ("cpu", ["time", "reading", "criticity"])
    by_time = cpu.frame(index="time")
    assert (by_time.index.name, list(by_time.columns)) == ("time", ["reading", "criticity"])
    assert str(by_time.index.tz) == "America/Sao_Paulo"  # type: ignore[attr-defined]
    assert by_time.index[0] == pd.Timestamp("2022-04-10 03:43:28", tz=SAO_PAULO)
    assert len(by_time) == 4080
    with pytest.raises(KeyError):
        cpu.frame(index="when")


def test_the_previous_interval_is_a_frame_too() -> None:
    period = busy_period()
    assert len(period["cpu"].previous_frame()) == 4320
    assert period["cpu"].previous_frame("time").index[-1] == pd.Timestamp("2022-04-10 03:43:23", tz=SAO_PAULO)
    assert period.previous_frame().shape == (4320, len(METRICS))


def test_all_metrics_stand_side_by_side_by_instant() -> None:
    cpu = replace(part(CPU, []), current=samples((5, 0.1), (10, 0.2), (10, 0.3), (20, np.nan)))
    ram = replace(part(RAM, []), current=samples((7, 0.5), (10, 0.6)))
    frame = period_of(cpu, ram).frame()
    assert list(frame.columns) == ["cpu", "ram"]
    assert [int(time.timestamp() * 1000 - START_MS) for time in frame.index] == [5_000, 7_000, 10_000, 20_000]
    np.testing.assert_array_equal(frame["cpu"], [0.1, np.nan, 0.3, np.nan])
    np.testing.assert_array_equal(frame["ram"], [np.nan, 0.5, 0.6, np.nan])


def test_an_interval_without_a_sample_is_a_frame_without_a_row() -> None:
    empty = Period(WINDOW, SAO_PAULO, tuple(replace(own, current=no_columns()) for own in busy_period().metrics), None)
    assert empty.frame().shape == (0, len(METRICS))
    assert len(empty.frame().resample("1h").mean()) == 0
    assert empty["cpu"].frame().empty
