"""The table of reads: ours, the straightforward way, what the HTTP server and what the database take by themselves."""

from __future__ import annotations

import http.client
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pycemaker.mongo.database import Database
from pycemaker.mongo.indexes import KEY
from tests.bench import prometheus
from tests.bench.data import NOW
from tests.bench.serving import (
    RUNS,
    Load,
    Served,
    fetch,
    get_seconds,
    median_rates,
    ours,
    seconds_of,
    under_granian,
    wait_until_ready,
    wrk,
)

DASHBOARDS = 2000


@dataclass(frozen=True)
class Row:
    """One line: what was done, in which unit, what the target is, and a figure for each way that was measured."""

    work: str
    unit: str
    target: str
    figures: dict[str, float]


def tail_path(hours: float, metric: str = "cpu") -> str:
    return f"/{metric}/{(NOW - timedelta(hours=hours)).isoformat().replace('+00:00', 'Z')}"


def interval_path(hours: int, metric: str = "cpu") -> str:
    return f"/{metric}/{NOW.isoformat().replace('+00:00', 'Z')}/{hours}"


WARM = [
    ("tail of 1 h", tail_path(1), "8,000", 8),
    ("tail of 24 h", tail_path(24), "450", 8),
    ("tail of 168 h", tail_path(168), "60", 4),
    ("interval of 24 h", interval_path(24), "250", 4),
]


def measure(url: str, folder: Path) -> list[Row]:
    """All rows, printed as they come."""
    with (
        ours(url, folder) as own,
        under_granian("plain", "tests.bench.straightforward:application", url, folder) as plain,
    ):
        with under_granian("transport", "tests.bench.transport:application", url, folder) as transport:
            rows = [_warm(own, plain, transport, *case) for case in WARM]
            rows += [_unlike(own), _nothing_new(own, transport)]
        rows += _dashboards(own)
        memory = own.memory_mib("VmHWM")
        rows.append(_shown(Row("memory, highest of all the above", "MiB", "", {"ours": memory})))
    rows += [_cold(url, folder), _points(url, folder), growth_of_long(url, folder)]
    return rows


def _shown(row: Row) -> Row:
    figures = "  ".join(f"{name} {_text(number)}" for name, number in row.figures.items())
    print(f"{row.work:<44} {row.unit:<12} to reach {row.target or '-':<12} {figures}", flush=True)
    return row


def _text(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _warm(own: Served, plain: Served, transport: Served, work: str, path: str, target: str, connections: int) -> Row:
    wait_until_ready(own, path)
    size = len(_get(own, path))
    got, limit = median_rates([own.url + path, f"{transport.url}/{size}"], connections=connections)
    figures = {"ours": got, "straightforward": 1 / get_seconds(plain, path, 3), "HTTP server alone": limit}
    if rate := prometheus.rate(work):
        figures["Prometheus"] = rate
    return _shown(Row(f"{work} ({size:,} bytes)", "requests/s", target, figures))


def _get(served: Served, path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=600)
    connection.request("GET", path)
    return connection.getresponse().read()


def _unlike(own: Served) -> Row:
    """No two requests alike within minutes, so that no remembered answer helps."""
    start_ms = int((NOW - timedelta(hours=1)).timestamp() * 1000)
    script = f"""
    local n = 0
    request = function()
      n = n + 1
      local ms = {start_ms} + (n * 7919) % 600000
      return wrk.format("GET", os.date("!/cpu/%Y-%m-%dT%H:%M:%S", math.floor(ms / 1000)) ..
        string.format(".%03dZ", ms % 1000))
    end"""
    rates = [wrk(own.url, script=script).per_second for _ in range(RUNS)]
    return _shown(Row("tail of 50 to 60 min, no two alike", "requests/s", "", {"ours": statistics.median(rates)}))


def _nothing_new(own: Served, transport: Served) -> Row:
    connection = http.client.HTTPConnection("127.0.0.1", own.port, timeout=60)
    tag = fetch(connection, tail_path(1)).getheader("ETag")
    polls, empties = own.url + tail_path(1), f"{transport.url}/0"
    runs = [(wrk(polls, header=f"If-None-Match: {tag}").per_second, wrk(empties).per_second) for _ in range(RUNS)]
    got, limit = (statistics.median(rates) for rates in zip(*runs, strict=True))
    return _shown(
        Row("a poll with nothing new (304)", "requests/s", "20,000", {"ours": got, "HTTP server alone": limit})
    )


def _dashboards(own: Served) -> list[Row]:
    """Each connection is a dashboard: a tail every 750 ms, of four metrics in turn, from a start of its own.

    All of them begin at once, so that the first requests are one queue; or at any moment of the first 750 ms.
    """
    rows = []
    wrk(own.url, 100, 3, script=dashboard(0))
    for dashboards, spread in ((DASHBOARDS // 4, 0), (DASHBOARDS // 2, 0), (DASHBOARDS, 0), (DASHBOARDS, DASHBOARDS)):
        load: Load = wrk(own.url, dashboards, 12, script=dashboard(spread))
        figures = {"ours": load.p99_ms, "requests a second": load.per_second, "failed": load.failed}
        began = "at different moments" if spread else "at once"
        rows.append(_shown(Row(f"{dashboards:,} dashboards, begun {began}, p99", "ms", "250", figures)))
    return rows


def dashboard(spread: int, metrics: Sequence[str] = ("cpu", "ram", "disk", "response_time")) -> str:
    """A script for wrk: tails of these metrics in turn; that many requests wait for any time until they begin."""
    names = ", ".join(f'"{name}"' for name in metrics)
    end_ms = int(NOW.timestamp() * 1000)
    return f"""
    math.randomseed(7)
    local names = {{{names}}}
    local n, begun = 0, 0
    request = function()
      n = n + 1
      local ms = {end_ms} - math.random(60000, 3600000)
      return wrk.format("GET", "/" .. names[n % #names + 1] .. os.date("!/%Y-%m-%dT%H:%M:%S", math.floor(ms / 1000)) ..
        string.format(".%03dZ", ms % 1000))
    end
    delay = function()
      begun = begun + 1
      return begun <= {spread} and math.random(0, 750) or math.random(700, 800)
    end"""


def _cold(url: str, folder: Path) -> Row:
    """Without memory, against the same documents moved as raw BSON by this process."""
    database = Database(url)
    bounds = {"time_series": {"$gte": NOW - timedelta(hours=24)}}

    def move() -> int:
        return sum(len(raw) for raw in database["cpu_usage"].find_raw_batches(bounds, sort=KEY, batch_size=10_000))

    with ours(url, folder, CACHE_MB="0") as own:
        wait_until_ready(own, tail_path(24))
        move()
        pairs = [(get_seconds(own, tail_path(24)), seconds_of(move)) for _ in range(15)]
    database.close()
    got, wire = (statistics.median(times) * 1000 for times in zip(*pairs, strict=True))
    ratio = statistics.median(own / raw for own, raw in pairs)
    figures = {"ours": got, "raw BSON": wire, "ratio": ratio}
    return _shown(Row("cold tail of 24 h", "ms", "1.5 times raw", figures))


def _points(url: str, folder: Path) -> Row:
    """The first request for each of six metrics after a start."""
    with ours(url, folder) as own:
        wait_until_ready(own, "/")
        names = ["cpu", "ram", "disk", "response_time", "request_count", "http_fail"]
        cold = [get_seconds(own, f"{tail_path(168, name)}?max_points=1000") * 1000 for name in names]
        warm = get_seconds(own, f"{tail_path(168)}?max_points=1001", 9) * 1000
    return _shown(Row("max_points=1000 of 168 h, cold", "ms", "150", {"ours": statistics.median(cold), "warm": warm}))


def growth_of_long(url: str, folder: Path, metric: str = "cpu") -> Row:
    """744 hours and as many before, of what there is: 744 hours of documents where the database has that many."""
    with ours(url, folder) as own:
        wait_until_ready(own, tail_path(1, metric))
        before = own.memory_mib()
        connection = http.client.HTTPConnection("127.0.0.1", own.port, timeout=600)
        began = time.perf_counter()
        connection.request("GET", interval_path(744, metric))
        answer = connection.getresponse()
        size = len(answer.read(1))
        first = time.perf_counter() - began
        while piece := answer.read(1 << 20):
            size += len(piece)
        grown = own.memory_mib("VmHWM") - before
    figures = {"MiB grown": grown, "ms to its start": first * 1000, "MB sent": size / 1e6}
    return _shown(Row(f"interval of 744 h, cold, {metric}", "", "100 MB, 200 ms", figures))
