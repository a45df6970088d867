"""The default rules over planted histories of a day: which alerts, in which order, at which minute."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.services.planted_minutes import DAY_START, HISTORIES, History, alerts_of


@pytest.mark.parametrize("history", HISTORIES, ids=lambda history: history.name)
def test_a_history_gives_the_alerts_that_were_planted(history: History) -> None:
    alerts = []
    for rule, alert in alerts_of(history):
        ends = (alert.fired_at, alert.ended_at)
        alerts.append(
            " ".join([rule, *("-" if at is None else f"{(at - DAY_START) / timedelta(hours=1):.2f}" for at in ends)])
        )
    assert "; ".join(alerts) == history.expected
