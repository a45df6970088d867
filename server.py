"""The program: the app out of its routes, the real services of a process, start and stop."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import sys
from functools import wraps
from typing import Any

from bottle import Bottle
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import mp

from pycemaker import brand, errors
from pycemaker.cache.store import Store
from pycemaker.cache.summary_refresher import SummaryRefresher
from pycemaker.cli import startup
from pycemaker.collect.this_machine import Collector
from pycemaker.jobs.process_tree import forbid_reading
from pycemaker.jobs.service_factory import make_report_service
from pycemaker.metrics import NAMES as METRIC_NAMES
from pycemaker.mongo.database import open_database
from pycemaker.reports import parameters
from pycemaker.settings import ROOT, load
from pycemaker.telemetry import logs
from pycemaker.web.access.browser_actions import BrowserActions, refuse_preflights
from pycemaker.web.access.cross_site import CrossSite
from pycemaker.web.error_handling import handle_errors, handle_http_error, refuse_garbled_path
from pycemaker.web.middleware import bulkhead
from pycemaker.web.middleware.access_log import log_requests
from pycemaker.web.middleware.cors import allow_origins
from pycemaker.web.middleware.path_spelling import normalize_paths
from pycemaker.web.middleware.request_bodies import bound_bodies
from pycemaker.web.middleware.response_cache import cache_responses
from pycemaker.web.middleware.security_headers import add_security_headers
from pycemaker.web.middleware.write_timeout import end_stalled_clients
from pycemaker.web.routes.home_routes import add_home
from pycemaker.web.routes.metric_routes import add_metrics
from pycemaker.web.routes.openapi_routes import add_openapi
from pycemaker.web.routes.probe_routes import add_probes
from pycemaker.web.routes.report_routes import add_report
from pycemaker.web.routes.stored_report_routes import add_stored_reports
from pycemaker.web.routes.unsubscribe_routes import add_unsubscribe
from pycemaker.web.services import Services
from pycemaker.web.wsgi import count_traffic

CONNECTIONS = 8192
"""Clients connected at a time: two thousand dashboards have a connection or two each, and a crowd that says nothing
leaves room for them. Granian itself stops at 1,024."""

BACKLOG = 4096
"""Connections that the kernel has made and the server has not taken yet; Linux stops at `net.core.somaxconn`."""

HEADER_SECONDS = 8
"""Within what time a client has said all of a request's head, from when it is connected or was answered last."""

HEAD_BYTES = 16 * 1024
"""The longest head of a request; a report for 50 recipients has 13 KB."""

_CALLER = "_wsgi_call_wrap"
"""Granian's maker of that function, which has no public name; hence the bound on its version in requirements.txt."""

_M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -2, -3, -8
"""As `mallopt` of glibc counts them."""


def create_app(services: Services) -> Any:
    """The WSGI application over these services. No I/O happens until a request comes."""
    origins = services.settings.cors_origins
    cross_site = CrossSite(services.settings.public_url, origins)
    app = create_routes(services, cross_site)
    remembered = cache_responses(bound_bodies(add_security_headers(app)), services.store.cache_bytes // 8)
    shared = refuse_preflights(allow_origins(bulkhead.refuse_late(remembered), origins), app, cross_site)
    plain = normalize_paths(shared, services.settings.base_path, _own_names(app))
    return log_requests(count_traffic(plain, services.traffic))


def create_routes(services: Services, cross_site: CrossSite) -> Bottle:
    """Every route over these services, without what goes around all of them."""
    app = Bottle()
    app.install(handle_errors)
    app.install(BrowserActions(cross_site))
    app.add_hook("before_request", refuse_garbled_path)
    app.default_error_handler = handle_http_error
    add_home(app, services)
    add_probes(app, services)
    add_openapi(app, services)
    add_stored_reports(app, services)
    add_unsubscribe(app, services)
    add_metrics(app, services)
    add_report(app, services)
    return app


def _own_names(app: Bottle) -> set[str]:
    """What the paths of these routes begin with, metrics' names for `<name>`."""
    return {route.rule.split("/")[1] for route in app.routes} | set(METRIC_NAMES)


def application() -> Any:
    """What a Granian worker serves: the app over the real services of this process."""
    forbid_reading()
    settings = load()
    logs.set_up(settings)
    logs.log_what_nobody_catches()
    database = open_database(settings.mongo_db_url, settings.data_dir)
    report_service = make_report_service(settings, database, os.environ, keep_spare=True)
    services = Services(settings, Store(database, settings.cache_mb * 2**20), report_service)
    report_service.start()
    parameters.warm()  # here and not beside the first requests, which would all wait for what it imports
    if database.is_embedded:
        Collector(database, settings.data_dir, services.traffic).start()
    SummaryRefresher(services.store).start()
    _answer_in_lanes(settings.base_path)
    startup.end_with_parent()
    end_stalled_clients(settings.port)
    _collect_seldom()
    _take_memory_in_large_pieces()
    return create_app(services)


def _answer_in_lanes(base_path: str) -> None:
    """Go around the function by which the worker that Granian is starting in this process will call the application."""
    wrapped = getattr(mp, _CALLER)

    @wraps(wrapped)
    def wrap(*args: Any, **kwargs: Any) -> bulkhead.Answer:
        return bulkhead.in_bulkheads(wrapped(*args, **kwargs), base_path)

    setattr(mp, _CALLER, wrap)


def _collect_seldom() -> None:
    """Have Python look for circles of garbage seldom, and not among what lives as long as the process.

    Batches are bytes and arrays, which are in no circle; looking for some took a tenth of a cold read.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _take_memory_in_large_pieces() -> None:
    """Have the C library ask the system for memory seldom, and let threads use what others have given back.

    Else each thread that reads a page of documents asks anew and hands it back: a tenth of a cold read and more.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # a C library without it
            adjust = ctypes.CDLL(None).mallopt
            for what, value in ((_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, 32 * 2**20), (_M_TOP_PAD, 64 * 2**20)):
                adjust(what, value)


def main() -> int:
    """Start everything, serve until Ctrl-C or SIGTERM, stop everything; the exit status."""
    forbid_reading()
    try:
        settings = load()
        brand.load()
        logs.set_up(settings)
        address = startup.listening_address(settings.host, settings.port)
        database = open_database(settings.mongo_db_url, settings.data_dir, startup.reporter(settings))
    except errors.PycemakerError as error:
        startup.echo(str(error))
        return 2
    try:
        startup.fill_if_empty(database)
        startup.print_banner(settings, database)
        _serve(address, settings.port)
    except KeyboardInterrupt:
        return 130
    finally:
        database.close()
    return 0


def _serve(address: str, port: int) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Granian(
        "server:application",
        factory=True,
        interface=Interfaces.WSGI,
        address=address,
        port=port,
        http=HTTPModes.http1,  # of which alone the header timeout holds from the first byte on
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEAD_BYTES),
        blocking_threads=bulkhead.THREADS,
        backlog=BACKLOG,
        backpressure=startup.room_for_connections(CONNECTIONS),
        workers_kill_timeout=2,
        websockets=False,
        log_level=LogLevels.error,
        log_dictconfig=logs.GRANIAN,
        working_dir=ROOT,
    ).serve()


if __name__ == "__main__":
    sys.exit(main())
