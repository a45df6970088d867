"""The HTTP face: routes, the table that turns what went wrong into an answer, and the main program."""

from __future__ import annotations

import hmac
import itertools
import logging
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bottle import Bottle, HTTPError, HTTPResponse, request, response
from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

from pycemaker import answers, errors, home, parameters, payload, startup
from pycemaker.data.collect import Collector
from pycemaker.data.database import open_database
from pycemaker.data.store import Store
from pycemaker.metrics import METRICS, find_metric
from pycemaker.remember import STILL_HOLDS, remember_answers
from pycemaker.report import catalogue, kept
from pycemaker.report.limits import RateLimit
from pycemaker.report.pipeline import ReportRequest
from pycemaker.report.runner import ReportDesk
from pycemaker.settings import ROOT, Settings, load, parse_address
from pycemaker.shapes import Shape, parse_shape
from pycemaker.traffic import Traffic
from pycemaker.window import parse_instant, parse_window, since
from pycemaker.wsgi import Face, allow_origins, count_traffic

THREADS = 64
"""Requests at a time; a report holds one for as long as it takes, and at most nine do."""

STREAMS = 32
"""Long answers at a time: each holds a thread until its client has taken it, however slowly, and half are left free."""

JSON = "application/json; charset=utf-8"
REPORT = "/report/<date_now>/<time_range>/<email_to>"

FACES: dict[type[errors.PycemakerError], Face] = {
    errors.PycemakerError: Face(500, "internal", "Ocorreu um erro inesperado."),
    errors.InvalidRequest: Face(400, "invalid_request", "O pedido não pôde ser lido."),
    errors.InvalidDate: Face(
        400, "invalid_date", "Data inválida: use dd-mm-aaaa-HH-MM-SS, now ou ISO 8601 com fuso.", field="date"
    ),
    errors.InvalidRange: Face(
        400,
        "invalid_range",
        "Intervalo inválido: use um número inteiro de horas, de 1 a {limit}.",
        field="time_range",
        shows=("limit",),
    ),
    errors.InvalidAddress: Face(400, "invalid_address", "Endereço de e-mail inválido.", field="email_to"),
    errors.InvalidParameter: Face(
        400, "invalid_parameter", "Parâmetro inválido: {field}.", shows=("field", "takes", "known")
    ),
    errors.NotFound: Face(404, "not_found", "Nada foi encontrado neste endereço."),
    errors.UnknownMetric: Face(404, "unknown_metric", "Métrica desconhecida.", shows=("known",)),
    errors.UnknownNotebook: Face(404, "unknown_notebook", "Notebook desconhecido: veja a lista em /notebooks."),
    errors.UnknownReport: Face(404, "unknown_report", "Relatório desconhecido."),
    errors.NotAuthenticated: Face(401, "not_authenticated", "Token ausente ou incorreto."),
    errors.RecipientNotAllowed: Face(
        403, "recipient_not_allowed", "Este endereço não está autorizado a receber relatórios.", field="email_to"
    ),
    errors.TooManyReports: Face(
        429, "too_many_reports", "Há relatórios demais na fila. Tente de novo em {retry_after_seconds} s."
    ),
    errors.TooManyStreams: Face(
        503, "too_many_streams", "Há respostas longas demais em andamento. Tente de novo em {retry_after_seconds} s."
    ),
    errors.AskedTooOften: Face(
        429, "asked_too_often", "Este endereço recebeu relatórios demais. Tente de novo em {retry_after_seconds} s."
    ),
    errors.ReportFailed: Face(500, "report_failed", "O relatório não pôde ser feito."),
    errors.NotebookFailed: Face(
        500,
        "notebook_failed",
        "O notebook do relatório falhou na célula {cell} ({exception}). Nada foi enviado.",
        shows=("cell", "exception"),
    ),
    errors.NotebookUnusable: Face(
        500, "notebook_unusable", "O notebook não pode ser lido: veja sua célula de parâmetros.", shows=("name",)
    ),
    errors.NothingToSend: Face(500, "nothing_to_send", "O notebook não produziu nada para enviar."),
    errors.ReportUnfit: Face(
        500,
        "report_unfit",
        "O relatório não passou na verificação antes do envio. Nada foi enviado.",
        shows=("findings",),
    ),
    errors.RunnerFailed: Face(
        500, "runner_failed", "O processo do relatório terminou antes da hora.", shows=("stage", "possibly_sent")
    ),
    errors.StorageRefused: Face(
        502, "storage_refused", "O armazenamento das figuras recusou o envio. Nada foi enviado."
    ),
    errors.MailRefused: Face(
        502, "mail_refused", "O servidor de e-mail não aceitou a mensagem.", shows=("possibly_sent",)
    ),
    errors.ReportTimedOut: Face(
        504,
        "report_timed_out",
        "O relatório não terminou em {limit_seconds} s.",
        shows=("stage", "limit_seconds", "possibly_sent"),
    ),
    errors.DatabaseUnreachable: Face(503, "database_unreachable", "O banco de dados não está respondendo."),
    errors.IndexesNotReady: Face(
        503, "indexes_not_ready", "O banco de dados ainda está sendo preparado. Tente de novo em instantes."
    ),
    errors.DatabaseNotStarted: Face(503, "database_not_started", "O banco de dados não está respondendo."),
    errors.InvalidSettings: Face(500, "internal", "Ocorreu um erro inesperado."),
}
"""What a caller is told of each leaf of the error tree."""

_STATUS_FACES = {
    400: Face(400, "invalid_request", "O pedido não pôde ser lido."),
    404: Face(404, "not_found", "Nada foi encontrado neste endereço."),
    405: Face(405, "method_not_allowed", "Este método não é aceito neste endereço."),
    500: Face(500, "internal", "Ocorreu um erro inesperado."),
}
_log = logging.getLogger("pycemaker")


@dataclass(frozen=True)
class Services:
    """What the routes work with.

    Attributes:
        settings: zone, limits, who may receive and ask.
        store: reads samples.
        desk: makes reports.
        traffic: counts answers.
        clock: the present, aware UTC.
        rate_limit: how often one address may be mailed.
        streams: how many long answers may be under way.
        notebooks: the folder in which the reports are.
    """

    settings: Settings
    store: Store
    desk: ReportDesk
    traffic: Traffic = field(default_factory=Traffic)
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    rate_limit: RateLimit = field(default_factory=RateLimit)
    streams: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(STREAMS))
    notebooks: Path = catalogue.NOTEBOOKS


def create_app(services: Services) -> Any:
    """The WSGI application over these services. No I/O happens until a request comes."""
    app = Bottle()
    app.install(_tell_errors)
    app.default_error_handler = _tell_http_error
    _add_home(app, services)
    _add_kept_reports(app, services)
    _add_metrics(app, services)
    _add_report(app, services)
    remembered = remember_answers(app, services.store.cache_bytes // 8)
    return count_traffic(allow_origins(remembered, services.settings.cors_origins), services.traffic)


def _add_home(app: Bottle, services: Services) -> None:
    @app.get("/")  # type: ignore[untyped-decorator]
    def home_page() -> bytes:
        glance = home.look(services.store, services.clock(), services.settings)
        if home.prefers_html(request.environ.get("HTTP_ACCEPT", "")):
            response.content_type = "text/html; charset=utf-8"
            response.set_header("Content-Security-Policy", home.CONTENT_SECURITY_POLICY)
            return home.page(glance, services.settings).encode()
        return _json(home.index(glance))


def _add_metrics(app: Bottle, services: Services) -> None:
    settings, store = services.settings, services.store

    @app.get("/<name>/<date_now>/<time_range>")  # type: ignore[untyped-decorator]
    def metric_interval(name: str, date_now: str, time_range: str) -> Any:
        metric = find_metric(name)
        window = parse_window(
            date_now, time_range, zone=settings.timezone, now_utc=services.clock(), limit=settings.max_range_hours
        )
        current, previous = store.look(metric, window.current), store.look(metric, window.previous)
        answer = answers.interval(current, previous, window, _shape())
        return _send(answer, services.streams, moves=date_now == "now")

    @app.get("/<name>/<date_start>")  # type: ignore[untyped-decorator]
    def metric_tail(name: str, date_start: str) -> Any:
        metric = find_metric(name)
        start_utc = parse_instant(date_start, zone=settings.timezone, now_utc=services.clock())
        answer = answers.tail(store.look(metric, since(start_utc)), _shape())
        return _send(answer, services.streams, moves=date_start == "now")


def _add_kept_reports(app: Bottle, services: Services) -> None:
    """Reports under their unguessable ids. They come before the metrics, whose paths look alike."""
    reports = services.settings.data_dir / "reports"

    @app.get("/reports/<report_id>")  # type: ignore[untyped-decorator]
    def kept_page(report_id: str) -> bytes:
        return _kept(kept.page(reports, report_id), "text/html; charset=utf-8")

    @app.get("/reports/<report_id>/figures/<name>")  # type: ignore[untyped-decorator]
    def kept_figure(report_id: str, name: str) -> bytes:
        return _kept(kept.figure(reports, report_id, name), "image/png")


def _kept(content: bytes, content_type: str) -> bytes:
    response.content_type = content_type
    for name, told in kept.HEADERS.items():
        response.set_header(name, told)
    return content


def _add_report(app: Bottle, services: Services) -> None:
    @app.get("/notebooks")  # type: ignore[untyped-decorator]
    def notebooks() -> bytes:
        _check_token(services.settings)
        return _json({"notebooks": catalogue.listing(services.notebooks)})

    @app.route(REPORT, method=["GET", "POST"])  # type: ignore[untyped-decorator]
    def report(date_now: str, time_range: str, email_to: str) -> bytes:
        _check_token(services.settings)
        asked = _report_request(services, date_now, time_range, email_to)
        _check_database(services.store)
        services.rate_limit.admit(asked.email_to)
        return _json(payload.report(services.desk.make(asked)))

    @app.route(REPORT, method="HEAD")  # type: ignore[untyped-decorator]
    def no_report(**_path: str) -> None:
        """A HEAD asks about a report without wanting one; none is made."""
        raise HTTPError(405, Allow="GET, POST")


def _report_request(services: Services, date_now: str, time_range: str, email_to: str) -> ReportRequest:
    settings = services.settings
    window = parse_window(
        date_now, time_range, zone=settings.timezone, now_utc=services.clock(), limit=settings.max_range_hours
    )
    address = parse_address(email_to)
    if not settings.may_receive(address):
        raise errors.RecipientNotAllowed(address=address)
    given = _query()
    notebook = catalogue.find_notebook(given.pop("notebook", catalogue.DEFAULT), services.notebooks)
    return ReportRequest(secrets.token_urlsafe(16), notebook.path, window, address, notebook.read(given))


def _query() -> dict[str, str]:
    """The query's parameters; one that is given twice is refused, since nobody knows which was meant."""
    try:
        given = request.query.decode()
    except UnicodeError:
        raise errors.InvalidRequest from None
    for name in given:
        if len(given.getall(name)) > 1:
            raise errors.InvalidParameter(field=name[:40], reason="given more than once")
    return dict(given)


def _check_token(settings: Settings) -> None:
    if settings.api_token is None:
        return
    scheme, _, bearer = request.environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    given = bearer.strip() if scheme.lower() == "bearer" else request.environ.get("HTTP_X_API_KEY", "")
    if not hmac.compare_digest(given.encode(), settings.api_token.encode()):
        raise errors.NotAuthenticated


def _check_database(store: Store) -> None:
    """Know before a notebook is started that there is something to read from."""
    store.newest(METRICS[0])


def _json(content: Any) -> bytes:
    response.content_type = JSON
    return payload.json_bytes(content)


def _shape() -> Shape:
    return parse_shape(request.query, request.environ.get("HTTP_ACCEPT", ""))


def _send(answer: answers.Answer, streams: threading.BoundedSemaphore, *, moves: bool) -> Any:
    """The answer, or that the caller has it already. What `moves` is another one a moment later whatever happens."""
    response.content_type = answer.media_type
    for name, text in {"ETag": answer.etag, "Cache-Control": "no-cache", "Vary": "Accept", **answer.headers}.items():
        response.set_header(name, text)
    if not moves:
        request.environ[STILL_HOLDS] = answer.still_holds
    if answers.matches(request.environ.get("HTTP_IF_NONE_MATCH"), answer.etag):
        response.status = 304
        return b""
    return _body(answer, streams)


def _body(answer: answers.Answer, streams: threading.BoundedSemaphore) -> Any:
    """The answer whole where it is short, so that a fault while reading still has a status; else as it is made."""
    head: list[bytes] = []
    size = 0
    for chunk in answer.chunks:
        head.append(chunk)
        size += len(chunk)
        if size > answer.whole_bytes:
            return _stream(itertools.chain(head, answer.chunks), streams)
    return b"".join(head)


def _stream(chunks: Iterator[bytes], streams: threading.BoundedSemaphore) -> Iterator[bytes]:
    """The chunks, in one of the places for long answers, which is free again when they are taken or given up.

    Raises:
        TooManyStreams: there is no place.
    """
    if not streams.acquire(blocking=False):
        raise errors.TooManyStreams(streaming=STREAMS, retry_after_seconds=2)

    def taken() -> Iterator[bytes]:
        try:
            yield b""
            yield from chunks
        finally:
            streams.release()

    stream = taken()
    next(stream)  # from here on its end gives the place back, also where nobody takes anything
    return stream


def _tell_errors(route: Callable[..., Any]) -> Callable[..., Any]:
    """A Bottle plug-in: what the routes raise of our own tree becomes its answer."""

    def answer(*args: Any, **kwargs: Any) -> Any:
        try:
            return route(*args, **kwargs)
        except errors.PycemakerError as error:
            return _tell(error)

    return answer


def _tell(error: errors.PycemakerError) -> HTTPResponse:
    face = next(FACES[kind] for kind in type(error).__mro__ if kind in FACES)
    if face.status >= 500:
        _log.error("%s %s: %s", request.method, request.path[:200], error)
    headers = {"Content-Type": JSON}
    if face.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after_seconds" in error.facts or isinstance(error, errors.IndexesNotReady):
        headers["Retry-After"] = str(error.facts.get("retry_after_seconds", 2))
    return HTTPResponse(payload.json_bytes(face.body(error.facts)), face.status, headers)


def _tell_http_error(error: HTTPError) -> bytes:
    """What Bottle raises: no such route, wrong method, unreadable path, a fault nobody foresaw."""
    if error.status_code >= 500:
        _log.error("%s %s", request.method, request.path[:200], exc_info=error.exception)
    if allowed := error.get_header("Allow"):
        error.set_header("Allow", ", ".join(_allowed(set(allowed.replace(" ", "").split(",")))))
    face = _STATUS_FACES.get(error.status_code, _STATUS_FACES[500])
    response.content_type = JSON
    return payload.json_bytes(face.body({}))


def _allowed(methods: set[str]) -> list[str]:
    """The methods of a route; a route that acts (POST) is not asked about with HEAD."""
    return [*sorted(methods - {"HEAD"} if "POST" in methods else methods | {"HEAD"}), "OPTIONS"]


def application() -> Any:
    """What a Granian worker serves: the app over the real services of this process."""
    settings = load()
    database = open_database(settings.mongo_db_url, settings.data_dir)
    desk = ReportDesk(os.environ, settings.data_dir / "reports", settings.report_timeout_seconds)
    services = Services(settings, Store(database, settings.cache_mb * 2**20), desk)
    desk.start()
    threading.Thread(target=parameters.warm, daemon=True, name="warm").start()
    if database.is_embedded:
        Collector(database, settings.data_dir, services.traffic).start()
    startup.end_with_parent()
    return create_app(services)


def main() -> int:
    """Start everything, serve until Ctrl-C or SIGTERM, stop everything; the exit status."""
    try:
        settings = load()
        address = startup.listening_address(settings.host, settings.port)
        database = open_database(settings.mongo_db_url, settings.data_dir, startup.say)
    except errors.PycemakerError as error:
        startup.say(str(error))
        return 2
    try:
        startup.fill_if_empty(database)
        startup.say(startup.banner(settings, database))
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
        blocking_threads=THREADS,
        workers_kill_timeout=2,
        websockets=False,
        log_level=LogLevels.error,
        working_dir=ROOT,
    ).serve()


if __name__ == "__main__":
    sys.exit(main())
