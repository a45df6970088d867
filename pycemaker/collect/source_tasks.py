"""The work on one source: queries it, writes its samples, logs once that it fails and once that it works again."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pycemaker.collect.collect_file import CollectSource
from pycemaker.collect.exporter_source import ExporterSource
from pycemaker.collect.prometheus_source import MOST_POINTS, PrometheusSource, QueryRefused
from pycemaker.collect.reading_documents import Readings, to_documents
from pycemaker.collect.sample_writer import SampleWriter
from pycemaker.collect.source_http import AnswerTooLong, SourceFault
from pycemaker.collect.source_leases import SourceLeases
from pycemaker.errors import PycemakerError

DAY_SECONDS = 86_400
LIVE_SECONDS = 600
"""The longest stretch that is fetched at once up to the present; a longer one becomes a gap, fetched beside it."""

LAG_SECONDS = 5
"""Queries end so far behind a Prometheus's present: later scrapes may not be stored yet."""

NOTHING = "no series matches"
PROGRESS_SECONDS = 10.0

_log = logging.getLogger(__name__)


class SourceTask:
    """The work on a source. One thread polls (`is_running` is its own), one fetches the past.

    `on_samples` is called with the number of new samples, each time.
    """

    def __init__(
        self, source: CollectSource, writer: SampleWriter, leases: SourceLeases, on_samples: Callable[[int], None]
    ) -> None:
        self.source = source
        self.is_running = False
        self._leases = leases
        self._writer = writer
        self._on_samples = on_samples
        self._fault: str | None = None
        self._is_noted = False

    def take_over(self) -> None:
        """Begin anew: another process may have worked on the source until now."""
        self._is_noted = False

    def poll(self, due_s: float) -> None:
        """Ask for the present, due at `due_s`, and write it; a fault is noted, and logged where it is a new one."""
        try:
            faults = self._collect(due_s)
            fault = "; ".join(f"{name}: {text}" for name, text in faults.items()) or None
        except SourceFault as error:
            fault = str(error)
        except PycemakerError as error:
            fault = f"samples not written: {error}"
        self._note(fault)

    def fetch_piece(self) -> bool:
        """Fetch a piece of the past; False where none is left, or it cannot be had now."""
        return False

    def _collect(self, due_s: float) -> dict[str, str]:
        """Query and write; returns the faults by metric id. Raises SourceFault, DatabaseUnreachable."""
        raise NotImplementedError

    def _write(self, readings: Readings) -> dict[str, str]:
        """Write the readings; returns the reasons of refused ones by metric id. Raises DatabaseUnreachable."""
        documents, refused = to_documents(self.source, readings)
        self._on_samples(self._writer.write(documents))
        return refused

    def _note(self, fault: str | None) -> None:
        if fault != self._fault:
            _log.log(logging.WARNING if fault else logging.INFO, "source %s: %s", self.source.name, fault or "works")
        elif self._is_noted:
            return
        self._fault, failing_since = fault, datetime.now(UTC) if fault else None
        try:
            self._is_noted = self._leases.save(self.source.id, fault=fault, failing_since=failing_since)
        except PycemakerError:
            self._is_noted = False


class ExporterTask(SourceTask):
    """The work on an exporter, which has no past."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._exporter = ExporterSource(self.source)

    def _collect(self, due_s: float) -> dict[str, str]:
        is_first = self._exporter.is_first
        readings = self._exporter.read(due_s)
        if not is_first and not any(readings.values()):
            raise SourceFault(NOTHING)
        return self._write(readings)


class PrometheusTask(SourceTask):
    """The work on a Prometheus: its present up to the last whole step, and the gaps of its past, newest first."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self._present, self._past = PrometheusSource(self.source), PrometheusSource(self.source)
        self._lock = threading.Lock()
        self._logged_at = float("-inf")
        self._reached_s: int | None = None
        self._gaps: list[list[int]] | None = None
        self._piece_seconds = self._whole(min(MOST_POINTS * self.source.every_seconds, DAY_SECONDS))

    def take_over(self) -> None:
        """See `SourceTask`."""
        super().take_over()
        with self._lock:
            self._gaps = None

    def _collect(self, due_s: float) -> dict[str, str]:  # noqa: ARG002 - its own clock counts
        until_s = self._whole(self._present.now() - LAG_SECONDS)
        with self._lock:
            if self._gaps is None:
                known = self._leases.load(self.source.id)
                self._reached_s, self._gaps = known.get("reached"), known.get("gaps", [])
            reached_s, new_gap = self._reached_s, None
        if reached_s is None:
            reached_s = until_s - self.source.every_seconds
            new_gap = [until_s - self.source.backfill_days * DAY_SECONDS, reached_s]
        elif until_s - reached_s > max(LIVE_SECONDS, 3 * self.source.every_seconds):
            new_gap = [reached_s, until_s - self.source.every_seconds]
            reached_s = new_gap[1]
        if reached_s >= until_s:
            return {}
        faults, count = self._fetch(self._present, reached_s, until_s)
        with self._lock:
            if self._gaps is not None:
                self._gaps += [new_gap] if new_gap and new_gap[0] < new_gap[1] else []
                self._reached_s = until_s
                self._save()
        return faults if count or faults else {"all": NOTHING}

    def fetch_piece(self) -> bool:
        """See `SourceTask`."""
        with self._lock:
            gap = max(self._gaps or [], key=lambda each: each[1], default=None)
        if gap is None:
            return False
        start_s, stop_s = max(gap[0], gap[1] - self._piece_seconds), gap[1]
        try:
            self._fetch(self._past, start_s, stop_s)
        except AnswerTooLong:
            self._piece_seconds = self._whole(self._piece_seconds // 2)
            if self._piece_seconds:
                return True
            self._piece_seconds = self.source.every_seconds
            _log.warning("source %s: an instant of its past is too long, and left out", self.source.name)
        except (SourceFault, PycemakerError):
            return False  # `poll` says so
        return self._close(gap, start_s)

    def _fetch(self, prometheus: PrometheusSource, after_s: int, until_s: int) -> tuple[dict[str, str], int]:
        """Fetch and write every metric; returns the faults by metric id, and the number of instants."""
        faults, count = dict[str, str](), 0
        for metric_ids in prometheus.groups():
            try:
                readings = prometheus.read(metric_ids, after_s, until_s)
            except QueryRefused as error:
                faults[metric_ids[0]] = str(error)
                continue
            faults |= self._write(readings)
            count += len(readings)
        return faults, count

    def _close(self, gap: list[int], start_s: int) -> bool:
        """Note that a gap's end is fetched; True where this process still holds the source."""
        with self._lock:
            if self._gaps is None or gap not in self._gaps:
                return False  # taken over meanwhile: `poll` reads the progress anew
            self._gaps.remove(gap)
            self._gaps += [[gap[0], start_s]] if gap[0] < start_s else []
            left_days = sum(stop - start for start, stop in self._gaps) / DAY_SECONDS
            if not left_days or time.monotonic() - self._logged_at >= PROGRESS_SECONDS:
                self._logged_at = time.monotonic()
                _log.info("source %s: %.1f days of its past are left to fetch", self.source.name, left_days)
            try:
                return self._save()
            except PycemakerError:
                return False  # the next save has it too

    def _save(self) -> bool:
        return self._leases.save(self.source.id, reached=self._reached_s, gaps=self._gaps)

    def _whole(self, seconds: float) -> int:
        """The seconds, down to a whole step."""
        return int(seconds) // self.source.every_seconds * self.source.every_seconds
