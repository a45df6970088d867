"""The metric routes: from the request to what is sent, whole or as it is made."""

from __future__ import annotations

import itertools
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

from bottle import Bottle, request, response

from pycemaker import errors
from pycemaker.metrics import find_metric
from pycemaker.request_ids import REQUEST_ID
from pycemaker.shapes import Shape, parse_shape
from pycemaker.web import answers
from pycemaker.web.remember import STILL_HOLDS
from pycemaker.web.services import STREAMS, Services
from pycemaker.window import parse_instant, parse_window, since

_log = logging.getLogger("pycemaker")


def add_metrics(app: Bottle, services: Services) -> None:
    """The intervals and tails of every metric. Last of all routes, since their paths look like any other."""
    settings, store = services.settings, services.store
    place = partial(_place, services.streams)

    @app.get("/<name>/<date_now>/<time_range>")  # type: ignore[untyped-decorator]
    def metric_interval(name: str, date_now: str, time_range: str) -> Any:
        metric = find_metric(name)
        window = parse_window(
            date_now, time_range, zone=settings.timezone, now_utc=services.clock(), limit=settings.max_range_hours
        )
        current, previous, shape = store.look(metric, window.current), store.look(metric, window.previous), _shape()
        with _making(services, shape):
            answer = answers.interval(current, previous, window, shape, place)
            return _send(answer, services.streams, moves=date_now == "now")

    @app.get("/<name>/<date_start>")  # type: ignore[untyped-decorator]
    def metric_tail(name: str, date_start: str) -> Any:
        metric = find_metric(name)
        start_utc = parse_instant(date_start, zone=settings.timezone, now_utc=services.clock())
        reading, shape = store.look(metric, since(start_utc)), _shape(settings.default_max_points)
        with _making(services, shape):
            answer = answers.tail(reading, shape, place)
            return _send(answer, services.streams, moves=date_start == "now")


def _shape(default_max_points: int = 0) -> Shape:
    return parse_shape(request.query, request.environ.get("HTTP_ACCEPT", ""), default_max_points)


def _making(services: Services, shape: Shape) -> AbstractContextManager[None]:
    """A place for making the answer; one that is thinned has one of the places for long answers where it needs it."""
    return nullcontext() if shape.max_points else services.in_flight.making()


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
            return _stream(itertools.chain(head, answer.chunks), streams, answer)
    return b"".join(head)


def _take_place(streams: threading.BoundedSemaphore) -> None:
    if not streams.acquire(blocking=False):
        raise errors.TooManyStreams(streaming=STREAMS, retry_after_seconds=2)


@contextmanager
def _place(streams: threading.BoundedSemaphore) -> Iterator[None]:
    _take_place(streams)
    try:
        yield
    finally:
        streams.release()


class _Unbroken:
    """Whether an answer that streams still holds: never again once it broke off."""

    def __init__(self, still_holds: Callable[[], bool]) -> None:
        self._still_holds = still_holds

    def __call__(self) -> bool:
        return self._still_holds()

    def break_off(self) -> None:
        """From here on it holds no more, so that nobody is told that what came of it is good."""
        self._still_holds = lambda: False


def _stream(chunks: Iterator[bytes], streams: threading.BoundedSemaphore, answer: answers.Answer) -> Iterator[bytes]:
    """The chunks, in one of the places for long answers, which is free again when they are taken or given up.

    Where their making fails, `broken_off` ends them: the status is out already, and nothing else would tell.

    Raises:
        TooManyStreams: there is no place.
    """
    _take_place(streams)
    unbroken = _Unbroken(answer.still_holds)
    if STILL_HOLDS in request.environ:
        request.environ[STILL_HOLDS] = unbroken
    path, told = request.path[:200], {"request_id": REQUEST_ID.get()}  # which another request may have by then

    def taken() -> Iterator[bytes]:
        try:
            yield b""
            yield from chunks
        except Exception as error:  # noqa: BLE001 - whatever it was, the client has to see that something is missing
            is_ours = isinstance(error, errors.PycemakerError)
            _log.error("%s broke off: %s", path, error, exc_info=not is_ours, extra=told)
            unbroken.break_off()
            yield answer.broken_off
        finally:
            streams.release()

    stream = taken()
    next(stream)  # from here on its end gives the place back, also where nobody takes anything
    return stream
