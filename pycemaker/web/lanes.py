"""Which requests get a thread at once: those that watch this server always do, others as long as there are places.

Granian runs a WSGI application on its own threads, first come, first served: where all of them wait for something, a
health check waits with them. Here a thread that finds every place taken puts its request in line and is free again;
whoever has a place goes on with what is in line. So there is always a thread for `/health`, and nothing is handed
from thread to thread while there are places.

Granian has no setting for this. It calls the application by a function that gets the answer's other end (`protocol`)
beside the request, so that an answer may be given later, by another thread; `in_lanes` goes around that function.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from pycemaker import errors
from pycemaker.web.telling import refuse
from pycemaker.web.wsgi import Application, Environ, StartResponse

HEALTH = "/health"
WATCH = frozenset({"/ready", "/metrics"})
"""They may wait for what they look at, and so are few at a time; HEALTH looks at nothing."""

PLACES, WATCH_PLACES, SPARE = 112, 4, 4
"""For requests: 48 may wait for a report, 32 hold a long answer, 16 wait for a body; for WATCH; for HEALTH."""

THREADS = PLACES + WATCH_PLACES + SPARE
"""How many threads Granian needs: one for each place, and some for putting requests in line."""

LATE_SECONDS = 2.5
"""How long a request stands in line before it is told that the server is busy, so that nobody waits 3 s for nothing."""

LATE = "pycemaker.late"
"""In the environ of a request that stood in line for LATE_SECONDS: it gets no place, and a 503."""

_LOOK_SECONDS = 0.25
_log = logging.getLogger(__name__)

Answer = Callable[[Any, dict[str, Any]], Any]
"""Answers a request: takes Granian's protocol and the environ."""


class Lane:
    """Places for requests, and a line for those that find none. Threads share it.

    Args:
        answer: answers one request, and raises nothing.
        places: how many at a time.
    """

    def __init__(self, answer: Answer, places: int) -> None:
        self._answer = answer
        self._free = places
        self._lock = threading.Lock()
        self._line: deque[tuple[float, Any, dict[str, Any]]] = deque()

    def take(self, protocol: Any, environ: dict[str, Any]) -> None:
        """Answer the request, and whatever came into line meanwhile; or put it in line where there is no place."""
        with self._lock:
            if not self._free:
                self._line.append((time.monotonic(), protocol, environ))
                return
            self._free -= 1
        while True:
            self._answer(protocol, environ)
            with self._lock:
                if not self._line:
                    self._free += 1
                    return
                _, protocol, environ = self._line.popleft()

    def refuse_late(self) -> None:
        """Answer those that have stood in line for LATE_SECONDS."""
        while True:
            with self._lock:
                if not self._line or time.monotonic() - self._line[0][0] < LATE_SECONDS:
                    return
                _, protocol, environ = self._line.popleft()
            self._answer(protocol, environ | {LATE: True})


def in_lanes(answer: Answer, base_path: str = "") -> Answer:
    """The same, each request in its lane; `base_path` is what a proxy's paths may begin with."""

    def safely(protocol: Any, environ: dict[str, Any]) -> None:
        try:
            answer(protocol, environ)
        except Exception:  # noqa: BLE001 - a thread that ends here would keep its place for good
            _log.exception("a request was not answered")
            protocol.response_bytes(500, [], b"")

    work, watch = Lane(safely, PLACES), Lane(safely, WATCH_PLACES)
    threading.Thread(target=_refuse_late, args=(work, watch), daemon=True, name="late").start()

    def dispatch(protocol: Any, environ: dict[str, Any]) -> None:
        path = environ["PATH_INFO"].removeprefix(base_path)
        if path == HEALTH:
            safely(protocol, environ)
        else:
            (watch if path in WATCH else work).take(protocol, environ)

    return dispatch


def tell_late(application: Application) -> Application:
    """The application, behind an answer for requests that stood in line for too long."""

    def told(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if LATE not in environ:
            return application(environ, start_response)
        return refuse(errors.ServerBusy(retry_after_seconds=1), start_response)

    return told


def _refuse_late(*lanes: Lane) -> None:
    while True:
        time.sleep(_LOOK_SECONDS)
        for lane in lanes:
            lane.refuse_late()
