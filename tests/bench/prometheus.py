"""Prometheus with the same samples, where Debian's package is installed: its raw samples over its HTTP API."""

from __future__ import annotations

import contextlib
import math
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from pycemaker.mongo.database import Database
from tests.bench.data import NOW
from tests.bench.serving import wrk
from tests.services.process import free_port

_RANGES = {"tail of 1 h": "1h", "tail of 24 h": "24h", "tail of 168 h": "168h"}
_rates: dict[str, float] = {}


def rate(work: str) -> float | None:
    """Requests a second for that line of the table; None where it was not measured."""
    return _rates.get(work)


def measure(url: str) -> None:
    """Note what it does with the samples of `cpu`; nothing where it is not installed."""
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        return
    with _running(url) as base:
        for work, length in _RANGES.items():
            query = f"{base}/api/v1/query?" + urlencode({"query": f"cpu[{length}]", "time": NOW.timestamp()})
            wrk(query, 4, 1)
            _rates[work] = statistics.median(wrk(query, 4).per_second for _ in range(5))


@contextlib.contextmanager
def _running(url: str) -> Iterator[str]:
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    _write(url, folder / "samples.om")
    subprocess.run(
        ["promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "samples.om", folder / "data"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    (folder / "prometheus.yml").write_text("global: {}\n")
    port = free_port()
    process = subprocess.Popen(
        ["prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder / 'data'}",
         "--storage.tsdb.retention.time=50y", f"--web.listen-address=127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    try:
        _wait(base)
        yield base
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(base: str) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{base}/-/ready"):
            return
        time.sleep(0.1)
    raise RuntimeError("Prometheus does not answer")


def _write(url: str, path: Path) -> None:
    database = Database(url)
    with path.open("w") as file:
        file.write("# TYPE cpu gauge\n")
        for document in database["cpu_usage"].find({}, {"time_series": 1, "value": 1}).sort("time_series", 1):
            if math.isfinite(document["value"]):
                file.write(f"cpu {document['value']} {document['time_series'].timestamp():.3f}\n")
        file.write("# EOF\n")
    database.close()
