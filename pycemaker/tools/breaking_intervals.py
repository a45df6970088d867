"""The intervals that break notebooks, as documents. They lie years apart in one database made for them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pycemaker.collect.demo_history import demo_readings
from pycemaker.collect.sample_document import sample_document
from pycemaker.metrics import DISK, METRICS, SAMPLE_SECONDS, Metric
from pycemaker.mongo.database import Database, translated

Documents = Iterator[dict[str, Any]]

LONG_SPACING_SECONDS = 60
"""The distance of the 30 days' samples: twelve times the real one, since writing all of them takes minutes."""

_CHUNK = 20_000
_CADENCES = ((15, 1998), (60, 1997), (300, 1996))
"""Seconds between samples as exporters and cloud monitors put them, and in which year each case lies."""

_UNREADABLE: tuple[Any, ...] = (float("nan"), float("inf"), None, "abc", [], "0.25")


@dataclass(frozen=True)
class HardInterval:
    """One interval.

    Attributes:
        hours: how long it is at least; a notebook made for longer ones gets its own length.
        is_broken: whether most readings cannot be read, and none of the disk's.
    """

    name: str
    end_utc: datetime
    hours: int
    times: tuple[datetime, ...]
    is_broken: bool = False

    def documents(self, metric: Metric) -> Documents:
        """One metric's samples."""
        readings = demo_readings(list(self.times)) if self.times else {}
        for index, taken_utc in enumerate(self.times):
            document = sample_document(
                metric, taken_utc, float(readings[metric.id][index]), failed=int(readings["http_fail"][index])
            )
            yield _broken(document, metric, index) if self.is_broken else document


def _broken(document: dict[str, Any], metric: Metric, index: int) -> dict[str, Any]:
    unreadable = _UNREADABLE[0] if metric is DISK else _UNREADABLE[index % (len(_UNREADABLE) * 2) // 2]
    if metric is DISK or index % 2:
        document[metric.fields[0]] = unreadable
    return document


def every_case(zone: ZoneInfo, spacing_seconds: int = LONG_SPACING_SECONDS) -> list[HardInterval]:
    """The cases; those of a clock change where the zone has any, on the last days on which it jumped either way."""
    noon = datetime(2001, 3, 1, 15, tzinfo=UTC)
    usual = _times(noon.replace(year=2003), 6)
    gaps = tuple(t for t in usual if _is_collected((usual[-1] - t).total_seconds() / 60))
    return [
        HardInterval("empty interval", noon, 6, ()),
        HardInterval("a single sample", noon.replace(year=2002), 6, (noon.replace(year=2002) - timedelta(hours=2),)),
        HardInterval("gaps", noon.replace(year=2003), 6, gaps),
        HardInterval(
            "NaN and unreadable", noon.replace(year=2004), 6, _times(noon.replace(year=2004), 6), is_broken=True
        ),
        *(
            HardInterval(f"clock goes {way}", end, 24, _times(end, 24, LONG_SPACING_SECONDS))
            for way, end in _clock_changes(zone).items()
        ),
        *(
            HardInterval(f"a sample every {seconds} s", end := noon.replace(year=year), 6, _times(end, 6, seconds))
            for seconds, year in _CADENCES
        ),
        HardInterval("from 5 to 60 s midway", noon.replace(year=1995), 6, _slower(noon.replace(year=1995), 6)),
        HardInterval("30 days", noon.replace(year=1999), 720, _times(noon.replace(year=1999), 720, spacing_seconds)),
    ]


def fill(
    database: Database, cases: list[HardInterval], on_progress: Callable[[int, int], None] = lambda _done, _total: None
) -> int:
    """Write the cases' samples; how many documents that were. Raises DatabaseUnreachable: MongoDB went away."""
    total, written = sum(len(case.times) for case in cases) * len(METRICS), 0
    with translated():
        for case in (case for case in cases if case.times):
            for metric in METRICS:
                documents = list(case.documents(metric))
                for start in range(0, len(documents), _CHUNK):
                    chunk = documents[start : start + _CHUNK]
                    database[metric.collection].insert_many(chunk, ordered=False)
                    written += len(chunk)
                    on_progress(written, total)
    return written


def _times(end_utc: datetime, hours: int, spacing_seconds: int = SAMPLE_SECONDS) -> tuple[datetime, ...]:
    count = hours * 3600 // spacing_seconds
    return tuple(end_utc - timedelta(seconds=spacing_seconds * back) for back in range(count))[::-1]


def _slower(end_utc: datetime, hours: int) -> tuple[datetime, ...]:
    """Samples every 5 s in the first half, every 60 s in the second."""
    half = timedelta(hours=hours / 2)
    return (*_times(end_utc - half, hours // 2), *_times(end_utc, hours // 2, 60))


def _is_collected(minutes_back: float) -> bool:
    """True outside of the gaps: the last twenty minutes, fifty in the midst, the first hour."""
    return 20 < minutes_back < 300 and not 100 < minutes_back < 150


def _clock_changes(zone: ZoneInfo) -> dict[str, datetime]:
    """The end of the last day before 2026 on which the zone's clock jumped, by which way it went."""
    changes: dict[str, datetime] = {}
    day = date(2005, 1, 1)
    while day < date(2026, 1, 1):
        start, end = (datetime.combine(day + timedelta(days=later), time(), zone) for later in (0, 1))
        before, after = start.utcoffset(), end.utcoffset()
        if before is not None and after is not None and before != after:
            changes["forward" if after > before else "back"] = end.astimezone(UTC)
        day += timedelta(days=1)
    return changes
