"""`python -m tests.bench.counting`: what counting costs a request, ours and with the official client's own counters."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from pycemaker.parsing.route_paths import template
from pycemaker.telemetry.traffic import BOUNDS_SECONDS, Traffic
from pycemaker.web.middleware.access_log import log_requests
from pycemaker.web.wsgi import ROUTE, Application, count_traffic

REQUESTS = 20_000
RUNS = 9
_HEADERS = [("Content-Type", "application/json"), ("ETag", '"x"')]


def answer(_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """An application that takes no time."""
    start_response("200 OK", _HEADERS)
    return [b"[]"]


def count_with_client(application: Application) -> Application:
    """The same counting with the official client's counter, histogram and gauge."""
    registry = CollectorRegistry()
    answers = Counter("answers", "x", ["route", "method", "status"], registry=registry)
    seconds = Histogram("seconds", "x", ["route", "method"], buckets=BOUNDS_SECONDS, registry=registry)
    in_flight = Gauge("in_flight", "x", registry=registry)

    def counted(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        began = time.perf_counter()
        in_flight.inc()

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            rule, method = template(environ[ROUTE].rule), environ["REQUEST_METHOD"]
            answers.labels(rule, method, status[:3]).inc()
            seconds.labels(rule, method).observe(time.perf_counter() - began)
            return start_response(status, headers)

        body = application(environ, start)
        in_flight.dec()
        return body

    return counted


def microseconds(application: Application, threads: int) -> float:
    """The processor's time for a request, over all threads together; the least of some runs, others being at work too."""
    route = SimpleNamespace(rule="/<name>/<date_start>")
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/cpu/now", ROUTE: route}

    def ask(_: int) -> None:
        for _ in range(REQUESTS):
            application(environ, lambda *_: None)

    def run() -> float:
        began = time.process_time()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(ask, range(threads)))
        return (time.process_time() - began) / REQUESTS / threads * 1e6

    return min(run() for _ in range(RUNS))


def main() -> None:
    """Measure, and print."""
    apps: dict[str, Callable[[], Application]] = {
        "without": lambda: answer,
        "ours": lambda: count_traffic(answer, Traffic()),
        "ours, with an id": lambda: log_requests(count_traffic(answer, Traffic())),
        "prometheus_client": lambda: count_with_client(answer),
    }
    print(f"Python {sys.version.split()[0]}; processor microseconds a request, least of {RUNS} runs of {REQUESTS:,}")
    for threads in (1, 8):
        figures = {name: microseconds(make(), threads) for name, make in apps.items()}
        row = ", ".join(f"{name} {figure:.2f} (+{figure - figures['without']:.2f})" for name, figure in figures.items())
        print(f"{threads} thread(s): {row}")


if __name__ == "__main__":
    main()
