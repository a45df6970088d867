"""The state of a rule, minute by minute: ok, pending, firing, recovering, ok again; or no data. Pure.

| state | becomes |
|---|---|
| ok | pending in the first minute that is wrong |
| pending | firing once it was wrong for `for_seconds`; ok in a minute that is well |
| firing | recovering in the first minute that is well |
| recovering | ok once it was well for `clear_seconds`, which ends the alert; firing in a minute that is wrong |
| any | no_data where no sample comes any more; an open alert stays open, and goes on with the next sample |

Between its two thresholds a reading is neither wrong nor well, and a state stays: one that flaps about a threshold
fires once. A minute without a reading changes nothing.
"""

import math
from dataclasses import dataclass, replace

from pycemaker.alerts.rule import Rule
from pycemaker.analysis.health import MINUTE_MS
from pycemaker.monitor.alert_history import NO_DATA

STATES = OK, PENDING, FIRING, RECOVERING, SILENT = "ok", "pending", "firing", "recovering", "no_data"
"""The states."""


@dataclass(frozen=True)
class Observation:
    """What a rule sees of a minute.

    Attributes:
        at_ms: the minute's end, milliseconds since 1970 in UTC.
        reading: the median of the minute, in the rule's unit; of FORECAST the hours until the limit, infinite where it
            is not reached. NaN where there is none.
        is_silent: whether no sample comes any more.
        last_ms: the instant of the last sample; used of a silent metric alone.
        from_ms: the first instant that the reading stands for; a minute before its end by default.
    """

    at_ms: int
    reading: float = math.nan
    is_silent: bool = False
    last_ms: int | None = None
    from_ms: int | None = None

    @property
    def start_ms(self) -> int:
        """The first instant that the reading stands for."""
        return self.at_ms - MINUTE_MS if self.from_ms is None else self.from_ms


@dataclass(frozen=True)
class RuleState:
    """The state of a rule in one application.

    Attributes:
        state: OK, PENDING, FIRING, RECOVERING or SILENT.
        since_ms: of PENDING and RECOVERING the start of the first such minute; else where the state began.
        wrong_since_ms: of an open alert, since when something is wrong; else None.
        fired_ms: of an open alert, when it fired; else None.
        worst: the reading furthest beyond since `wrong_since_ms` or while pending; None without one.
    """

    state: str = OK
    since_ms: int = 0
    wrong_since_ms: int | None = None
    fired_ms: int | None = None
    worst: float | None = None

    @property
    def is_open(self) -> bool:
        """True from the instant at which the alert fires to its end."""
        return self.fired_ms is not None


AT_REST = RuleState()
"""The state of a rule that nothing was ever wrong with."""


def next_state(rule: Rule, before: RuleState, seen: Observation) -> RuleState:
    """The state after one more minute; the same object where nothing changed."""
    if rule.kind == NO_DATA:
        return _silence(rule, before, seen)
    if seen.is_silent:
        if before.state == SILENT:
            return before
        silent = RuleState(SILENT, seen.at_ms)
        return replace(before, state=SILENT, since_ms=seen.at_ms) if before.is_open else silent
    if math.isnan(seen.reading):
        return before
    if before.state == SILENT:
        before = replace(before, state=FIRING, since_ms=seen.at_ms) if before.is_open else AT_REST
    return _judged(rule, before, seen)


def _judged(rule: Rule, before: RuleState, seen: Observation) -> RuleState:
    is_wrong, is_well = rule.is_wrong(seen.reading), rule.is_well(seen.reading)
    if before.state == OK:
        if not is_wrong:
            return before
        before = RuleState(PENDING, seen.start_ms)
    if before.state == PENDING and is_well:
        return AT_REST
    worst = rule.worse_of(before.worst, seen.reading) if math.isfinite(seen.reading) else before.worst
    state = before if worst == before.worst else replace(before, worst=worst)
    if state.state == PENDING and is_wrong and seen.at_ms - state.since_ms >= 1000 * rule.for_seconds:
        return replace(state, state=FIRING, since_ms=seen.at_ms, wrong_since_ms=state.since_ms, fired_ms=seen.at_ms)
    if state.state == FIRING and is_well:
        state = replace(state, state=RECOVERING, since_ms=seen.start_ms)
    if state.state == RECOVERING:
        return _recovering(rule, state, seen, is_wrong=is_wrong, is_well=is_well)
    return state


def _recovering(rule: Rule, state: RuleState, seen: Observation, *, is_wrong: bool, is_well: bool) -> RuleState:
    if is_wrong:
        return replace(state, state=FIRING, since_ms=seen.at_ms)
    if is_well and seen.at_ms - state.since_ms >= 1000 * rule.clear_seconds:
        return AT_REST
    return state


def _silence(rule: Rule, before: RuleState, seen: Observation) -> RuleState:
    """The state of a rule that watches for silence; how long that takes is in `is_silent` already."""
    if seen.is_silent:
        if before.state == FIRING:
            return before
        since = before.wrong_since_ms if before.is_open else seen.last_ms
        return RuleState(FIRING, seen.at_ms, since, before.fired_ms or seen.at_ms)
    if before.state == OK:
        return before
    if before.state == FIRING:
        before = replace(before, state=RECOVERING, since_ms=seen.start_ms)
    return _recovering(rule, before, seen, is_wrong=False, is_well=True)


def is_late(seconds: float, at_ms: int, last_ms: int, step_ms: float) -> bool:
    """True where a metric counts as silent: no sample for so long, and for three of its usual distances.

    Args:
        seconds: a rule's `for_seconds`, or SILENT_SECONDS.
        at_ms: the present.
        last_ms: the metric's newest sample.
        step_ms: the usual distance of its samples; 0 where that is unknown.
    """
    return at_ms - last_ms > max(1000 * seconds, 3 * step_ms)
