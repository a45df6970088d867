"""Command `serve`, also run by `python server.py`: starts the services of a process, serves, stops them."""

import argparse
import contextlib
import ctypes
import gc
import os
import signal
import sys
from functools import wraps
from typing import Any

from pycemaker import brand, errors
from pycemaker.cache.hour_refresher import SummaryRefresher
from pycemaker.cache.sample_store import Store
from pycemaker.cli import startup
from pycemaker.collect.this_machine import Collector
from pycemaker.jobs.process_tree import forbid_reading
from pycemaker.jobs.service_factory import make_report_service
from pycemaker.mongo.database import open_database
from pycemaker.settings import ROOT, load
from pycemaker.telemetry import logs
from pycemaker.web.app import create_app
from pycemaker.web.middleware import bulkhead
from pycemaker.web.middleware.in_flight import InFlight, connections_sending
from pycemaker.web.middleware.write_timeout import end_stalled_clients
from pycemaker.web.services import Services

CONNECTIONS = 8192
"""Connections at a time: one or two for each of two thousand dashboards, and room for idle clients. Granian's default
is 1,024."""

BACKLOG = 4096
"""Connections that the server has not accepted yet; Linux bounds them by `net.core.somaxconn`."""

HEAD_SECONDS = 8
"""The longest time for the head of a request, from the connection or the previous answer on."""

HEAD_BYTES = 16 * 1024  # The longest head of a request; a report for 50 recipients has 13 KB
_CALLER_FACTORY = "_wsgi_call_wrap"
"""Granian's factory of the function that calls the application. It has no public name; hence the bound on Granian's
version in requirements.txt."""

_M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -2, -3, -8
"""Parameters of glibc's `mallopt`."""

_JEMALLOC = "background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0,narenas:2"
"""Options of Granian's own allocator, which return the memory of sent answers to the system soon."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of `serve`: none, since everything is a setting."""
    parser.set_defaults(command=lambda _options, _settings: main())


def application() -> Any:
    """Start this process's services; the WSGI application of a Granian worker."""
    forbid_reading()
    _tune_allocator()
    settings = load()
    logs.set_up(settings)
    logs.log_uncaught()
    database = open_database(settings.mongo_db_url, settings.data_dir)
    collect_file = startup.read_sources_file(settings)
    environment = {name: text for name, text in os.environ.items() if name not in collect_file.secrets}
    report_service = make_report_service(settings, database, environment, keep_spare=True)
    in_flight = InFlight(connections_sending)
    services = Services(
        settings,
        Store(database, settings.cache_mb * 2**20),
        report_service,
        in_flight=in_flight,
        collect_file=collect_file,
    )
    report_service.start()
    services.scheduler.start()
    services.evaluator.start()
    if collect_file.sources:
        from pycemaker.collect.collector_service import CollectorService  # its HTTP client is 2 MB that others need not

        CollectorService(database, collect_file.sources).start()
    elif database.is_embedded:
        Collector(database, settings.data_dir, services.traffic).start()
    SummaryRefresher(services.store).start()
    _install_bulkheads(settings.base_path)
    startup.end_with_parent()
    end_stalled_clients(settings.port, lambda: services.refuses_answers)
    _tune_garbage_collector()
    return create_app(services)


def _install_bulkheads(base_path: str) -> None:
    """Wrap the factory by which this process's Granian worker makes the caller of the application."""
    from granian.server import mp

    wrapped = getattr(mp, _CALLER_FACTORY)

    @wraps(wrapped)
    def wrap(*args: Any, **kwargs: Any) -> bulkhead.Answer:
        return bulkhead.with_bulkheads(wrapped(*args, **kwargs), base_path)

    setattr(mp, _CALLER_FACTORY, wrap)


def _tune_garbage_collector() -> None:
    """Collect cyclic garbage rarely, and never the objects that live as long as the process.

    Batches are bytes and arrays, which are in no cycle. Collections took a tenth of a cold read.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _tune_allocator() -> None:
    """Let the C library allocate memory in large pieces and share freed memory between threads.

    Otherwise each thread that reads a page of documents asks the system for memory: over a tenth of a cold read. Call
    it before there are threads, also in the process from which a worker is forked. Pieces of 2 MB and more, which hold
    long answers, return to the system.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # a C library without mallopt
            adjust = ctypes.CDLL(None).mallopt
            for parameter, value in ((_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, 2 * 2**20), (_M_TOP_PAD, 16 * 2**20)):
                adjust(parameter, value)


def main() -> int:
    """Serve until Ctrl-C or SIGTERM; the exit status: 0 stopped, 2 cannot start, 130 Ctrl-C."""
    forbid_reading()
    _tune_allocator()
    try:
        settings = load()
        brand.load()
        logs.set_up(settings)
        address = startup.listening_address(settings.host, settings.port)
        collects = bool(startup.read_sources_file(settings).sources)
        database = open_database(settings.mongo_db_url, settings.data_dir, startup.reporter(settings))
    except errors.PycemakerError as error:
        startup.echo(str(error))
        return 2
    try:
        if not collects:
            startup.fill_if_empty(database)
        startup.print_banner(settings, database)
        _serve(address, settings.port)
    except KeyboardInterrupt:
        return 130
    finally:
        database.close()
    return 0


def _serve(address: str, port: int) -> None:
    os.environ.setdefault("_RJEM_MALLOC_CONF", _JEMALLOC)  # Granian reads it when it is imported
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Granian(
        "pycemaker.cli.serve_command:application",
        factory=True,
        interface=Interfaces.WSGI,
        address=address,
        port=port,
        http=HTTPModes.http1,  # only here does the header timeout run from the first byte on
        http1_settings=HTTP1Settings(header_read_timeout=HEAD_SECONDS * 1000, max_buffer_size=HEAD_BYTES),
        blocking_threads=bulkhead.THREADS,
        backlog=BACKLOG,
        backpressure=startup.room_for_connections(CONNECTIONS),
        workers_kill_timeout=2,
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig=logs.GRANIAN,
        working_dir=ROOT,
    ).serve()
