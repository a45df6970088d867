"""Gaps: stretches of an interval without samples, alike ones of several metrics as one. Pure.

Their words are `wording.gap_finding`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pycemaker.analysis.findings.assessment import known_days, was_just_collected
from pycemaker.analysis.sample_coverage import Coverage, Gap
from pycemaker.metrics import Metric
from pycemaker.window import to_epoch_ms

if TYPE_CHECKING:
    from pycemaker.series.period import MetricPeriod

_GAP_SECONDS, _GAP_SHARE = 300, 0.005


@dataclass(frozen=True)
class SampleGap:
    """One gap, and the metrics that have it."""

    gap: Gap
    metrics: tuple[Metric, ...]
    at_end: bool


def sample_gaps(counted: dict[str, tuple[MetricPeriod, Coverage]]) -> list[SampleGap]:
    """Gaps of five minutes and 0.5% of the interval or more, alike ones of several metrics as one; most missed first.

    A metric that has no sample anywhere is not collected, which is no news; neither is what came before a collector's
    very first sample.
    """
    groups: list[list[tuple[MetricPeriod, Gap]]] = []
    for part, coverage in counted.values():
        for gap in coverage.gaps[:10]:
            if _is_news(part, gap):
                alike = next((group for group in groups if _alike(group[0][1], gap)), None)
                (groups.append([(part, gap)]) if alike is None else alike.append((part, gap)))
    ranked = sorted(groups, key=lambda group: -sum(gap.seconds for _, gap in group))
    return [_gap_of(group) for group in ranked]


def _gap_of(group: list[tuple[MetricPeriod, Gap]]) -> SampleGap:
    longest = max((gap for _, gap in group), key=lambda gap: gap.seconds)
    end_ms = to_epoch_ms(group[0][0].window.end_utc)
    metrics = {part.metric.id: part.metric for part, _ in group}
    return SampleGap(longest, tuple(metrics.values()), longest.end_ms >= end_ms)


def _is_news(part: MetricPeriod, gap: Gap) -> bool:
    if gap.seconds < max(_GAP_SECONDS, _GAP_SHARE * part.window.hours * 3600):
        return False
    had_samples = len(part.previous) > 0 or known_days(part) > 0 or was_just_collected(part)
    return had_samples or (len(part.current) > 0 and gap.start_ms > to_epoch_ms(part.window.start_utc))


def _alike(first: Gap, second: Gap) -> bool:
    """True if two gaps are mostly the same time."""
    shared = min(first.end_ms, second.end_ms) - max(first.start_ms, second.start_ms)
    return shared >= 0.8 * max(first.end_ms - first.start_ms, second.end_ms - second.start_ms)
