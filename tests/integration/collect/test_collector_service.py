"""Both kinds of sources against Debian's Prometheus and node_exporter, killed and started again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pycemaker.collect.collect_file import CollectSource, read_collect_file
from pycemaker.collect.collector_service import CollectorService
from pycemaker.mongo.database import Database
from tests.services.prometheus_server import (
    PrometheusServer,
    needs_node_exporter,
    needs_prometheus,
    node_exporter,
    wait_until,
)

pytestmark = [needs_prometheus, needs_node_exporter]


def sources(folder: Path, text: str) -> tuple[CollectSource, ...]:
    path = folder / "collect.toml"
    path.write_text(text)
    return read_collect_file(path, {}).sources


@pytest.fixture(scope="module")
def target() -> Iterator[str]:
    with node_exporter() as target:
        yield target


@pytest.fixture
def prometheus(tmp_path: Path, target: str) -> Iterator[PrometheusServer]:
    server = PrometheusServer(tmp_path / "prometheus", {"host": target})
    server.start()
    yield server
    server.kill()


def stored(database: Database, collection: str, **query: Any) -> list[dict[str, Any]]:
    return list(database[collection].find(query).sort("time_series", 1))


def test_both_kinds_give_the_same_numbers(
    database: Database, tmp_path: Path, prometheus: PrometheusServer, target: str
) -> None:
    service = CollectorService(
        database,
        sources(
            tmp_path,
            f"""
            [[source]]
            kind = "prometheus"
            url = "{prometheus.url}"
            application = "asked"
            every_seconds = 1
            rate_seconds = 5
            preset = "node_exporter"
            backfill_days = 0
            [[source]]
            kind = "scrape"
            url = "http://{target}/metrics"
            application = "scraped"
            every_seconds = 1
            preset = "node_exporter"
            """,
        ),
    )
    service.start()
    try:
        wait_until(lambda: len(stored(database, "cpu_usage", application="asked")) > 12, 40)
    finally:
        service.stop()
    for collection, tolerance in (("jvm_memory_usage", 0.02), ("disk_usage", 0.001), ("cpu_usage", 0.35)):
        asked = [each["value"] for each in stored(database, collection, application="asked")]
        scraped = [each["value"] for each in stored(database, collection, application="scraped")]
        assert len(asked) > 5
        assert len(scraped) > 5
        assert abs(sum(asked) / len(asked) - sum(scraped) / len(scraped)) < tolerance
        assert all(0 <= value <= 1 for value in asked + scraped)
