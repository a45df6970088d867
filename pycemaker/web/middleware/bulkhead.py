"""Bulkheads: slots for requests of each kind, so that probes find a thread when all others wait.

Granian runs a WSGI application on its own threads, first come, first served: where all of them wait for something, a
health check waits with them. Here a thread that finds every slot taken queues its request and is free again; a thread
with a slot goes on with the queue. So there is always a thread for `/health`, and a request changes threads only where
every slot is taken.

Granian has no setting for this. It calls the application by a function that gets the answer's other end (`protocol`)
beside the request, so that another thread may answer it later; `with_bulkheads` goes around that function.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from pycemaker import errors
from pycemaker.mongo import caller_deadline
from pycemaker.web.error_handlers import refuse
from pycemaker.web.wsgi import Application, Environ, StartResponse

HEALTH = "/health"
PROBES = frozenset({"/ready", "/metrics"})
"""Probes that may wait for what they check, and so are few at a time. HEALTH checks nothing."""

SLOTS, PROBE_SLOTS, SPARE_SLOTS = 112, 4, 4
"""For requests (48 may wait for a report, 32 hold a long answer, 16 wait for a body), for PROBES, for HEALTH."""

THREADS = SLOTS + PROBE_SLOTS + SPARE_SLOTS
"""The threads that Granian needs: one for each slot, and some to queue requests."""

QUEUE_SECONDS = 2.5
"""The seconds that a request stays in the queue before its 503, so that no caller waits 3 s for it."""

EXPIRED, ARRIVED = "pycemaker.late", "pycemaker.arrived"
"""In the environ of a request that was queued: for QUEUE_SECONDS, so that it is answered with 503; the monotonic
instant of its arrival."""

_LOOK_SECONDS = 0.25
_log = logging.getLogger(__name__)

Answer = Callable[[Any, dict[str, Any]], Any]
"""Answers a request: takes Granian's protocol and the environ."""


class Bulkhead:
    """Slots for requests, and a queue for those that find none. Threads share it.

    Args:
        answer: answers one request, and raises nothing.
    """

    def __init__(self, answer: Answer, slots: int) -> None:
        self._answer = answer
        self._free = slots
        self._lock = threading.Lock()
        self._queue: deque[tuple[float, Any, dict[str, Any]]] = deque()

    def take(self, protocol: Any, environ: dict[str, Any]) -> None:
        """Answer the request, and then the queue; or queue it where every slot is taken."""
        with self._lock:
            if not self._free:
                self._queue.append((time.monotonic(), protocol, environ))
                return
            self._free -= 1
        while True:
            self._answer(protocol, environ)
            with self._lock:
                if not self._queue:
                    self._free += 1
                    return
                arrived, protocol, environ = self._queue.popleft()
                environ[ARRIVED] = arrived

    def expire(self) -> None:
        """Answer those that have been in the queue for QUEUE_SECONDS."""
        while True:
            with self._lock:
                if not self._queue or time.monotonic() - self._queue[0][0] < QUEUE_SECONDS:
                    return
                _, protocol, environ = self._queue.popleft()
            self._answer(protocol, environ | {EXPIRED: True})


def with_bulkheads(answer: Answer, base_path: str = "") -> Answer:
    """The same with a bulkhead for each kind of request; `base_path` is what a proxy's paths may begin with."""

    def safely(protocol: Any, environ: dict[str, Any]) -> None:
        try:
            answer(protocol, environ)
        except Exception:  # noqa: BLE001 - a thread that ends here would keep its slot for good
            _log.exception("a request was not answered")
            protocol.response_bytes(500, [], b"")

    requests, probes = Bulkhead(safely, SLOTS), Bulkhead(safely, PROBE_SLOTS)
    threading.Thread(target=_expire_queued, args=(requests, probes), daemon=True, name="late").start()

    def dispatch(protocol: Any, environ: dict[str, Any]) -> None:
        path = environ["PATH_INFO"].removeprefix(base_path)
        if path == HEALTH:
            safely(protocol, environ)
        else:
            (probes if path in PROBES else requests).take(protocol, environ)

    return dispatch


def refuse_expired(application: Application) -> Application:
    """The application; requests that were in the queue for too long are answered with 503 before it.

    Others that were in it give MongoDB what is left of their time.
    """

    def answer(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if EXPIRED in environ:
            return refuse(errors.ServerBusy(retry_after_seconds=1), start_response)
        if ARRIVED not in environ:
            return application(environ, start_response)
        with caller_deadline.answering(environ[ARRIVED]):
            return application(environ, start_response)

    return answer


def _expire_queued(*bulkheads: Bulkhead) -> None:
    while True:
        time.sleep(_LOOK_SECONDS)
        for bulkhead in bulkheads:
            bulkhead.expire()
