"""Try-outs of sources: each is queried once, without a database, for the documents that its rules give."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from pycemaker.collect.collect_file import SCRAPE, CollectSource
from pycemaker.collect.exporter_source import ExporterSource
from pycemaker.collect.prometheus_source import PrometheusSource, QueryRefused
from pycemaker.collect.reading_documents import Readings, to_documents
from pycemaker.collect.source_http import SourceFault
from pycemaker.metrics import METRICS
from pycemaker.parsing.application_names import FIELD

MOST_SECONDS_BETWEEN = 5
"""The distance of the two scrapes that a rate needs, where the source's own is longer."""


@dataclass
class TryOut:
    """A source's newest documents by application and metric id; its faults by metric id, the empty text for all."""

    source: CollectSource
    documents: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    clock_seconds: float = 0.0


def try_sources(sources: Iterable[CollectSource]) -> Iterator[TryOut]:
    """Try each source, eight at a time; in their order."""
    with ThreadPoolExecutor(8, "try") as pool:
        yield from pool.map(_try, sources)


def _try(source: CollectSource) -> TryOut:
    tried = TryOut(source)
    try:
        if source.kind == SCRAPE:
            _scrape(tried)
        else:
            _ask(tried)
    except SourceFault as error:
        tried.faults[""] = str(error)
    return tried


def _scrape(tried: TryOut) -> None:
    exporter = ExporterSource(tried.source)
    exporter.read(time.time())
    time.sleep(min(tried.source.every_seconds, MOST_SECONDS_BETWEEN))
    _keep(tried, exporter.read(time.time()))


def _ask(tried: TryOut) -> None:
    prometheus, step = PrometheusSource(tried.source), tried.source.every_seconds
    until_s = int(prometheus.now()) // step * step
    tried.clock_seconds = prometheus.clock_seconds
    for metric_ids in prometheus.groups():
        try:
            _keep(tried, prometheus.read(metric_ids, until_s - step, until_s))
        except QueryRefused as error:
            tried.faults[metric_ids[0]] = str(error)


def _keep(tried: TryOut, readings: Readings) -> None:
    documents, refused = to_documents(tried.source, readings)
    tried.faults |= refused
    for metric in METRICS:
        for document in documents.get(metric.collection, ()):
            tried.documents[document.get(FIELD, ""), metric.id] = document
