"""A period at the end of a cell: a line, whatever it holds."""

from __future__ import annotations

import pytest

from pycemaker.metrics import METRICS
from tests.services.periods import busy_period


def test_a_period_and_its_parts_are_a_line_each() -> None:
    period = busy_period()
    assert repr(period) == (
        "<Period 2022-04-10T06:43:23.000Z to 2022-04-10T12:43:23.000Z; samples: "
        + ", ".join(f"{part.metric.id} {len(part.current)}" for part in period.metrics)
        + ">"
    )
    assert repr(period["cpu"]) == (
        f"<cpu: {len(period['cpu'].current)} samples, {len(period['cpu'].previous)} before, "
        "2022-04-10T06:43:23.000Z to 2022-04-10T12:43:23.000Z>"
    )


def test_an_unknown_metric_is_told_with_those_there_are() -> None:
    there = ", ".join(metric.id for metric in METRICS)
    with pytest.raises(KeyError, match=f"no metric 'cpuu'; there are {there}"):
        busy_period()["cpuu"]
