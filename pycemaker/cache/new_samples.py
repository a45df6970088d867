"""New samples: the probe that reads what came after the cached end of a metric.

Earlier changes (late, corrected and deleted samples) are noticed by `past_changes`.
"""

import time
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pycemaker.cache.snapshot import OpenHours
from pycemaker.columnar.encode import encode_batch
from pycemaker.metrics import Metric
from pycemaker.mongo.reader import Reader
from pycemaker.series.batches import Batch, join_batches
from pycemaker.series.hour_summaries import HOUR_MS

OVERLAP_MS = 60_000
"""Distance of the edge behind the newest sample: so late a new sample may be dated for the probe to read it."""

MOST_IGNORED_AHEAD = 1_000
"""So many samples dated ahead of the present do not count as the newest ones; more do."""

PROBED_BATCHES = 2  # A probe of more batches than this, 20,000 documents, reads the open hours anew


@dataclass(frozen=True)
class Probe:
    """The open hours as a probe finds them.

    Attributes:
        batch: their documents; the very batch that was known where nothing is new.
    """

    batch: Batch
    raw: bytes


def read_new_samples(reader: Reader, metric: Metric, known: OpenHours) -> Probe | None:
    """Read past the edge of the open hours; None where more came than a probe reads.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    raws = list(islice(reader.read_batches(metric, known.edge_ms + 1, None), PROBED_BATCHES + 1))
    if len(raws) > PROBED_BATCHES:
        return None
    raw = b"".join(raws)
    if raw == known.probed:
        return Probe(known.batch, raw)
    up_to_edge = known.batch.between(known.start_hour * HOUR_MS, known.edge_ms + 1)
    return Probe(join_batches([up_to_edge, *(encode_batch(each, metric) for each in raws)]), raw)


def read_newest_ms(reader: Reader, metric: Metric) -> int | None:
    """The time of the newest sample, but for a few that are dated ahead of the present.

    Raises:
        DatabaseUnreachable: MongoDB is away.
    """
    newest_ms, ahead_ms = reader.newest_ms(metric), _ahead_ms()
    if newest_ms is None or newest_ms < ahead_ms:
        return newest_ms
    if reader.has_more_than(MOST_IGNORED_AHEAD, metric, ahead_ms):
        return newest_ms
    present_ms = reader.newest_ms(metric, ahead_ms)
    return newest_ms if present_ms is None else present_ms


def newest_of(time_ms: NDArray[np.int64], otherwise_ms: int) -> int:
    """As `read_newest_ms`, of these samples; `otherwise_ms` without any."""
    present = int(time_ms.searchsorted(_ahead_ms()))
    if len(time_ms) - present > MOST_IGNORED_AHEAD or not present:
        present = len(time_ms)
    return int(time_ms[present - 1]) if present else otherwise_ms


def _ahead_ms() -> int:
    """The time from which on a sample is dated ahead: a collector's clock may be a little fast."""
    return time.time_ns() // 1_000_000 + OVERLAP_MS
