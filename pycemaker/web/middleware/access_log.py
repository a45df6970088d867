"""Gives each request its id, on its answer and in its log lines. Writes the access log of reports and faults.

Polls are not logged: there are thousands a second, and `/metrics` counts them.
"""

import logging
import time
from collections.abc import Iterable
from typing import Any

from pycemaker.parsing.route_paths import REPORT_PREFIX, REPORTS_PATH, without_application
from pycemaker.reports.artifact_names import FIGURES
from pycemaker.telemetry.request_ids import REQUEST_ID, request_id_from
from pycemaker.web.wsgi import Application, Environ, StartResponse, loggable

_LOGGED = (REPORT_PREFIX, REPORTS_PATH)
_log = logging.getLogger("pycemaker.access")


class _Discard:
    """Discards what Bottle writes about a fault, which is logged here with its traceback and without secrets."""

    def write(self, _text: str) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""


def log_requests(application: Application) -> Application:
    """The application, its requests with an id: the caller's own `X-Request-Id` where it is sane, else a new one."""
    perf_counter, nowhere = time.perf_counter, _Discard()

    def identified(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        began = perf_counter()
        request_id = request_id_from(environ.get("HTTP_X_REQUEST_ID"))
        REQUEST_ID.set(request_id)
        environ["wsgi.errors"] = nowhere

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            if status[0] == "5" or _is_logged(without_application(environ["PATH_INFO"])):
                _log_answer(environ, status, perf_counter() - began, exc_info)
            headers = [*headers, ("X-Request-Id", request_id)]
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        return application(environ, start)

    return identified


def _is_logged(path: str) -> bool:
    """True for the paths of reports, but for their figures: each page would bring a dozen lines."""
    return path.startswith(_LOGGED) and f"/{FIGURES}" not in path


def _log_answer(environ: Environ, status: str, seconds: float, exc_info: Any) -> None:
    level = logging.ERROR if exc_info else logging.INFO
    _log.log(
        level,
        "%s %s",
        environ["REQUEST_METHOD"][:20],
        loggable(environ["PATH_INFO"]),
        exc_info=exc_info,
        extra={"status": int(status[:3]), "ms": round(seconds * 1000, 1), "caller": environ.get("REMOTE_ADDR", "")},
    )
