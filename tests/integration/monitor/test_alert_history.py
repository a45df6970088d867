"""Alerts stored and read back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pycemaker.mongo.database import Database
from pycemaker.monitor.alert_history import THRESHOLD, Alert, AlertHistory
from pycemaker.window import Interval

NOON = datetime(2026, 5, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def alert(number: int, fired_at: datetime, ended_at: datetime | None = None, application: str = "loja") -> Alert:
    since = fired_at - timedelta(minutes=5)
    return Alert(
        f"{application}/cpu/{number}", application, "cpu", THRESHOLD, "cpu", since, fired_at, ended_at, 0.9, 0.8
    )


def test_an_alert_comes_back_as_it_was_stored(database: Database) -> None:
    history, stored = AlertHistory(database), alert(1, NOON, NOON + HOUR)
    history.save([stored])
    assert history.get([stored.id, "loja/cpu/9"]) == [stored]


def test_an_alert_is_stored_in_place_of_itself(database: Database) -> None:
    history = AlertHistory(database)
    history.save([alert(1, NOON), alert(2, NOON + HOUR), alert(3, NOON, application="")])
    history.save([replace(alert(1, NOON), ended_at=NOON + HOUR)])
    assert [each.id for each in history.open("loja")] == ["loja/cpu/2"]
    assert [each.id for each in history.open()] == ["loja/cpu/2", "/cpu/3"]
    assert [each.id for each in history.latest("loja", 9)] == ["loja/cpu/2", "loja/cpu/1"]


def test_an_interval_has_the_alerts_that_were_open_in_it(database: Database) -> None:
    history = AlertHistory(database)
    ended, over, later = alert(1, NOON - 2 * HOUR, NOON - HOUR), alert(2, NOON - HOUR), alert(3, NOON + 2 * HOUR)
    history.save([ended, over, later])
    assert history.within("loja", Interval(NOON, NOON + HOUR)) == [over]
    assert history.within("loja", Interval(NOON - 2 * HOUR, NOON)) == [over, ended]


def test_alerts_that_ended_long_ago_go(database: Database) -> None:
    history = AlertHistory(database)
    history.save([alert(1, NOON, NOON), alert(2, NOON), alert(3, NOON, NOON + HOUR)])
    history.apply_retention(NOON + timedelta(days=30, minutes=1), 30)
    assert [each.id for each in history.latest("loja", 9)] == ["loja/cpu/2", "loja/cpu/3"]
