"""Newest sample of every metric of every application, by one index key each."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bson.datetime_ms import DatetimeMS

from pycemaker.cache.sample_store import END_OF_TIME, Store
from pycemaker.columnar.decode import number_of
from pycemaker.metrics import METRICS, Metric
from pycemaker.parsing.application_names import DEFAULT_APPLICATION, is_application
from pycemaker.window import from_epoch_ms, to_epoch_ms

_LATEST_MS = to_epoch_ms(END_OF_TIME)


@dataclass(frozen=True)
class NewestSample:
    """A sample: its time, aware UTC, and its reading in the metric's unit; None where that is no finite number."""

    time_utc: datetime
    value: float | None


Newest = dict[str, dict[str, NewestSample]]
"""By application, in alphabetical order, and by metric id; metrics without a sample are left out."""


def read_newest(store: Store) -> Newest:
    """The newest samples of all applications; the empty text is the default application.

    Raises:
        IndexesNotReady, DatabaseUnreachable: see `Indexes.ensure`.
    """
    found: Newest = {}
    applications = store.reader.applications
    are_several = applications.are_several()
    for metric in METRICS:
        newest = applications.newest_documents(metric) if are_several else {None: {}}
        for name, document in newest.items():
            if name is not None and not is_application(name):
                continue
            application = name or DEFAULT_APPLICATION
            if sample := _sample_of(document, metric) or _read_dated(store, application, metric):
                found.setdefault(application, {})[metric.id] = sample
    return dict(sorted(found.items()))


def _sample_of(document: dict[str, Any], metric: Metric) -> NewestSample | None:
    time = document.get("time_series")
    if not isinstance(time, DatetimeMS) or not 0 <= int(time) < _LATEST_MS:
        return None
    parts = [number_of(document.get(name)) for name in metric.fields]
    return NewestSample(from_epoch_ms(int(time)), None if None in parts else float(sum(part or 0 for part in parts)))


def _read_dated(store: Store, application: str, metric: Metric) -> NewestSample | None:
    """The newest sample that has a date, where the last document in the index has none."""
    columns = store.for_application(application).newest_sample(metric)
    if not len(columns):
        return None
    return NewestSample(from_epoch_ms(columns.time_ms[-1]), float(columns.reading[-1]))
