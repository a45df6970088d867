"""The metrics of this process in Prometheus's text format. The only module that imports prometheus_client.

Counting is done where things happen, by `telemetry.traffic` and the job store: 2 µs a request with eight threads,
against 6 for the official client's own counter, histogram and gauge (`python -m tests.bench.counting`). Here the
counts become the client's metric families, which its encoder writes, with its metrics of process and interpreter. Each
app has a registry of its own.
"""

import platform
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from pycemaker.collect.source_leases import read_states
from pycemaker.errors import DatabaseUnreachable
from pycemaker.jobs.dask_cluster import ClusterState
from pycemaker.metrics import METRICS
from pycemaker.monitor.alert_history import AlertHistory
from pycemaker.telemetry.check_runner import OK, CheckRunner
from pycemaker.telemetry.histogram import Histogram
from pycemaker.web.services import Services

Write = Callable[[str], tuple[bytes, str]]
"""Takes an `Accept` header; returns the body and its media type."""


def exposition(services: Services, readiness: CheckRunner) -> Write:
    """A writer of the metrics of these services."""
    registry = CollectorRegistry()
    registry.register(_CountsCollector(services, readiness))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)

    def write(accept: str) -> tuple[bytes, str]:
        encode, media_type = choose_encoder(accept)
        return encode(registry), media_type

    return write


class _CountsCollector(Collector):
    """Makes metric families of the counts at each scrape."""

    def __init__(self, services: Services, readiness: CheckRunner) -> None:
        self._services = services
        self._readiness = readiness

    def describe(self) -> list[Metric]:
        """Nothing, so that registering reads no count."""
        return []

    def collect(self) -> Iterable[Metric]:
        """Every family, as of now."""
        yield from self._traffic()
        yield from self._reports()
        yield from self._cache()
        yield from self._state()

    def _traffic(self) -> Iterable[Metric]:
        totals = self._services.traffic.totals()
        labels = ("route", "method", "status")
        yield _filled(CounterMetricFamily("pycemaker_http_requests", "Answers given.", labels=labels), totals.answers)
        yield _histograms(
            "pycemaker_http_request_duration_seconds",
            "From a request to the start of its answer.",
            ("route", "method"),
            totals.seconds.items(),
        )
        yield _gauge("pycemaker_http_requests_in_flight", "Requests whose answer is not out yet.", totals.in_flight)
        yield _counter("pycemaker_http_remembered", "Answers out of memory, without a route's work.", totals.cached)

    def _reports(self) -> Iterable[Metric]:
        totals = self._services.report_service.job_store.counts.totals()
        seen = "Reports that this server saw to their end."
        yield _filled(CounterMetricFamily("pycemaker_reports", seen, labels=("state", "error")), totals.ended)
        became = "What became of recipients here."
        yield _filled(CounterMetricFamily("pycemaker_mails", became, labels=("outcome",)), totals.mails)
        stages = [((stage,), histogram) for stage, histogram in totals.stages.items()]
        yield _histograms(
            "pycemaker_report_stage_duration_seconds", "How long a report's stages take.", ("stage",), stages
        )

    def _stored(self) -> Iterable[Metric]:
        """The families that are read from MongoDB; each reads before it yields, and is left out where that fails."""
        families = [self._schedules, self._alerts, self._job_store, self._newest_samples]
        for read in [*families, self._sources] if self._services.collect_file.sources else families:
            with suppress(DatabaseUnreachable):
                yield from read()

    def _job_store(self) -> Iterable[Metric]:
        """Counts of every server's jobs."""
        job_store = self._services.report_service.job_store
        by_state, by_worker = job_store.count_by_state(), job_store.count_by_worker()
        waiting, overdue = job_store.count_waiting(with_scheduled=True), job_store.overdue_seconds()
        yield _gauges("pycemaker_ledger_reports", "Reports of every server by state.", "state", by_state)
        yield _gauges("pycemaker_reports_in_hand", "Reports that a worker has.", "worker", by_worker)
        yield _gauge("pycemaker_report_queue_length", "Reports that nobody has begun to make.", waiting)
        limit = self._services.settings.report_queue
        yield _gauge("pycemaker_report_queue_limit", "How many may wait.", limit)
        yield _gauge("pycemaker_report_overdue_seconds", "For how long the report due longest is nobody's.", overdue)

    def _dask(self, state: ClusterState) -> Iterable[Metric]:
        busy = sum(state.busy.values())
        slots = {"busy": busy, "free": sum(state.slots.values()) - busy}
        yield _gauges("pycemaker_dask_slots", "Reports that the Dask cluster makes at a time.", "state", slots)

    def _newest_samples(self) -> Iterable[Metric]:
        """Each metric's newest reading, in its unit, and that sample's time."""
        store = self._services.store
        newest = [(metric, columns) for metric in METRICS if len(columns := store.newest_sample(metric))]
        readings = {(metric.id, metric.unit): float(columns.reading[-1]) for metric, columns in newest}
        labels = ("metric", "unit")
        yield _filled(GaugeMetricFamily("pycemaker_newest_reading", "The newest reading.", labels=labels), readings)
        times = {metric.id: columns.time_ms[-1] / 1000 for metric, columns in newest}
        yield _gauges("pycemaker_newest_sample_timestamp_seconds", "The newest sample's time.", "metric", times)

    def _schedules(self) -> Iterable[Metric]:
        """How late the schedules are, and what became of their occurrences."""
        store = self._services.scheduler.store
        late_seconds, counts = store.late_seconds(), store.count_by_state()
        yield _gauge("pycemaker_schedule_late_seconds", "For how long the schedule due longest waits.", late_seconds)
        kept = "Occurrences of every server that are kept."
        yield _gauges("pycemaker_schedule_occurrences", kept, "state", counts)

    def _alerts(self) -> Iterable[Metric]:
        """How late the evaluation of alerts is, and how many are open."""
        late_seconds = self._services.evaluator.rounds.late_seconds()
        counts = AlertHistory(self._services.store.database).count_open()
        since = "Time since the end of the minute that was evaluated last."
        yield _gauge("pycemaker_alert_evaluation_late_seconds", since, late_seconds or 0.0)
        yield _gauges("pycemaker_alerts_open", "Open alerts of all applications.", "kind", counts)

    def _sources(self) -> Iterable[Metric]:
        """Each source of COLLECT_FILE, whichever process collects from it."""
        states = read_states(self._services.store.database, self._services.collect_file.sources)
        up = {state.name: state.is_held and state.fault is None for state in states}
        yield _gauges("pycemaker_source_up", "Whether a source is collected and answers.", "source", up)
        gaps = {state.name: state.gap_seconds for state in states}
        yield _gauges("pycemaker_source_gap_seconds", "Its past still to be fetched.", "source", gaps)

    def _cache(self) -> Iterable[Metric]:
        use = self._services.store.cache_usage
        yield _gauge("pycemaker_cache_bytes", "Memory that recent samples take.", use.size_bytes)
        yield _gauge("pycemaker_cache_limit_bytes", "Memory that they may take.", use.limit_bytes)
        yield _gauge("pycemaker_cache_blocks", "Blocks held, each an hour of a metric.", use.hours)
        yield _counter("pycemaker_cache_hits", "Blocks asked for that were held.", use.hits)
        yield _counter("pycemaker_cache_misses", "Blocks asked for that had to be read.", use.misses)
        yield _counter("pycemaker_cache_evictions", "Blocks that left for others.", use.evictions)

    def _state(self) -> Iterable[Metric]:
        passed = {result.name: result.outcome.level == OK for result in self._readiness.results()}
        yield _gauges("pycemaker_ready", "Whether a check of /ready passes.", "check", passed)
        if passed["database"]:
            yield from self._stored()
        if cluster := self._services.report_service.cluster:
            yield from self._dask(cluster.state or ClusterState())
        labels = ("version", "python", "database")
        database = "embedded" if self._services.store.database.is_embedded else "external"
        build = {(version("pycemaker"), platform.python_version(), database): 1}
        yield _filled(GaugeMetricFamily("pycemaker_build_info", "What runs: always 1.", labels=labels), build)


def _gauges(name: str, description: str, label: str, numbers: Mapping[str, float]) -> Metric:
    return _filled(GaugeMetricFamily(name, description, labels=(label,)), numbers)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, numbers: Mapping[Any, float]) -> Metric:
    """The family with a number for each text of its label, or for each row of its labels' values."""
    for key, number in numbers.items():
        family.add_metric([key] if isinstance(key, str) else list(map(str, key)), number)
    return family


def _gauge(name: str, description: str, number: float) -> Metric:
    return GaugeMetricFamily(name, description, value=number)


def _counter(name: str, description: str, number: float) -> Metric:
    return CounterMetricFamily(name, description, value=number)


def _histograms(
    name: str, description: str, labels: tuple[str, ...], histograms: Iterable[tuple[tuple[str, ...], Histogram]]
) -> Metric:
    family = HistogramMetricFamily(name, description, labels=labels)
    for key, histogram in histograms:
        family.add_metric(key, histogram.cumulative(), histogram.sum_seconds)
    return family
