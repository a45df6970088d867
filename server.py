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

from pycemaker import brand, errors, logs, startup
from pycemaker.data.collect import Collector
from pycemaker.data.database import open_database
from pycemaker.data.hour_keeper import HourKeeper
from pycemaker.data.store import Store
from pycemaker.dispatch import make_desk
from pycemaker.metrics import NAMES as METRIC_NAMES
from pycemaker.report.processes import forbid_reading
from pycemaker.settings import ROOT, load
from pycemaker.web import lanes
from pycemaker.web.acting import ActingRoutes, refuse_preflights
from pycemaker.web.bodies import bound_bodies
from pycemaker.web.cors import allow_origins
from pycemaker.web.cross_site import CrossSite
from pycemaker.web.guard import guard_pages
from pycemaker.web.home_route import add_home
from pycemaker.web.identify import identify
from pycemaker.web.in_flight import InFlight, bound_answers, connections_sending
from pycemaker.web.kept_routes import add_kept_reports
from pycemaker.web.metric_routes import add_metrics
from pycemaker.web.openapi_route import add_openapi
from pycemaker.web.paths import plain_paths
from pycemaker.web.remember import remember_answers
from pycemaker.web.report_routes import add_report
from pycemaker.web.services import Services
from pycemaker.web.stalled import end_stalled_clients
from pycemaker.web.telling import refuse_garbled_path, tell_errors, tell_http_error
from pycemaker.web.unsubscribe_routes import add_unsubscribe
from pycemaker.web.watch_routes import add_watch
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

_JEMALLOC = "background_thread:true,dirty_decay_ms:500,muzzy_decay_ms:0,narenas:2"
"""How Granian's own allocator is set up: what held clients' answers goes back to the system soon."""


def create_app(services: Services) -> Any:
    """The WSGI application over these services. No I/O happens until a request comes."""
    origins = services.settings.cors_origins
    cross_site = CrossSite(services.settings.public_url, origins)
    app = create_routes(services, cross_site)
    remembered = remember_answers(bound_bodies(guard_pages(app)), services.store.cache_bytes // 8)
    bounded = bound_answers(lanes.tell_late(remembered), services.in_flight)
    shared = refuse_preflights(allow_origins(bounded, origins), app, cross_site)
    plain = plain_paths(shared, services.settings.base_path, _own_names(app))
    return identify(count_traffic(plain, services.traffic))


def create_routes(services: Services, cross_site: CrossSite) -> Bottle:
    """Every route over these services, without what goes around all of them."""
    app = Bottle()
    app.install(tell_errors)
    app.install(ActingRoutes(cross_site))
    app.add_hook("before_request", refuse_garbled_path)
    app.default_error_handler = tell_http_error
    add_home(app, services)
    add_watch(app, services)
    add_openapi(app, services)
    add_kept_reports(app, services)
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
    _take_memory_in_large_pieces()
    settings = load()
    logs.set_up(settings)
    logs.log_what_nobody_catches()
    database = open_database(settings.mongo_db_url, settings.data_dir)
    desk = make_desk(settings, database, os.environ, keep_spare=True)
    in_flight = InFlight(connections_sending)
    services = Services(settings, Store(database, settings.cache_mb * 2**20), desk, in_flight=in_flight)
    desk.start()
    if database.is_embedded:
        Collector(database, settings.data_dir, services.traffic).start()
    HourKeeper(services.store).start()
    _answer_in_lanes(settings.base_path)
    startup.end_with_parent()
    end_stalled_clients(settings.port, lambda: services.refuses_answers)
    _collect_seldom()
    return create_app(services)


def _answer_in_lanes(base_path: str) -> None:
    """Go around the function by which the worker that Granian is starting in this process will call the application."""
    from granian.server import mp

    wrapped = getattr(mp, _CALLER)

    @wraps(wrapped)
    def wrap(*args: Any, **kwargs: Any) -> lanes.Answer:
        return lanes.in_lanes(wrapped(*args, **kwargs), base_path)

    setattr(mp, _CALLER, wrap)


def _collect_seldom() -> None:
    """Have Python look for circles of garbage seldom, and not among what lives as long as the process.

    Batches are bytes and arrays, which are in no circle; looking for some took a tenth of a cold read.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _take_memory_in_large_pieces() -> None:
    """Have the C library ask the system for memory seldom, and let threads use what others have given back.

    Else each thread that reads a page of documents asks anew and hands it back: a tenth of a cold read and more. It has
    to be said before there are threads, in the process too from which a worker is forked. Pieces of 2 MB and more are
    long answers, and go back to the system.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # a C library without it
            adjust = ctypes.CDLL(None).mallopt
            for what, value in ((_M_ARENA_MAX, 2), (_M_MMAP_THRESHOLD, 2 * 2**20), (_M_TOP_PAD, 16 * 2**20)):
                adjust(what, value)


def main() -> int:
    """Start everything, serve until Ctrl-C or SIGTERM, stop everything; the exit status."""
    forbid_reading()
    _take_memory_in_large_pieces()
    try:
        settings = load()
        brand.load()
        logs.set_up(settings)
        address = startup.listening_address(settings.host, settings.port)
        database = open_database(settings.mongo_db_url, settings.data_dir, startup.teller(settings))
    except errors.PycemakerError as error:
        startup.say(str(error))
        return 2
    try:
        startup.fill_if_empty(database)
        startup.announce(settings, database)
        _serve(address, settings.port)
    except KeyboardInterrupt:
        return 130
    finally:
        database.close()
    return 0


def _serve(address: str, port: int) -> None:
    os.environ.setdefault("_RJEM_MALLOC_CONF", _JEMALLOC)  # before Granian is loaded, which reads it then
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Granian(
        "server:application",
        factory=True,
        interface=Interfaces.WSGI,
        address=address,
        port=port,
        http=HTTPModes.http1,  # of which alone the header timeout holds from the first byte on
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEAD_BYTES),
        blocking_threads=lanes.THREADS,
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
