"""The metric routes: intervals and tails as JSON and other formats, whole or streamed."""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote

from bottle import Bottle, request

from pycemaker import errors
from pycemaker.metrics import METRICS, Metric, find_metric
from pycemaker.parsing.application_names import DEFAULT_APPLICATION
from pycemaker.parsing.route_paths import with_application
from pycemaker.telemetry.request_ids import REQUEST_ID
from pycemaker.web import etags, metric_answers, request_parameters, response_bodies
from pycemaker.web.answer_formats import MEDIA_TYPES, Shape, check_steps, parse_shape
from pycemaker.web.middleware.response_cache import IS_VALID, LIVE_HEADERS
from pycemaker.web.polled_answers import build_slot, is_not_modified
from pycemaker.web.services import STREAMS, Services
from pycemaker.web.step_answers import StepAnswers
from pycemaker.window import from_epoch_ms, parse_instant, parse_window, since, to_iso_text

_log = logging.getLogger("pycemaker")


def add_metrics(app: Bottle, services: Services) -> None:
    """Add the newest samples, intervals and tails; last of all routes, since their paths look like any other."""
    settings = services.settings
    slot = partial(_slot, services.streams)
    default_steps = StepAnswers(services.store, slot)

    @app.get(with_application("/now"))  # type: ignore[untyped-decorator]
    def newest_samples(application: str = DEFAULT_APPLICATION) -> Any:
        store = services.store.for_application(application)
        body = response_bodies.newest_samples({metric: store.newest_sample(metric) for metric in METRICS})
        return b"" if is_not_modified(etags.etag_of_body(body), MEDIA_TYPES["json"], {}) else body

    @app.get(with_application("/<name>/<date_now>/<time_range>"))  # type: ignore[untyped-decorator]
    def metric_interval(name: str, date_now: str, time_range: str, application: str = DEFAULT_APPLICATION) -> Any:
        metric, store = find_metric(name), services.store.for_application(application)
        window = parse_window(
            date_now, time_range, zone=settings.timezone, now_utc=services.clock(), limit=settings.max_range_hours
        )
        shape, seconds = _shape(), window.hours * 3600
        if shape.every_seconds:
            check_steps(shape.every_seconds, seconds)
            steps = StepAnswers(store, slot) if application else default_steps
            answer = steps.interval(metric, window, shape, services.clock())
            return _send(answer, metric, services.streams, moves=date_now == "now")
        current, previous = store.start_read(metric, window.current), store.start_read(metric, window.previous)
        with build_slot(services, 0 if shape.max_points else 2 * seconds):  # thinning takes a slot where it needs one
            answer = metric_answers.interval(current, previous, window, shape, slot)
            return _send(answer, metric, services.streams, moves=date_now == "now")

    @app.get(with_application("/<name>/<date_start>"))  # type: ignore[untyped-decorator]
    def metric_tail(name: str, date_start: str, application: str = DEFAULT_APPLICATION) -> Any:
        metric, store = find_metric(name), services.store.for_application(application)
        start_utc = parse_instant(date_start, zone=settings.timezone, now_utc=services.clock())
        shape, seconds = _shape(settings.default_max_points), (services.clock() - start_utc).total_seconds()
        if shape.every_seconds:
            check_steps(shape.every_seconds, seconds)
            steps = StepAnswers(store, slot) if application else default_steps
            answer = steps.tail(metric, since(start_utc), shape, services.clock())
            return _send(answer, metric, services.streams, moves=date_start == "now")
        reading = store.start_read(metric, since(start_utc))
        with build_slot(services, 0 if shape.max_points else seconds):
            answer = metric_answers.tail(reading, shape, slot)
            return _send(answer, metric, services.streams, moves=date_start == "now")


def _shape(default_max_points: int = 0) -> Shape:
    return parse_shape(request_parameters.query(request), request.environ.get("HTTP_ACCEPT", ""), default_max_points)


def _send(
    answer: metric_answers.MetricAnswer, metric: Metric, streams: threading.BoundedSemaphore, *, moves: bool
) -> Any:
    """The answer, or 304. One that `moves` (it ends or starts `now`) is another one a moment later and never cached."""
    newest = partial(_newest_header, answer.newest_ms)  # not the answer: the response cache would keep its pages alive
    if not moves:
        request.environ[IS_VALID], request.environ[LIVE_HEADERS] = answer.is_valid, newest
    is_confirmed = is_not_modified(
        answer.etag, answer.media_type, {"X-Unit": quote(metric.unit), **dict(newest()), **answer.headers}
    )
    return b"" if is_confirmed else _body(answer, streams)


def _newest_header(newest_ms: Callable[[], int | None]) -> list[tuple[str, str]]:
    time_ms = newest_ms()
    return [] if time_ms is None else [("X-Newest-Sample", _text_of(time_ms))]


@lru_cache(64)
def _text_of(time_ms: int) -> str:
    return to_iso_text(from_epoch_ms(time_ms))


def _body(answer: metric_answers.MetricAnswer, streams: threading.BoundedSemaphore) -> Any:
    """A short answer whole, so that a fault while reading still has a status; a long one as a stream."""
    head: list[bytes] = []
    size = 0
    for chunk in answer.chunks:
        head.append(chunk)
        size += len(chunk)
        if size > answer.whole_bytes:
            return _stream(itertools.chain(head, answer.chunks), streams, answer)
    return b"".join(head)


def _take_slot(streams: threading.BoundedSemaphore) -> None:
    if not streams.acquire(blocking=False):
        raise errors.TooManyStreams(streaming=STREAMS, retry_after_seconds=2)


@contextmanager
def _slot(streams: threading.BoundedSemaphore) -> Iterator[None]:
    _take_slot(streams)
    try:
        yield
    finally:
        streams.release()


def _stream(
    chunks: Iterator[bytes], streams: threading.BoundedSemaphore, answer: metric_answers.MetricAnswer
) -> Iterator[bytes]:
    """The chunks, with a slot for long answers, which is free again when they are read or given up.

    Where reading fails, `broken_off` ends them: the status is sent already, and nothing else would show the fault.

    Raises:
        TooManyStreams: every slot is taken.
    """
    _take_slot(streams)
    is_whole, still_holds = True, answer.is_valid  # not the answer, as in `_send`
    if IS_VALID in request.environ:
        request.environ[IS_VALID] = lambda: is_whole and still_holds()
    path, extra = request.path[:200], {"request_id": REQUEST_ID.get()}  # the context may be another request's then

    def guarded() -> Iterator[bytes]:
        nonlocal is_whole
        try:
            yield b""
            yield from chunks
        except Exception as error:  # noqa: BLE001 - whatever it was, the client has to notice that something is missing
            is_ours = isinstance(error, errors.PycemakerError)
            _log.error("%s broke off: %s", path, error, exc_info=not is_ours, extra=extra)
            is_whole = False  # so that a truncated body is never confirmed with 304
            yield answer.broken_off
        finally:
            streams.release()

    stream = guarded()
    next(stream)  # started, it gives the slot back at its end even where nobody reads a chunk
    return stream
