"""The rate of findings in periods in which nothing happens.

Measured over 400 periods of each kind (`python -m tests.bench.false_alarms 400`): see there. Here fewer, and a bound.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pycemaker.analysis.findings.choice import find
from tests.services.noise import quiet_period
from tests.services.periods import WINDOW


@pytest.mark.parametrize(("hours", "days", "periods"), [(6, 7, 60), (6, 1, 30), (6, 0, 30), (1, 7, 60), (24, 7, 12)])
def test_few_quiet_periods_carry_a_finding(hours: int, days: int, periods: int) -> None:
    window = replace(WINDOW, hours=hours)
    loud = [seed for seed in range(periods) if find(quiet_period(seed, window, days))]
    assert len(loud) <= 0.05 * periods, f"periods {loud} carry findings"
