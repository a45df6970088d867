"""Collecting: a backfill of 30 days and a report over it, a thousand applications on one core, posted samples."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

import server
from pycemaker.cache.sample_store import Store
from pycemaker.collect.collect_file import read_collect_file
from pycemaker.collect.collector_service import CollectorService
from pycemaker.collect.sample_writer import SampleWriter
from pycemaker.collect.source_leases import SourceLeases
from pycemaker.collect.source_tasks import PrometheusTask
from pycemaker.jobs.service_factory import make_report_service
from pycemaker.mongo.database import Database
from pycemaker.settings import ROOT, from_mapping
from pycemaker.web.services import Services
from tests.bench.data import mongod
from tests.services.prometheus_server import PrometheusServer
from tests.services.wsgi import Client

DAYS, STEP, PAST_STEP = 30, 15, 60
APPLICATIONS, SECONDS = 1_000, 75
FAMILIES = (
    ("process_cpu_usage", "gauge", ""),
    ("jvm_memory_used_bytes", "gauge", 'area="heap"'),
    ("jvm_memory_max_bytes", "gauge", 'area="heap"'),
    ("disk_free_bytes", "gauge", ""),
    ("disk_total_bytes", "gauge", ""),
    ("http_server_requests_seconds_count", "counter", 'uri="/x",outcome="SUCCESS"'),
    ("http_server_requests_seconds_count", "counter", 'uri="/x",outcome="SERVER_ERROR"'),
    ("http_server_requests_seconds_sum", "counter", 'uri="/x",outcome="SUCCESS"'),
    ("http_server_requests_seconds_sum", "counter", 'uri="/x",outcome="SERVER_ERROR"'),
)


def main() -> None:
    """Measure, and print."""
    with mongod() as (url, folder):
        backfill(f"{url}/backfill", folder)
        posted(f"{url}/posted")
        thousand(f"{url}/thousand")


# --- 30 days of a Prometheus


def backfill(url: str, folder: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="pm-") as name:
        prometheus = PrometheusServer(Path(name), {})
        end_s = int(time.time()) // PAST_STEP * PAST_STEP
        with Path(name, "past.om").open("w") as file:
            file.writelines(openmetrics(end_s))
        subprocess.run(
            ["promtool", "tsdb", "create-blocks-from", "openmetrics", f"{name}/past.om", f"{name}/data"],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        path = Path(name, "collect.toml")
        path.write_text(
            f'[[source]]\nkind = "prometheus"\nurl = "{prometheus.url}"\napplication = "shop"\npreset = "micrometer"\nbackfill_days = {DAYS}\nrate_seconds = 300\n'
        )
        prometheus.start()
        database = Database(url)
        try:
            [source] = read_collect_file(path, {}).sources
            counts: list[int] = []
            leases = SourceLeases(database, [source])
            leases.claim()
            task = PrometheusTask(source, SampleWriter(database), leases, counts.append)
            before, began, cpu = psutil.Process().memory_info().rss, time.monotonic(), time.process_time()
            peak = before
            task.poll(0)
            while task.fetch_piece():
                peak = max(peak, psutil.Process().memory_info().rss)
            seconds = time.monotonic() - began
            print(
                f"backfill: {DAYS} days, {sum(counts):,} samples in {seconds:.1f} s, {sum(counts) / seconds:,.0f} a second, "
                f"{(time.process_time() - cpu) / sum(counts) * 1e6:.0f} µs of CPU each, memory {before >> 20} to {peak >> 20} MB"
            )
        finally:
            prometheus.kill()
            database.close()
    began = time.monotonic()
    environment = {**os.environ, "MONGO_DB_URL": url, "DATA_DIR": str(folder), "REPORT_RECIPIENTS": "*"}
    command = [
        sys.executable,
        "-m",
        "pycemaker",
        "report",
        "--app",
        "shop",
        "--hours",
        "720",
        "--to",
        "ana@example.com",
    ]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False, capture_output=True, text=True)
    print(f"report over 720 hours of them: exit status {done.returncode}, {time.monotonic() - began:.1f} s")
    print(done.stderr[-500:] if done.returncode else done.stdout[-200:])


def openmetrics(end_s: int) -> Iterator[str]:
    """Nine series of Micrometer over the days, family by family."""
    declared = ""
    for name, kind, labels in FAMILIES:
        family = name.removesuffix("_count").removesuffix("_sum") if kind == "counter" else name
        if family != declared and kind == "gauge":
            yield f"# TYPE {family} {kind}\n"
        declared = family
        total = 0.0
        for at in range(end_s - DAYS * 86_400, end_s, PAST_STEP):
            load = 0.5 + 0.3 * math.sin(at / 86_400 * 2 * math.pi)
            total += load * (0.2 if "ERROR" in labels else 40) * (0.1 if name.endswith("_sum") else 1)
            gauges = {"jvm_memory_max_bytes": 1e9, "disk_total_bytes": 1e11, "jvm_memory_used_bytes": load * 1e9}
            value = total if kind == "counter" else gauges.get(name, load * (1e11 if "disk" in name else 1))
            yield f"{name}{{{labels}}} {value:.6g} {at}\n" if labels else f"{name} {value:.6g} {at}\n"
    yield "# EOF\n"


# --- posted samples


def posted(url: str) -> None:
    database, settings = Database(url), from_mapping({})
    store = Store(database, 64 * 2**20)
    services = Services(settings, store, make_report_service(settings, database, {}, keep_spare=False))
    client = Client(server.create_app(services))
    start_ms, calls = int(datetime.now(UTC).timestamp() * 1000) - 80_000_000, 8
    metrics = ("cpu", "ram", "disk", "response_time")
    bodies = [
        json.dumps(
            [
                {
                    "metric": metrics[n % 4],
                    "time": start_ms + (call * 2500 + n // 4) * 1000,
                    "value": 0.123456 + n / 1e5,
                }
                for n in range(10_000)
            ]
        )
        for call in range(calls)
    ]
    began, cpu = time.monotonic(), time.process_time()
    for body in bodies:
        answer = client.ask("POST", "/samples", body=body, content_type="application/json")
        assert answer.json["stored"] == 10_000, answer.body
    seconds, used = time.monotonic() - began, time.process_time() - cpu
    count = 10_000 * calls
    print(
        f"posted: {count / seconds:,.0f} samples a second; {used / count * 1e6:.0f} µs of CPU each, {count / used:,.0f} a second on one core"
    )
    database.close()


# --- a thousand exporters


def thousand(url: str) -> None:
    page = ("\n".join(f'other_{n}{{a="{n}"}} {n}' for n in range(250)) + "\n").encode()

    class Exporter(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            now = time.time()
            lines = [f"{name}{{{labels}}} {now if kind == 'counter' else 0.5}" for name, kind, labels in FAMILIES]
            body = page + ("\n".join(lines) + "\n").encode()
            self.wfile.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body) + body
            )

        def log_message(self, *_args: object) -> None:
            pass

    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        exporters = ThreadingHTTPServer(("127.0.0.1", 0), Exporter)
        exporters.daemon_threads = True
        os.write(writing, str(exporters.server_port).encode())
        exporters.serve_forever()
    port = os.read(reading, 10).decode()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "collect.toml")
        path.write_text(
            "".join(
                f'[[source]]\nkind = "scrape"\nurl = "http://127.0.0.1:{port}/metrics"\napplication = "app-{n}"\npreset = "micrometer"\n'
                for n in range(APPLICATIONS)
            )
        )
        began = time.process_time()
        sources = read_collect_file(path, {}).sources
        print(f"a file of {APPLICATIONS} sources read in {time.process_time() - began:.1f} s of CPU")
    written, lock = [0], threading.Lock()

    def count(samples: int) -> None:
        with lock:
            written[0] += samples

    database = Database(url)
    service = CollectorService(database, sources, count)
    service.start()
    time.sleep(2 * STEP)  # every exporter is scraped once
    start, began, cpu = written[0], time.monotonic(), time.process_time()
    time.sleep(SECONDS)
    seconds, used, samples = time.monotonic() - began, time.process_time() - cpu, written[0] - start
    service.stop()
    os.kill(child, 9)
    os.waitpid(child, 0)
    database.close()
    print(
        f"{APPLICATIONS} applications of six metrics every {STEP} s: {samples / seconds:.0f} samples a second "
        f"of {APPLICATIONS * 6 / STEP:.0f}, {used / seconds:.0%} of a core, {psutil.Process().memory_info().rss >> 20} MB"
    )
