"""Caches of all applications' metrics in one memory: made when first asked for, dropped when they are least used."""

import threading
from functools import partial

from pycemaker.cache.cache_memory import OPEN, HourLru, Key, series_name
from pycemaker.cache.detector_choice import MakeDetector, choose_detectors
from pycemaker.cache.metric_cache import MetricCache
from pycemaker.metrics import METRICS, Metric
from pycemaker.mongo.reader import Reader
from pycemaker.mongo.single_flight import SingleFlight


class MetricCaches:
    """The caches over one database. Threads share it."""

    def __init__(self, limit_bytes: int) -> None:
        self._caches: dict[str, MetricCache] = {}
        self.lru = HourLru(limit_bytes, self._forget)
        self._making = threading.Lock()
        self._opening = SingleFlight[MakeDetector]()
        self._make_detector: MakeDetector | None = None

    def __len__(self) -> int:
        return len(self._caches)

    def get(self, reader: Reader, metric: Metric) -> MetricCache | None:
        """The cache of the metric of the reader's application; None without memory.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        if not self.lru.limit_bytes:
            return None
        name = series_name(reader.application, metric)
        cache = self._caches.get(name)
        if cache is None:
            make = self._make_detector or self._opening.run(partial(self._choose_detectors, reader))
            detector = make(metric.collection, reader.application)
            with self._making:
                cache = self._caches.setdefault(name, MetricCache(metric, reader, self.lru, detector))
        return cache

    def _choose_detectors(self, reader: Reader) -> MakeDetector:
        if self._make_detector is None:
            edges_ms = {metric.collection: partial(self._edge_ms, metric) for metric in METRICS}
            indexes = reader.applications.indexes
            self._make_detector = choose_detectors(reader.database, edges_ms, lambda: indexes.has_applications)
        return self._make_detector

    def _edge_ms(self, metric: Metric, application: str) -> int | None:
        cache = self._caches.get(series_name(application, metric))
        return cache.snapshot.edge_ms if cache else None

    def _forget(self, key: Key) -> None:
        """Drop the cache whose open hours have left the memory."""
        name, hour = key
        if hour == OPEN:
            self._caches.pop(name, None)
