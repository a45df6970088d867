"""Health of every application now, kept for half a minute; as many are read at a call as its time allows."""

import threading
import time
from collections.abc import Iterable
from datetime import datetime

import numpy as np

from pycemaker.cache.sample_store import Store
from pycemaker.monitor.sample_means import SampleMeans

FRESH_SECONDS, STALE_SECONDS, CALL_SECONDS = 30.0, 300.0, 0.5


class ApplicationScores:
    """Reads scores. Threads share it.

    Args:
        means: reads the health of one application.
        call_seconds: the time after which a call begins no further read.
    """

    def __init__(self, means: SampleMeans, call_seconds: float = CALL_SECONDS) -> None:
        self._means, self._call_seconds = means, call_seconds
        self._known: dict[str, tuple[float, float | None]] = {}
        self._lock = threading.Lock()

    def read(self, store: Store, applications: Iterable[str], now_utc: datetime) -> dict[str, float | None]:
        """The score of each application, 0 to 1; None where it is unknown, or was last read over five minutes ago.

        Raises:
            DatabaseUnreachable: MongoDB is away.
        """
        with self._lock:
            known = {name: self._known.get(name, (float("-inf"), None)) for name in applications}
            began = time.monotonic()
            for name in sorted(known, key=lambda name: known[name][0]):
                if began - known[name][0] < FRESH_SECONDS or time.monotonic() - began > self._call_seconds:
                    break
                score = float(self._means.health(store.for_application(name), now_utc, 1).score[-1])
                known[name] = time.monotonic(), None if np.isnan(score) else round(score, 4)
            self._known = known
        return {name: score if began - at < STALE_SECONDS else None for name, (at, score) in known.items()}
