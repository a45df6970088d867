"""What people see of sources: `collect --check`, `doctor`, `/ready` and `/metrics`."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import server
from pycemaker.cache.sample_store import Store
from pycemaker.cli.collect_command import collect
from pycemaker.collect.collect_file import CollectFile, read_collect_file
from pycemaker.collect.source_leases import SourceLeases
from pycemaker.errors import InvalidSettings
from pycemaker.mongo.database import Database
from pycemaker.settings import from_mapping
from pycemaker.telemetry.check_runner import WARN
from pycemaker.tools.service_checks import SharedConnection
from pycemaker.tools.source_checks import check_sources
from pycemaker.web.services import Services
from tests.services.prometheus_server import http_answer, raw_server
from tests.services.report_service import service_of
from tests.services.wsgi import Client

OPTIONS = Namespace(check=True, app="")


def exporter(count: list[int]) -> Any:
    """A page whose counters grow with each scrape."""

    def answer(connection: Any) -> None:
        count[0] += 1
        page = f"process_cpu_usage 0.372\nreq_count {count[0] * 1000}\nreq_count_failed_total {count[0] * 10}\n"
        connection.sendall(http_answer(page.encode()))

    return answer


def test_a_check_shows_what_each_rule_gives_and_what_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "collect.toml"
    with raw_server(exporter([0])) as url:
        path.write_text(
            f"""
            [[source]]
            kind = "scrape"
            url = "{url}"
            application = "shop"
            every_seconds = 1
            [source.queries]
            cpu = "process_cpu_usage"
            ram = "nothing_like_it"
            request_count = "req_count"
            http_fail = "req_count_failed_total"
            [[source]]
            name = "gone"
            kind = "prometheus"
            url = "http://127.0.0.1:9"
            preset = "node_exporter"
            """
        )
        assert collect(OPTIONS, from_mapping({"COLLECT_FILE": str(path), "DATA_DIR": str(tmp_path)})) == 1
    printed = capsys.readouterr().out
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in printed.splitlines() if line.strip()}
    assert lines["cpu"] == "37.20 % low"
    assert lines["ram"] == "none: nothing matches"
    assert "a second)" in lines["request_count"]
    assert "of them failed medium" in lines["request_count"]
    assert lines["http_fail"].endswith("critical")
    assert lines["not"] == "asked for: disk, response_time"
    assert lines["fails:"] == "no connection: refused, or its host is not known"
    assert "1 of 2 sources fail" in printed


def test_a_check_without_a_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="COLLECT_FILE"):
        collect(OPTIONS, from_mapping({"DATA_DIR": str(tmp_path)}))


def file_of(folder: Path) -> CollectFile:
    path = folder / "collect.toml"
    source = '[[source]]\nname = "{0}"\napplication = "{0}"\nkind = "scrape"\nurl = "http://127.0.0.1:9"\npreset = "node_exporter"\n'
    path.write_text(source.format("shop") + source.format("orders"))
    return read_collect_file(path, {})


def test_ready_metrics_and_doctor_name_a_source_that_fails(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    file = file_of(tmp_path)
    shop, orders = file.sources
    leases = SourceLeases(database, file.sources)
    leases.claim()
    leases.save(shop.id, fault="status 500", failing_since=datetime.now(UTC))
    leases.save(orders.id, gaps=[[0, 60]])
    settings = from_mapping({})
    services = Services(settings, Store(database), service_of(database, {}), collect_file=file)
    client = Client(server.create_app(services))
    answer = client.get("/ready")
    assert answer.status == 200
    assert answer.json["checks"]["sources"]["ok"] is False
    assert answer.json["checks"]["sources"]["why"].startswith("shop: falha há")
    metrics = client.get("/metrics").body.decode()
    assert 'pycemaker_source_up{source="shop"} 0.0' in metrics
    assert 'pycemaker_source_up{source="orders"} 1.0' in metrics
    assert 'pycemaker_source_gap_seconds{source="orders"} 60.0' in metrics
    shared = SharedConnection(from_mapping({"MONGO_DB_URL": database_url}))
    try:
        outcome = check_sources(shared, lambda: file)
        assert (outcome.level, outcome.message) == (WARN, "shop for 0 min: status 500")
        leases.save(shop.id, fault=None, failing_since=None)
        leases.release()
        outcome = check_sources(shared, lambda: file)
        assert (outcome.level, outcome.message) == (WARN, "nobody collects from shop, orders")
    finally:
        shared.close()
