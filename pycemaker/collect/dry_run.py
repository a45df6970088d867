"""Dry runs of sources (`collect --check`): each is queried once, and nothing is stored."""

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
class DryRun:
    """A source's newest documents by application and metric id; its faults by metric id, the empty text for all."""

    source: CollectSource
    documents: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    clock_seconds: float = 0.0


def dry_runs(sources: Iterable[CollectSource]) -> Iterator[DryRun]:
    """Each source's dry run, eight at a time; in their order."""
    with ThreadPoolExecutor(8, "dry-run") as pool:
        yield from pool.map(_run, sources)


def _run(source: CollectSource) -> DryRun:
    dry_run = DryRun(source)
    try:
        if source.kind == SCRAPE:
            _scrape(dry_run)
        else:
            _ask(dry_run)
    except SourceFault as error:
        dry_run.faults[""] = str(error)
    return dry_run


def _scrape(dry_run: DryRun) -> None:
    exporter = ExporterSource(dry_run.source)
    exporter.read(time.time())
    time.sleep(min(dry_run.source.every_seconds, MOST_SECONDS_BETWEEN))
    _keep(dry_run, exporter.read(time.time()))


def _ask(dry_run: DryRun) -> None:
    prometheus, step = PrometheusSource(dry_run.source), dry_run.source.every_seconds
    until_s = int(prometheus.now()) // step * step
    dry_run.clock_seconds = prometheus.clock_seconds
    for metric_ids in prometheus.groups():
        try:
            _keep(dry_run, prometheus.read(metric_ids, until_s - step, until_s))
        except QueryRefused as error:
            dry_run.faults[metric_ids[0]] = str(error)


def _keep(dry_run: DryRun, readings: Readings) -> None:
    documents, refused = to_documents(dry_run.source, readings)
    dry_run.faults |= refused
    for metric in METRICS:
        for document in documents.get(metric.collection, ()):
            dry_run.documents[document.get(FIELD, ""), metric.id] = document
