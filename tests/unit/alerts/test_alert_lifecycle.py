"""One application's rules: alerts that open, last and end, and what is mailed of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import bson

from pycemaker.alerts.alert_lifecycle import (
    AT_EASE,
    ENDED,
    FIRED,
    LASTS,
    after_minute,
    new_document,
    watched_of,
    with_watched,
)
from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_state import Observation
from pycemaker.analysis.health import MINUTE_MS
from pycemaker.monitor.alert_history import THRESHOLD
from pycemaker.window import from_epoch_ms, to_epoch_ms

START_MS = to_epoch_ms(datetime(2026, 5, 20, 12, tzinfo=UTC))
CPU = Rule("cpu", THRESHOLD, "cpu", 0.9, 0.8, for_seconds=60, clear_seconds=60)
RAM = replace(CPU, id="ram", metric="ram")


class Application:
    """An application through minutes; what is pending is mailed at once."""

    def __init__(self, *rules: Rule, mails: bool = True) -> None:
        self.document = new_document("loja", b"key")
        self.rules, self.mails, self.minute = rules, mails, 0
        self.log: list[tuple[int, dict[str, str]]] = []

    def see(self, **readings: float) -> Mapping[str, Any] | None:
        """One minute with these readings by rule; what was pending."""
        self.minute += 1
        at_ms = START_MS + self.minute * MINUTE_MS
        self.document = after_minute(
            self.document, self.rules, at_ms, lambda rule: Observation(at_ms, readings[rule.id]), mails=self.mails
        )
        bson.encode(self.document)
        pending: Mapping[str, Any] | None = self.document["pending"]
        if pending and pending["changes"]:
            self.log.append((self.minute, {each.split("/")[1]: what for each, what in pending["changes"].items()}))
        self.document = self.document | {"pending": None}
        return pending


def test_an_alert_is_mailed_when_it_fires_and_when_it_ends() -> None:
    app = Application(CPU)
    for reading in (0.5, 0.95, 0.97, 0.7, 0.5):
        app.see(cpu=reading)
    assert app.log == [(2, {"cpu": FIRED}), (4, {"cpu": ENDED})]
    assert app.document == new_document("loja", b"key") | {"number": 2}


def test_changes_of_one_minute_are_one_mail() -> None:
    app = Application(CPU, RAM)
    app.see(cpu=0.95, ram=0.95)
    app.see(cpu=0.5, ram=0.99)
    assert app.log == [(1, {"cpu": FIRED, "ram": FIRED}), (2, {"cpu": ENDED})]


def test_an_alert_that_lasts_is_repeated_ever_later() -> None:
    app = Application(CPU)
    for _ in range(30 * 60):
        app.see(cpu=0.95)
    assert [minute for minute, _ in app.log] == [1, 1 + 240, 1 + 240 + 480, 1 + 240 + 480 + 960]
    assert {what for _, changes in app.log[1:] for what in changes.values()} == {LASTS}


def test_the_later_mails_of_an_alert_name_its_first_one() -> None:
    app = Application(CPU, RAM)
    app.see(cpu=0.5, ram=0.95)
    numbers = [app.document["number"]]
    pending = app.see(cpu=0.95, ram=0.95)
    assert pending is not None
    numbers.append(pending["first_number"])
    pending = app.see(cpu=0.95, ram=0.5)
    assert pending is not None
    assert [*numbers, pending["first_number"]] == [1, 2, 1]


def test_what_somebody_acknowledged_is_not_repeated_and_its_end_is_mailed() -> None:
    app = Application(CPU)
    app.see(cpu=0.95)
    [watched] = watched_of(app.document).values()
    assert watched.alert
    seen = replace(watched.alert, acknowledged_at=from_epoch_ms(START_MS))
    app.document = with_watched(app.document, {"cpu": replace(watched, alert=seen)})
    for _ in range(600):
        app.see(cpu=0.95)
    app.see(cpu=0.5)
    assert app.log == [(1, {"cpu": FIRED}), (602, {"cpu": ENDED})]


def test_a_muted_rule_is_mailed_when_that_ends() -> None:
    app = Application(CPU)
    app.see(cpu=0.95)
    app.see(cpu=0.5)
    at = from_epoch_ms(START_MS + 10 * MINUTE_MS)
    app.document = with_watched(app.document, {"cpu": replace(AT_EASE, muted_until=at)})
    for _ in range(12):
        app.see(cpu=0.95)
    assert app.log == [(1, {"cpu": FIRED}), (2, {"cpu": ENDED}), (10, {"cpu": FIRED})]


def test_an_alert_that_came_and_went_while_muted_is_stored_and_mailed_to_nobody() -> None:
    app = Application(CPU)
    until = from_epoch_ms(START_MS) + timedelta(hours=1)
    app.document = with_watched(app.document, {"cpu": replace(AT_EASE, muted_until=until)})
    pending = app.see(cpu=0.95)
    assert pending is not None
    assert (len(pending["alerts"]), pending["changes"]) == (1, {})
    pending = app.see(cpu=0.5)
    assert pending is not None
    assert pending["alerts"][0]["ended_at"] is not None
    assert app.log == []


def test_without_recipients_alerts_are_stored_and_the_first_mail_follows_once_there_are_some() -> None:
    app = Application(CPU, mails=False)
    pending = app.see(cpu=0.95)
    assert pending is not None
    assert (len(pending["alerts"]), app.log) == (1, [])
    assert app.see(cpu=0.95) is None
    app.mails = True
    app.see(cpu=0.95)
    assert app.log == [(3, {"cpu": FIRED})]


def test_a_rule_that_is_removed_ends_its_alert() -> None:
    app = Application(CPU)
    app.see(cpu=0.95)
    app.rules = ()
    pending = app.see()
    assert pending is not None
    assert pending["alerts"][0]["kind"] == THRESHOLD
    assert app.log[-1] == (2, {"cpu": ENDED})
    assert app.document["watched"] == {}


def test_a_worse_reading_is_stored() -> None:
    app = Application(CPU)
    app.see(cpu=0.95)
    pending = app.see(cpu=0.99)
    assert pending is not None
    assert (pending["alerts"][0]["worst"], pending["changes"]) == (0.99, {})
