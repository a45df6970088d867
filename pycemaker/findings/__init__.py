"""What changed, first: at most three findings of a period, the most important first. Pure and deterministic.

    series               a metric's intervals in blocks of five minutes, the weeks before them in hours
    extremes             what those hours reached, and how far beyond that is news
    episodes, levels     a stretch beyond that; a level of hours beyond it
    trends, states       what fills up, and when; time spent critical, readings never seen, missing samples
    finding, telling     what a finding is; the words of each kind

A reading is known where the last weeks reached it at any hour, the worst day left out, so that bursts and chronic load
are no news. A level or a stretch is known where the days themselves were as far from their same hours. Beyond what is
known there must be a margin: a floor that matters to people, and a share of how much the days differ, larger where
there are few. How often a quiet period carries a finding is measured by `python -m tests.bench.false_alarms`
and `tests.bench.findings`, and bounded by `tests/unit/test_findings_noise.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pycemaker.coverage import COMPARABLE_SHARE, Coverage, coverage
from pycemaker.findings.episodes import Episode, find_episode
from pycemaker.findings.extremes import LEAST_DAYS
from pycemaker.findings.finding import CRITICAL, NOTICE, WARNING, Finding
from pycemaker.findings.levels import Shift, find_shift
from pycemaker.findings.series import Series, scaled, series
from pycemaker.findings.states import critical_time, new_high, outages
from pycemaker.findings.telling import (
    tell_critical,
    tell_high,
    tell_incident,
    tell_outage,
    tell_shift,
    tell_trend,
)
from pycemaker.findings.trends import find_trend
from pycemaker.language import N_

if TYPE_CHECKING:
    from pycemaker.period import MetricPeriod, Period

__all__ = ["CRITICAL", "MOST", "NOTICE", "QUIET", "WARNING", "Finding", "find"]

MOST = 3
"""How many findings a report has at most."""

QUIET = N_("Nada fora do normal neste período")
"""What a report without a finding says."""

_KINDS = ("gap", "incident", "critical", "trend", "shift", "high")
_TOLD_FIRST = ("seconds", "requests", "ratio")
_TOGETHER_MS = 300_000


def find(period: Period) -> tuple[Finding, ...]:
    """The findings of a period: the worst first, at most `MOST`; none where nothing is out of the ordinary.

    One finding a metric: a stretch that was far from normal says more than a level that moved, that more than its
    critical time, that more than one high reading. A trend and a gap are told beside them. Stretches of several metrics
    at one time are one finding. Whatever compares the two intervals is withheld where there is too little of either.
    """
    counted = {part.metric.id: (part, coverage(part)) for part in period.metrics}
    parts = {part.metric.id: series(part) for part in period.metrics if len(part.current)}
    comparable = {name: taken for name, taken in parts.items() if _is_comparable(taken, counted[name][1])}
    found = _gaps(counted) + _changes(parts, comparable)
    ranked = sorted(found, key=lambda finding: (-finding.severity, _KINDS.index(finding.kind), -finding.weight))
    return tuple(ranked[:MOST])


def _gaps(counted: dict[str, tuple[MetricPeriod, Coverage]]) -> list[Finding]:
    parts = {name: part for name, (part, _) in counted.items()}
    found = outages(counted)
    return [tell_outage(outage, parts[outage.metrics[0].id], len(parts)) for outage in found[:1]]


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
            _TOLD_FIRST.index(e.series.unit) if e.series.unit in _TOLD_FIRST else 9,
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


def _overlap(one: Episode, other: Episode) -> bool:
    """Whether the shorter of the two lies for the most part within five minutes of the longer."""
    shared = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms) + _TOGETHER_MS
    return shared >= 0.5 * min(one.end_ms - one.start_ms, other.end_ms - other.start_ms) + _TOGETHER_MS / 2
