"""States of rules, minute by minute."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pycemaker.alerts.default_rules import DEFAULT_RULES
from pycemaker.alerts.rule import Rule
from pycemaker.alerts.rule_state import (
    AT_REST,
    FIRING,
    OK,
    PENDING,
    RECOVERING,
    SILENT,
    Observation,
    RuleState,
    is_late,
    next_state,
)
from pycemaker.analysis.health import MINUTE_MS
from pycemaker.monitor.alert_history import FORECAST, NO_DATA, THRESHOLD

CPU = Rule("cpu", THRESHOLD, "cpu", 0.9, 0.8, for_seconds=180, clear_seconds=120)
RATE = Rule("requests", THRESHOLD, "request_count", 5.0, 10.0, for_seconds=60, clear_seconds=60)
NAN = math.nan


def states(rule: Rule, readings: list[float]) -> list[str]:
    """The state after each minute."""
    return [state.state for state in run(rule, readings)]


def run(rule: Rule, readings: list[float]) -> list[RuleState]:
    state, after = AT_REST, []
    for minute, reading in enumerate(readings, 1):
        state = next_state(rule, state, Observation(minute * MINUTE_MS, reading))
        after.append(state)
    return after


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        ([0.5, 0.89], [OK, OK]),
        ([0.9, 0.95, 0.9], [PENDING, PENDING, FIRING]),
        ([0.95, 0.85, 0.95], [PENDING, PENDING, FIRING]),
        ([0.95, 0.95, 0.85, 0.85], [PENDING, PENDING, PENDING, PENDING]),
        ([0.95, 0.8, 0.95, 0.95], [PENDING, OK, PENDING, PENDING]),
        ([0.95, NAN, NAN, 0.95], [PENDING, PENDING, PENDING, FIRING]),
        ([0.95, 0.95, 0.95, 0.8, 0.7], [PENDING, PENDING, FIRING, RECOVERING, OK]),
        ([0.95, 0.95, 0.95, 0.7, 0.95], [PENDING, PENDING, FIRING, RECOVERING, FIRING]),
        ([0.95, 0.95, 0.95, 0.85, 0.85, 0.85], [PENDING, PENDING, FIRING, FIRING, FIRING, FIRING]),
    ],
)
def test_a_threshold_holds_before_it_fires_and_before_it_ends(readings: list[float], expected: list[str]) -> None:
    assert states(CPU, readings) == expected


def test_a_reading_that_flaps_about_the_threshold_fires_once() -> None:
    after = run(CPU, [0.91, 0.88] * 120)
    assert len({state.fired_ms for state in after}) == 2
    assert after[-1].state == FIRING


def test_less_is_worse_where_the_rule_says_so() -> None:
    assert states(RATE, [20.0, 4.0, 4.0, 7.0, 12.0]) == [OK, FIRING, FIRING, FIRING, OK]


def test_an_alert_knows_since_when_and_how_bad() -> None:
    fired = run(CPU, [0.5, 0.95, 0.91, 0.99, 0.92])[-1]
    assert (fired.wrong_since_ms, fired.fired_ms, fired.worst) == (1 * MINUTE_MS, 4 * MINUTE_MS, 0.99)


def test_silence_is_a_state_of_its_own_and_keeps_an_open_alert() -> None:
    quiet = Observation(9 * MINUTE_MS, is_silent=True)
    assert next_state(CPU, AT_REST, quiet) == RuleState(SILENT, 9 * MINUTE_MS)
    assert next_state(CPU, run(CPU, [0.95])[-1], quiet) == RuleState(SILENT, 9 * MINUTE_MS)
    silent = next_state(CPU, run(CPU, [0.95] * 3)[-1], quiet)
    assert (silent.state, silent.is_open) == (SILENT, True)
    assert next_state(CPU, silent, Observation(10 * MINUTE_MS, 0.95)).state == FIRING
    assert next_state(CPU, silent, Observation(10 * MINUTE_MS, 0.1)).state == RECOVERING
    assert next_state(CPU, RuleState(SILENT, 9), Observation(10 * MINUTE_MS, 0.1)) == AT_REST


def test_a_rule_of_silence_fires_at_once_and_ends_with_samples() -> None:
    rule = Rule("silence", NO_DATA, "cpu", clear_seconds=60)
    fired = next_state(rule, AT_REST, Observation(9 * MINUTE_MS, is_silent=True, last_ms=4 * MINUTE_MS))
    assert fired == RuleState(FIRING, 9 * MINUTE_MS, 4 * MINUTE_MS, 9 * MINUTE_MS)
    assert next_state(rule, fired, Observation(10 * MINUTE_MS, is_silent=True, last_ms=4 * MINUTE_MS)) is fired
    assert next_state(rule, fired, Observation(10 * MINUTE_MS, 0.5)) == AT_REST


@pytest.mark.parametrize(
    ("last_minute", "step_seconds", "late"), [(5, 5, False), (4.9, 5, True), (4.9, 300, False), (0, 300, False)]
)
def test_silence_counts_from_three_usual_distances(last_minute: float, step_seconds: int, late: bool) -> None:
    assert is_late(300, 10 * MINUTE_MS, round(last_minute * MINUTE_MS), 1000 * step_seconds) is late


def test_a_forecast_fires_when_it_stays() -> None:
    rule = Rule("full", FORECAST, "disk", 1.0, None, 3600, 3600, 24)
    state, hour = AT_REST, 60 * MINUTE_MS
    seen = []
    for number, left in enumerate([math.inf, 23.0, 20.0, 28.0, math.inf, 40.0], 1):
        state = next_state(rule, state, Observation(number * hour, left))
        seen.append((state.state, state.worst))
    assert seen == [(OK, None), (PENDING, 23.0), (FIRING, 20.0), (FIRING, 20.0), (RECOVERING, 20.0), (OK, None)]


@given(st.lists(st.sampled_from([0.5, 0.85, 0.95, NAN, None]), max_size=60))
def test_whatever_comes_an_alert_is_open_or_not(readings: list[float | None]) -> None:
    """An alert opens only after its hold time, and a state that is at rest remembers nothing."""
    state = AT_REST
    for minute, reading in enumerate(readings, 1):
        before, at_ms = state, minute * MINUTE_MS
        state = next_state(CPU, before, Observation(at_ms, NAN if reading is None else reading, reading is None))
        if state.is_open and not before.is_open:
            assert state.wrong_since_ms is not None
            assert at_ms - state.wrong_since_ms >= 180_000
        assert state.is_open == (state.state in (FIRING, RECOVERING)) or state.state == SILENT
        assert state == AT_REST or state.state != OK


def test_default_rules_have_ids_of_their_own() -> None:
    assert len({rule.id for rule in DEFAULT_RULES}) == len(DEFAULT_RULES)
