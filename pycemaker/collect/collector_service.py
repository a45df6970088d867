"""Collector of the sources of a file: threads that ask each of them when it is due, and fetch the past beside it."""

import heapq
import logging
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pycemaker.collect.collect_file import PROMETHEUS, SCRAPE, CollectSource
from pycemaker.collect.sample_writer import SampleWriter
from pycemaker.collect.source_leases import RENEW_SECONDS, SourceLeases
from pycemaker.collect.source_tasks import ExporterTask, PrometheusTask, SourceTask
from pycemaker.errors import PycemakerError
from pycemaker.mongo.database import Database

WORKERS = 8
_BACKFILL_PAUSE_SECONDS = 2.0
_log = logging.getLogger(__name__)


class CollectorService:
    """Collects from sources until it is stopped. Several processes may, over one database: each source is one's."""

    def __init__(
        self,
        database: Database,
        sources: Sequence[CollectSource],
        on_samples: Callable[[int], None] = lambda _count: None,
    ) -> None:
        self._leases = SourceLeases(database, sources)
        writer = SampleWriter(database)
        kinds: dict[str, type[SourceTask]] = {PROMETHEUS: PrometheusTask, SCRAPE: ExporterTask}
        self._tasks = {source.id: kinds[source.kind](source, writer, self._leases, on_samples) for source in sources}
        self._held: set[str] = set()
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(WORKERS, "collect")
        runs = (self._renew, self._ask_in_turn, self._fetch_past)
        self._threads = [threading.Thread(target=run, daemon=True, name=f"collect{run.__name__}") for run in runs]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what is being asked is waited for, and the leases are given back."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=15.0)
        self._pool.shutdown(cancel_futures=True)
        try:
            self._leases.release()
        except PycemakerError as error:
            _log.warning("sources not given back: %s", error)

    def _renew(self) -> None:
        logged = ""
        while not self._stopping.is_set():
            try:
                held = self._leases.claim()
                for source_id in held - self._held:
                    self._tasks[source_id].take_over()
                self._held, logged = held, ""
            except PycemakerError as error:
                if str(error) != logged:
                    _log.warning("sources not claimed: %s", error)
                logged = str(error)
            self._stopping.wait(RENEW_SECONDS)

    def _ask_in_turn(self) -> None:
        due = [(_next_due(task.source, time.time()), source_id) for source_id, task in self._tasks.items()]
        heapq.heapify(due)
        while not self._stopping.wait(max(0.0, min(due[0][0] - time.time(), 1.0))):
            while due[0][0] <= time.time():
                due_s, source_id = due[0]
                task = self._tasks[source_id]
                heapq.heapreplace(due, (_next_due(task.source, time.time()), source_id))
                if source_id in self._held and not task.is_running:
                    task.is_running = True
                    self._pool.submit(self._run, task, due_s)

    def _run(self, task: SourceTask, due_s: float) -> None:
        try:
            if not self._stopping.is_set():
                task.poll(due_s)
        except Exception:  # noqa: BLE001 - one odd source must not end the others
            _log.exception("%s failed in an unforeseen way", task.source.name)
        finally:
            task.is_running = False

    def _fetch_past(self) -> None:
        while not self._stopping.wait(_BACKFILL_PAUSE_SECONDS):
            for source_id in list(self._held):
                task = self._tasks[source_id]
                while source_id in self._held and not self._stopping.is_set() and task.fetch_piece():
                    pass


def _next_due(source: CollectSource, now_s: float) -> float:
    """The next instant at which the source is asked: whole steps since 1970, moved by a part of one by its name.

    So a thousand sources are not asked at once.
    """
    offset = zlib.crc32(source.id.encode()) % source.every_seconds
    return (int(now_s - offset) // source.every_seconds + 1) * source.every_seconds + offset
