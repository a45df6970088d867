"""The choice of a period's findings: at most three changes, the most important first. Pure and deterministic.

    time_blocks          a metric's intervals in blocks of five minutes, the weeks before them in hours
    extremes             the greatest of those hours, and the margin beyond it
    episodes, levels     a stretch beyond that; a level of hours beyond it
    filling_up           a metric on its way to its limit
    critical_time        time spent critical, readings never seen before
    sample_gaps          missing samples
    assessment           metrics that can be judged, reasons why others cannot, the all-clear
    finding, wording     the type of a finding; the words of each kind

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

from pycemaker.analysis.findings import assessment, wording
from pycemaker.analysis.findings.assessment import FEWEST_READINGS, AllClear, Assessment, Reason, assess, unassessed
from pycemaker.analysis.findings.critical_time import critical_time, new_high
from pycemaker.analysis.findings.episodes import Episode, find_episode
from pycemaker.analysis.findings.extremes import LEAST_DAYS
from pycemaker.analysis.findings.filling_up import find_filling
from pycemaker.analysis.findings.finding import Finding
from pycemaker.analysis.findings.levels import Shift, find_shift
from pycemaker.analysis.findings.sample_gaps import SampleGap, sample_gaps
from pycemaker.analysis.findings.time_blocks import Series, scaled, series
from pycemaker.analysis.sample_coverage import COMPARABLE_SHARE, Coverage

if TYPE_CHECKING:
    from pycemaker.series.period import Period


MOST_FINDINGS = 3  # The most findings that a report has
_KINDS = ("unknown", "gap", "incident", "critical", "trend", "shift", "high")
_FELT_FIRST = ("seconds", "requests", "ratio")
_TOGETHER_MS = 300_000


def find(period: Period) -> tuple[Finding, ...]:
    """The findings of a period: the worst first, at most `MOST_FINDINGS`; none where nothing is out of the ordinary.

    One finding a metric: a stretch that was far from normal says more than a level that moved, that more than its
    critical time, that more than one high reading. A trend and a gap come beside them, as do unassessed metrics.
    Stretches of several metrics at one time are one finding. A comparison of the two intervals is withheld where there
    is too little of either.
    """
    assessments = assess(period)
    enough = {each.part.metric.id: each for each in assessments if each.readings >= FEWEST_READINGS}
    parts = {name: series(each.part) for name, each in enough.items()}
    comparable = {name: own for name, own in parts.items() if _is_comparable(own, enough[name].coverage)}
    outage = _outage(assessments)
    findings = unassessed(assessments, outage.metrics if outage else ()) + _changes(parts, comparable)
    if outage:
        total = sum(each.was_collected for each in assessments)
        findings.append(wording.gap_finding(outage, period[outage.metrics[0].id], total))
    felt = {part.metric.id: _felt(part.metric.unit) for part in period.metrics}
    ranked = sorted(
        findings,
        key=lambda finding: (
            -finding.severity,
            _KINDS.index(finding.kind),
            -finding.weight,
            felt.get(finding.metric, len(_FELT_FIRST)),
        ),
    )
    return tuple(ranked[:MOST_FINDINGS])


def all_clear(period: Period) -> AllClear:
    """The all-clear of a period without a finding: the metrics assessed, and what they were compared with."""
    return assessment.all_clear(assess(period))


def _outage(assessments: Sequence[Assessment]) -> SampleGap | None:
    """The gap with the most missing samples; None where there is none."""
    counted = {
        each.part.metric.id: (each.part, each.coverage) for each in assessments if each.reason is not Reason.UNDATED
    }
    return next(iter(sample_gaps(counted)), None)


def _changes(parts: dict[str, Series], comparable: dict[str, Series]) -> list[Finding]:
    shifts = {name: shift for name, own in comparable.items() if (shift := find_shift(own))}
    trends = {name: trend for name, own in parts.items() if (trend := find_filling(own))}
    episodes = {
        name: episode
        for name, own in parts.items()
        if (episode := find_episode(own)) and not (name in shifts and _is_part_of(episode, shifts[name]))
    }
    findings = [wording.incident_finding(group) for group in _together(list(episodes.values()))]
    findings += [wording.filling_finding(parts[name], trend) for name, trend in trends.items()]
    for name, own in parts.items():
        if name not in episodes:
            findings += _lesser(name, own, shifts, trends)
    return findings


def _is_comparable(own: Series, counted: Coverage) -> bool:
    """True if there is enough of the interval, and enough before it: half of the previous one, or a day of hours."""
    return counted.share >= COMPARABLE_SHARE and (counted.is_comparable or own.known_days >= LEAST_DAYS)


def _is_part_of(episode: Episode, shift: Shift) -> bool:
    """True if a stretch is a level itself, or not twice as far from normal as the level that moved."""
    amounts = np.array([episode.amount, episode.normal, shift.level, shift.normal])
    amount, normal, level, usual = scaled(amounts, episode.series.unit)
    return episode.is_level or bool(abs(amount - normal) < 2 * abs(level - usual))


def _lesser(name: str, own: Series, shifts: dict[str, Any], trends: dict[str, Any]) -> list[Finding]:
    """One finding or none of a metric that had no stretch far from normal."""
    if name in shifts and name not in trends:
        return [wording.shift_finding(own, shifts[name])]
    if critical := critical_time(own):
        return [wording.critical_finding(own.part, critical)]
    high = new_high(own)
    return [wording.high_finding(own.part, high)] if high and name not in trends else []


def _together(episodes: list[Episode]) -> list[list[Episode]]:
    """Episodes by the time they share, what people feel first at the head of each group."""
    ranked = sorted(episodes, key=lambda e: (-(e.critical_share >= 0.5), _felt(e.series.unit), -e.fold))
    groups: list[list[Episode]] = []
    for episode in ranked:
        alike = next((group for group in groups if _overlap(group[0], episode)), None)
        if alike is None:
            groups.append([episode])
        else:
            alike.append(episode)
    return groups


def _felt(unit: str) -> int:
    """The rank of a metric's unit by how soon people feel it: 0 at once."""
    return _FELT_FIRST.index(unit) if unit in _FELT_FIRST else len(_FELT_FIRST)


def _overlap(one: Episode, other: Episode) -> bool:
    """True if the shorter of the two lies for the most part within five minutes of the longer."""
    shared = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms) + _TOGETHER_MS
    return shared >= 0.5 * min(one.end_ms - one.start_ms, other.end_ms - other.start_ms) + _TOGETHER_MS / 2
