"""Collector of this machine's metrics, every 5 s: CPU, RAM and disk by psutil, and the API's own traffic."""

import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from pycemaker.collect.sample_document import sample_document
from pycemaker.errors import DatabaseUnreachable
from pycemaker.metrics import CPU, DISK, HTTP_FAIL, RAM, REQUEST_COUNT, RESPONSE_TIME, SAMPLE_SECONDS
from pycemaker.mongo.database import Database, one_exchange
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, FIELD
from pycemaker.telemetry.traffic import Traffic

_log = logging.getLogger(__name__)

Collected = list[tuple[str, dict[str, Any]]]

LEAST_CPU_SECONDS = 1.0
"""The shortest stretch over which CPU is measured, before the first sample."""


def take_samples(disk: Path, traffic: Traffic | None, taken_utc: datetime) -> Collected:
    """One sample of each metric that can be had: pairs of collection and document.

    CPU is the share used since the last call of the same thread (the first one is 0). Without traffic there are three
    metrics; with traffic but no answer since the last call there is no response time, since nobody measured one.

    Args:
        disk: a path on the disk that counts.
        traffic: the API's own, emptied by this.
        taken_utc: when, aware.
    """
    readings = [
        (CPU, psutil.cpu_percent() / 100),
        (RAM, psutil.virtual_memory().percent / 100),
        (DISK, psutil.disk_usage(str(nearest_folder(disk))).percent / 100),
    ]
    failed = 0
    if traffic:
        count = traffic.take()
        failed = count.failed
        readings += [(REQUEST_COUNT, count.succeeded), (HTTP_FAIL, failed)]
        readings += [(RESPONSE_TIME, round(count.mean_seconds, 6))] if count.mean_seconds is not None else []
    return [(metric.collection, sample_document(metric, taken_utc, value, failed=failed)) for metric, value in readings]


def nearest_folder(path: Path) -> Path:
    """The path, or the nearest folder above it that is there: `DATA_DIR` may be taken away while this runs."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


class Collector:
    """Writes a sample of each metric every 5 s, on a thread of its own, until it is stopped.

    Args:
        database: gets the samples.
        disk: a path on the disk that counts.
        traffic: the API's own; None leaves those metrics out.
        on_sample: called with the number of documents written, each time.
        application: whose samples they are; the empty text is the default application.
    """

    def __init__(
        self,
        database: Database,
        disk: Path,
        traffic: Traffic | None = None,
        on_sample: Callable[[int], None] = lambda _count: None,
        application: str = DEFAULT_APPLICATION,
    ) -> None:
        self._named = {FIELD: application} if application else {}
        self._database = database
        self._disk = disk
        self._traffic = traffic
        self._on_sample = on_sample
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="collector")

    def start(self) -> None:
        """Begin; the first sample comes within 6 s."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the sample that is being written."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=3.0)

    def _run(self) -> None:
        psutil.cpu_percent()  # it counts from the last call of this very thread, and the first call gives 0
        self._stopping.wait(LEAST_CPU_SECONDS)
        while not self._stopping.wait(_until_next_sample()):
            samples = take_samples(self._disk, self._traffic, datetime.now(UTC))
            try:
                for collection, document in samples:
                    with one_exchange():
                        self._database[collection].insert_one(document | self._named)
                self._on_sample(len(samples))
            except DatabaseUnreachable as error:
                _log.warning("samples of this machine not written: %s", error)


def _until_next_sample() -> float:
    """Seconds to the next whole 5 s of the clock, so that samples do not drift."""
    return SAMPLE_SECONDS - datetime.now(UTC).timestamp() % SAMPLE_SECONDS
