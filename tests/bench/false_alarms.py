"""`python -m tests.bench.false_alarms [PERIODS]`: how often a period in which nothing happened carries a finding.

The periods are `tests.services.noise.quiet_period`: noise that hangs together, days that differ, and no event. The
bounds are Wilson's score interval at 95 % (Wilson 1927, JASA 22:209).
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from dataclasses import replace

from pycemaker.analysis.findings.choice import find
from tests.services.noise import quiet_period
from tests.services.periods import WINDOW

CASES = [(6, 7), (6, 1), (6, 0), (1, 7), (24, 7)]
"""Hours of the period, and earlier days there are to compare it with."""

_Z = 1.96


def main() -> None:
    """Measure each case, and print."""
    periods = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    print(f"{'period':<8} {'earlier days':<13} {'with a finding':<16} {'rate':<7} 95 % bounds     kinds")
    for hours, days in CASES:
        window = replace(WINDOW, hours=hours)
        findings = [find(quiet_period(seed, window, days)) for seed in range(periods)]
        loud = [report for report in findings if report]
        low, high = wilson(len(loud), periods)
        kinds = Counter(finding.kind for report in loud for finding in report)
        by_kind = ", ".join(f"{kind} {count}" for kind, count in kinds.most_common()) or "-"
        print(
            f"{f'{hours} h':<8} {days:<13} {f'{len(loud)} of {periods}':<16} {len(loud) / periods:<7.1%} "
            f"{low:.1%} to {high:.1%}".ljust(64)
            + by_kind,
            flush=True,
        )


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """The bounds of a share of which `hits` of `tries` were seen."""
    share, z2 = hits / tries, _Z**2
    middle = (share + z2 / (2 * tries)) / (1 + z2 / tries)
    half = _Z / (1 + z2 / tries) * math.sqrt(share * (1 - share) / tries + z2 / (4 * tries**2))
    return max(0.0, middle - half), min(1.0, middle + half)


if __name__ == "__main__":
    main()
