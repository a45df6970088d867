"""A period's findings as values, to be used in cells of a notebook's own. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pycemaker.analysis.findings.finding import CRITICAL, NOTICE, WARNING
from pycemaker.window import from_epoch_ms

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from pycemaker.analysis.findings.finding import Finding

_GRADES = {CRITICAL: "critical", WARNING: "warning", NOTICE: "notice"}


@dataclass(frozen=True)
class Change:
    """One thing that changed.

    Attributes:
        metric: the metric's id, the first of several; empty where it is about all of them.
        kind: `gap`, `incident`, `critical`, `shift`, `trend`, `high` or `unknown` (a metric that cannot be assessed).
        grade: `critical`, `warning` or `notice`.
        start, end: when it began and ended, aware, in the readers' zone; None where it has no beginning, or lasts.
        sentence: what changed, how much and when, in the readers' language.
    """

    metric: str
    kind: str
    grade: str
    start: datetime | None
    end: datetime | None
    sentence: str


def change(finding: Finding, zone: ZoneInfo) -> Change:
    """A finding as a value; its times in `zone`."""
    start, end = (
        None if ms is None else from_epoch_ms(ms).astimezone(zone) for ms in (finding.start_ms, finding.end_ms)
    )
    return Change(finding.metric, finding.kind, _GRADES[finding.severity], start, end, finding.sentence)
