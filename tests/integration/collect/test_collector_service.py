"""Both kinds of sources against Debian's Prometheus and node_exporter, killed and started again."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pycemaker.collect.collect_file import read_collect_file
from pycemaker.collect.prometheus_source import PrometheusSource
from pycemaker.collect.source_leases import read_states
from pycemaker.mongo.database import Database
from pycemaker.settings import ROOT
from tests.services.prometheus_server import (
    PrometheusServer,
    needs_node_exporter,
    needs_prometheus,
    node_exporter,
    wait_until,
)

COLLECTIONS = {"cpu": "cpu_usage", "ram": "jvm_memory_usage", "disk": "disk_usage"}

BOTH_KINDS = """
[[source]]
kind = "prometheus"
url = "{prometheus}"
application = "asked"
every_seconds = 1
rate_seconds = 5
preset = "node_exporter"
backfill_days = 1
[[source]]
kind = "scrape"
url = "http://{target}/metrics"
application = "scraped"
every_seconds = 1
preset = "node_exporter"
"""


@contextlib.contextmanager
def collecting(path: Path, database_url: str) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m pycemaker collect`, killed at the end."""
    environment = {**os.environ, "COLLECT_FILE": str(path), "MONGO_DB_URL": database_url, "DATA_DIR": str(path.parent)}
    process = subprocess.Popen([sys.executable, "-m", "pycemaker", "collect"], cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait(30)


def instants(database: Database, collection: str, application: str) -> list[datetime]:
    return [each["time_series"] for each in database[collection].find({"application": application}).sort("time_series")]


@needs_prometheus
@needs_node_exporter
def test_prometheus_and_collectors_are_killed_and_nothing_is_missing_or_double(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    with node_exporter() as target:
        prometheus, path = PrometheusServer(tmp_path / "prometheus", {"host": target}), tmp_path / "collect.toml"
        prometheus.start()
        path.write_text(BOTH_KINDS.format(prometheus=prometheus.url, target=target))
        asked, _ = read_collect_file(path, {}).sources
        try:
            time.sleep(5)  # a past, which is fetched too
            with collecting(path, database_url):
                wait_until(lambda: len(instants(database, "cpu_usage", "asked")) >= 4, 30)
            prometheus.kill()
            killed_at = max(instants(database, "cpu_usage", "asked"))
            prometheus.start()
            with collecting(path, database_url):  # it waits for the leases of the first
                wait_until(lambda: (max(instants(database, "cpu_usage", "asked")) - killed_at).total_seconds() > 12, 40)
                wait_until(lambda: len(common_instants(database, "cpu_usage")) >= 6, 40)
                wait_until(lambda: read_states(database, [asked])[0].gap_seconds == 0, 20)
            latest_s = int(max(instants(database, "disk_usage", "asked")).timestamp())
            known = PrometheusSource(asked).read(["disk"], latest_s - 600, latest_s)
        finally:
            prometheus.kill()
    stored = [int(each.timestamp() * 1000) for each in instants(database, "disk_usage", "asked")]
    assert len(stored) >= 15
    assert stored == sorted({time_ms for _, time_ms in known})
    assert read_states(database, [asked])[0].fault is None
    for metric_id, tolerance in (("ram", 0.03), ("disk", 0.002), ("cpu", 0.2)):
        by_application = [readings(database, COLLECTIONS[metric_id], name) for name in ("asked", "scraped")]
        common = common_instants(database, COLLECTIONS[metric_id])
        means = [sum(each[instant] for instant in common) / len(common) for each in by_application]
        assert abs(means[0] - means[1]) < tolerance
        assert all(0 <= value <= 1 for each in by_application for value in each.values())


def readings(database: Database, collection: str, application: str) -> dict[datetime, float]:
    return {each["time_series"]: each["value"] for each in database[collection].find({"application": application})}


def common_instants(database: Database, collection: str) -> set[datetime]:
    return readings(database, collection, "asked").keys() & readings(database, collection, "scraped").keys()
