"""What changed, first: at most three findings of a period, the most important first. Pure and deterministic.

    series               a metric's intervals in blocks of five minutes, the weeks before them in hours
    extremes             what those hours reached, and how far beyond that is news
    episodes, levels     a stretch beyond that; a level of hours beyond it
    trends, states       what fills up, and when; time spent critical, readings never seen, missing samples
    finding, telling     what a finding is; the words of each kind
    judged               what cannot be judged; what an all-clear is given for

A reading is known where the last weeks reached it at any hour, the worst day left out, so that bursts and chronic load
are no news. A level or a stretch is known where the days themselves were as far from their same hours. Beyond what is
known there must be a margin: a floor that matters to people, and a share of how much the days differ, larger where
there are few. How often a quiet period carries a finding is measured by `python -m tests.bench.false_alarms`
and `tests.bench.findings`, and bounded by `tests/integration/analysis/test_findings_noise.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pycemaker.analysis.coverage import COMPARABLE_SHARE, Coverage
from pycemaker.analysis.findings import comparability as judging
from pycemaker.analysis.findings.blocks import Series, scaled, series
from pycemaker.analysis.findings.comparability import (
    FEWEST_READINGS,
    AllClear,
    Comparability,
    Reason,
    comparability,
    unjudged,
    without_made_up,
)
from pycemaker.analysis.findings.critical_time import SampleGap, critical_time, new_high, sample_gaps
from pycemaker.analysis.findings.episodes import Episode, find_episode
from pycemaker.analysis.findings.extremes import LEAST_DAYS
from pycemaker.analysis.findings.filling import find_trend
from pycemaker.analysis.findings.finding import CRITICAL, NOTICE, WARNING, Finding
from pycemaker.analysis.findings.levels import Shift, find_shift
from pycemaker.analysis.findings.wording import (
    tell_critical,
    tell_high,
    tell_incident,
    tell_outage,
    tell_shift,
    tell_trend,
)

if TYPE_CHECKING:
    from pycemaker.series.period import Period

__all__ = ["CRITICAL", "MOST", "NOTICE", "WARNING", "AllClear", "Finding", "all_clear", "find"]

MOST = 3
"""How many findings a report has at most."""

_KINDS = ("unknown", "gap", "incident", "critical", "trend", "shift", "high")
_TOLD_FIRST = ("seconds", "requests", "ratio")
_TOGETHER_MS = 300_000


def find(period: Period) -> tuple[Finding, ...]:
    """The findings of a period: the worst first, at most `MOST`; none where nothing is out of the ordinary.

    One finding a metric: a stretch that was far from normal says more than a level that moved, that more than its
    critical time, that more than one high reading. A trend and a gap are told beside them, as is what cannot be judged.
    Stretches of several metrics at one time are one finding. Whatever compares the two intervals is withheld where
    there is too little of either. Made-up samples count only where they are most of the interval.
    """
    each = comparability(without_made_up(period))
    enough = {one.part.metric.id: one for one in each if one.readings >= FEWEST_READINGS}
    parts = {name: series(one.part) for name, one in enough.items()}
    comparable = {name: taken for name, taken in parts.items() if _is_comparable(taken, enough[name].coverage)}
    outage = _outage(each)
    found = unjudged(each, outage.metrics if outage else ()) + _changes(parts, comparable)
    if outage:
        total = sum(one.was_collected for one in each)
        found.append(tell_outage(outage, period[outage.metrics[0].id], total))
    felt = {part.metric.id: _felt(part.metric.unit) for part in period.metrics}
    ranked = sorted(
        found,
        key=lambda finding: (
            -finding.severity,
            _KINDS.index(finding.kind),
            -finding.weight,
            felt.get(finding.metric, len(_TOLD_FIRST)),
        ),
    )
    return tuple(ranked[:MOST])


def all_clear(period: Period) -> AllClear:
    """What is said of a period without a finding: what was looked at, and what it was compared with."""
    return judging.all_clear(comparability(without_made_up(period)))


def _outage(each: Sequence[Comparability]) -> SampleGap | None:
    """The stretch without samples that is told, if any: the one that most is missed in."""
    counted = {one.part.metric.id: (one.part, one.coverage) for one in each if one.reason is not Reason.UNDATED}
    return next(iter(sample_gaps(counted)), None)


def _changes(parts: dict[str, Series], comparable: dict[str, Series]) -> list[Finding]:
    shifts = {name: shift for name, taken in comparable.items() if (shift := find_shift(taken))}
    trends = {name: trend for name, taken in parts.items() if (trend := find_trend(taken))}
    episodes = {
        name: episode
        for name, taken in parts.items()
        if (episode := find_episode(taken)) and not (name in shifts and _is_part_of(episode, shifts[name]))
    }
    found = [tell_incident(group) for group in _together(list(episodes.values()))]
    found += [tell_trend(parts[name], trend) for name, trend in trends.items()]
    for name, taken in parts.items():
        if name not in episodes:
            found += _lesser(name, taken, shifts, trends)
    return found


def _is_comparable(taken: Series, counted: Coverage) -> bool:
    """Whether there is enough of the interval, and enough before it: half of the previous one, or a day of hours."""
    return counted.share >= COMPARABLE_SHARE and (counted.is_comparable or taken.known_days >= LEAST_DAYS)


def _is_part_of(episode: Episode, shift: Shift) -> bool:
    """Whether a stretch is a level itself, or not twice as far from normal as the level that moved."""
    amounts = np.array([episode.amount, episode.normal, shift.level, shift.normal])
    amount, normal, level, usual = scaled(amounts, episode.series.unit)
    return episode.is_level or bool(abs(amount - normal) < 2 * abs(level - usual))


def _lesser(name: str, taken: Series, shifts: dict[str, Any], trends: dict[str, Any]) -> list[Finding]:
    """One finding or none of a metric that had no stretch far from normal."""
    if name in shifts and name not in trends:
        return [tell_shift(taken, shifts[name])]
    if critical := critical_time(taken):
        return [tell_critical(taken.part, critical)]
    high = new_high(taken)
    return [tell_high(taken.part, high)] if high and name not in trends else []


def _together(episodes: list[Episode]) -> list[list[Episode]]:
    """Episodes by the time they share, what people feel first at the head of each group."""
    ranked = sorted(
        episodes,
        key=lambda e: (
            -(e.critical_share >= 0.5),
            _felt(e.series.unit),
            -e.fold,
        ),
    )
    groups: list[list[Episode]] = []
    for episode in ranked:
        alike = next((group for group in groups if _overlap(group[0], episode)), None)
        if alike is None:
            groups.append([episode])
        else:
            alike.append(episode)
    return groups


def _felt(unit: str) -> int:
    """How soon people feel a metric of this unit: 0 at once."""
    return _TOLD_FIRST.index(unit) if unit in _TOLD_FIRST else len(_TOLD_FIRST)


def _overlap(one: Episode, other: Episode) -> bool:
    """Whether the shorter of the two lies for the most part within five minutes of the longer."""
    shared = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms) + _TOGETHER_MS
    return shared >= 0.5 * min(one.end_ms - one.start_ms, other.end_ms - other.start_ms) + _TOGETHER_MS / 2
