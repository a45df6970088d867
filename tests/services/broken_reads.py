"""Reads of a store that break off, or are watched, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice

import pytest

from pycemaker.cache.sample_store import SampleRead, Store
from pycemaker.errors import DatabaseUnreachable
from pycemaker.metrics import Metric
from pycemaker.series.batches import Batch
from pycemaker.window import Interval


def break_off(store: Store, monkeypatch: pytest.MonkeyPatch, *, after_batches: int) -> None:
    """Let each read of the store fail after so many batches."""

    def broken(batches: Iterator[Batch]) -> Iterator[Batch]:
        yield from islice(batches, after_batches)
        raise DatabaseUnreachable(reason="it went away")

    wrap_reads(store, monkeypatch, broken)


def wrap_reads(
    store: Store, monkeypatch: pytest.MonkeyPatch, wrap: Callable[[Iterator[Batch]], Iterator[Batch]]
) -> None:
    """Pass the batches of each read of the store through `wrap`."""
    start_read = store.start_read

    def start_wrapped(metric: Metric, interval: Interval) -> SampleRead:
        read = start_read(metric, interval)
        return replace(read, batches=wrap(read.batches))

    monkeypatch.setattr(store, "start_read", start_wrapped)
