"""A period's findings as values, to be used in cells of a notebook's own. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from pycemaker.window import from_epoch_ms

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from pycemaker.analysis.findings.finding import Finding

_GRADES = {3: "critical", 2: "warning", 1: "notice"}


class Change(NamedTuple):
    """One thing that changed: `metric` is an id, or empty for all; `start` and `end` are aware, or None."""

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
