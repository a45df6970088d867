"""`python -m tests.bench.findings [FOLDER] [--cadence 5] [--hours 6 24]`: what a report finds in labelled series.

FOLDER holds series as CSV (`timestamp,value`) and labelled windows as JSON; without one the made-up truth of
`tests.services.made_up` is read. Each series is loaded as samples of one metric (`tests.services.labelled`), and
intervals of 6 and of 24 h follow one another over it, from the first UTC midnight that has a whole interval before it.

    incident interval   an interval that shares any time with a labelled window; all others are quiet
    loud                it carries a finding about its readings; missing samples are no such finding
    found               an incident of whose intervals one at least is loud
    by chance           of the incidents, how many would be found by alarms at random as often as these
    false               how many of the quiet intervals are loud
    precision           how many of the loud intervals are incident intervals
    scored rows         the same without intervals that begin in the first 15 % of a series' rows, 750 at most: the Numenta
                        Anomaly Benchmark scores none of them (its probationary period) and labels nothing in them
    after               the median time from a found incident's window's start to the end of its first loud interval

Beside it, on the same intervals, two one-liners: the mean is more than three deviations from the previous interval's;
the maximum is over 1.2 times the previous one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from pycemaker.analysis.findings.choice import find
from pycemaker.analysis.findings.finding import Finding
from pycemaker.series.batches import Columns
from pycemaker.series.hour_summaries import HOUR_MS, summarize
from pycemaker.series.period import MetricPeriod, Period
from pycemaker.window import Window
from tests.services.labelled import Labelled, part_of, read_folder, samples
from tests.services.made_up import made_up

_UTC = ZoneInfo("UTC")
_GRADES = {3: "CRITICAL", 2: "WARNING", 1: "NOTICE"}
_ABOUT_READINGS = ("incident", "critical", "shift", "trend", "high")


@dataclass(frozen=True)
class Judged:
    """One interval: the series it is of, the labelled windows it touches, and what was said of it."""

    series: str
    end_ms: int
    is_scored: bool
    touches: tuple[int, ...]
    findings: tuple[Finding, ...]
    deviates: bool
    exceeds: bool


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--cadence", type=int, default=5, help="seconds between samples")
    parser.add_argument("--hours", type=int, nargs="+", default=[6, 24])
    parser.add_argument("--list", action="store_true", help="print every loud interval")
    chosen = parser.parse_args()
    series = list(read_folder(chosen.folder) if chosen.folder else made_up())
    starts = {(one.name, index): start for one in series for index, (start, _) in enumerate(one.windows)}
    print(f"{len(series)} series, {len(starts)} incidents, a sample every {chosen.cadence} s")
    loaded = [(one, samples(one, chosen.cadence)) for one in series]
    for hours in chosen.hours:
        judged = [each for one, columns in loaded for each in judge(one, columns, hours)]
        table(hours, judged, starts)
        if chosen.list:
            for each in judged:
                for finding in each.findings:
                    print("   ", "+" if each.touches else "-", each.series, _time(each.end_ms), finding.sentence)


def judge(series: Labelled, columns: Columns, hours: int) -> Iterable[Judged]:
    """Every interval of a series, and what is said of it."""
    length = timedelta(hours=hours)
    day = datetime.fromtimestamp(int(columns.time_ms[0]) // 86_400_000 * 86_400, UTC)
    end = day + timedelta(days=1) + 2 * length
    summaries = summarize(columns, series.metric.unit)
    while end <= datetime.fromtimestamp(int(columns.time_ms[-1]) / 1000, UTC):
        window = Window(end, hours)
        part = part_of(series.metric, window, columns, summaries)
        if len(part.current) and len(part.previous):
            yield _judged(series, part)
        end += length


def _judged(series: Labelled, part: MetricPeriod) -> Judged:
    start_ms, end_ms = (int(time.timestamp() * 1000) for time in (part.window.start_utc, part.window.end_utc))
    touches = [index for index, (first, last) in enumerate(series.windows) if first < end_ms and last > start_ms]
    now, before = part.current.reading, part.previous.reading
    findings = find(Period(part.window, _UTC, (part,), None))
    return Judged(
        series.name,
        end_ms,
        start_ms >= series.scored_from_ms,
        tuple(touches),
        tuple(finding for finding in findings if finding.kind in _ABOUT_READINGS),
        abs(now.mean() - before.mean()) > 3 * before.std(),
        now.max() > 1.2 * before.max(),
    )


def table(hours: int, judged: list[Judged], starts: dict[tuple[str, int], int]) -> None:
    """One length of intervals: a line for all findings, for each kind and grade, for each one-liner."""
    quiet = sum(not each.touches for each in judged)
    print(f"\n{hours} h: {quiet} quiet intervals, {len(judged) - quiet} with an incident")
    print(f"{'':<22} {'found':>14} {'by chance':>10} {'false':>13} {'precision':>15} {'after':>8}")

    def line(name: str, is_loud: Callable[[Judged], bool], of: list[Judged] = judged) -> None:
        print(f"{name:<22} {_line(of, is_loud, starts)}", flush=True)

    line("all findings", lambda each: bool(each.findings))
    line("  scored rows", lambda each: bool(each.findings), [each for each in judged if each.is_scored])
    for grade, name in _GRADES.items():
        line(f"  {name}", lambda each, grade=grade: any(one.severity == grade for one in each.findings))  # type: ignore[misc]
    for kind in _ABOUT_READINGS:
        line(f"  {kind}", lambda each, kind=kind: any(one.kind == kind for one in each.findings))  # type: ignore[misc]
    line("mean +- 3 deviations", lambda each: each.deviates)
    line("max over 1.2 x max", lambda each: each.exceeds)


def _line(judged: list[Judged], is_loud: Callable[[Judged], bool], starts: dict[tuple[str, int], int]) -> str:
    loud = [each for each in judged if is_loud(each)]
    right = [each for each in loud if each.touches]
    quiet = [each for each in judged if not each.touches]
    spans: dict[tuple[str, int], int] = {}
    for each in judged:
        for index in each.touches:
            spans[each.series, index] = spans.get((each.series, index), 0) + 1
    first: dict[tuple[str, int], int] = {}
    for each in reversed(right):
        first |= {(each.series, index): each.end_ms for index in each.touches}
    rate = len(loud) / max(1, len(judged))
    chance = sum(1 - (1 - rate) ** count for count in spans.values())
    hours = [(end_ms - starts[key]) / HOUR_MS for key, end_ms in first.items()]
    return (
        f"{_share(len(first), len(spans)):>14} {_percent(chance, len(spans)):>10} "
        f"{_share(len(loud) - len(right), len(quiet)):>13} {_share(len(right), len(loud)):>15} "
        + (f"{np.median(hours):>6.0f} h" if hours else f"{'-':>8}")
    )


def _share(count: int, whole: int) -> str:
    return f"{count}/{whole} {_percent(count, whole):>5}"


def _percent(count: float, whole: int) -> str:
    return f"{count / whole:.1%}" if whole else "-"


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(" ", "minutes")


if __name__ == "__main__":
    main()
