"""Log lines: text for people, or one JSON object a line; with the request's id, without secrets."""

import json
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

from pycemaker.settings import Settings
from pycemaker.telemetry.request_ids import REQUEST_ID
from pycemaker.telemetry.secret_masker import Masker
from pycemaker.window import to_iso_text

GRANIAN: dict[str, Any] = {"handlers": {}, "loggers": {"_granian": {"handlers": [], "propagate": True}}}
"""Granian's own lines go where all others go, instead of to standard output."""

_NAME = "pycemaker"
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160), 0x2028, 0x2029) if code != 9}
_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "request_id", "taskName"}


class Formatter(logging.Formatter):
    """Writes a record as one line of text, or as JSON. `request_id`: of records without one, in threads without one."""

    def __init__(self, mask: Masker, *, as_json: bool, request_id: str = "") -> None:
        super().__init__()
        self._request_id = request_id
        self._mask = mask
        self._as_json = as_json

    def format(self, record: logging.LogRecord) -> str:
        """The record, with the id of the request that this thread works on; a traceback follows on lines of its own."""
        fields = {
            "time": to_iso_text(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._mask(record.getMessage()),
        }
        if request_id := getattr(record, "request_id", "") or REQUEST_ID.get() or self._request_id:
            fields["request_id"] = request_id
        more = {name: self._clean(extra) for name, extra in vars(record).items() if name not in _STANDARD}
        fault = self._fault(record)
        if self._as_json:
            return json.dumps(fields | more | ({"exception": fault} if fault else {}), default=str)
        return _as_text(fields, more) + (f"\n{fault}" if fault else "")

    def _clean(self, extra: Any) -> Any:
        return extra if isinstance(extra, (int, float, type(None))) else self._mask(str(extra))

    def _fault(self, record: logging.LogRecord) -> str:
        if not record.exc_info:
            return ""
        return self._mask("".join(traceback.format_exception(*record.exc_info)).rstrip())


def _as_text(fields: dict[str, str], more: dict[str, Any]) -> str:
    """One line for people; control characters of a request neither break it nor move the cursor."""
    request = f" [{fields['request_id']}]" if "request_id" in fields else ""
    extras = "".join(f" {name}={value}" for name, value in more.items())
    line = f"{fields['time']} {fields['level'].upper()}{request} {fields['message']}{extras}"
    return line.translate(_CONTROL)


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to the current `sys.stderr`, which tests and kernels replace."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        super().emit(record)


class _Relay(logging.Handler):
    """Hands each formatted record to a function."""

    def __init__(self, write: Callable[[str], None]) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._write(self.format(record))
        except Exception:  # noqa: BLE001 - as in every handler
            self.handleError(record)


def write_line(line: str) -> None:
    """Write a line to standard error that another process has formatted and masked."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def set_up(settings: Settings, *, request_id: str = "", write: Callable[[str], None] | None = None) -> None:
    """Send this process's log lines to standard error, as the settings say. The last time counts.

    Args:
        request_id: of the one request that this process serves, in all its threads.
    """
    handler = _Relay(write) if write else _StandardError()
    as_json = settings.log_format == "json"
    handler.setFormatter(Formatter(Masker(settings.secrets), as_json=as_json, request_id=request_id))
    handler.set_name(_NAME)
    root = logging.getLogger()
    for before in [each for each in root.handlers if each.get_name() == _NAME]:
        root.removeHandler(before)
    root.addHandler(handler)
    logging.getLogger(_NAME).setLevel(logging.INFO)


def log_uncaught() -> None:
    """Log errors that end this process or one of its threads, and warnings."""
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught_in_process
    threading.excepthook = _uncaught_in_thread


def _uncaught_in_process(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger(_NAME).critical("nobody caught this", exc_info=(kind, error, trace))


def _uncaught_in_thread(hook: threading.ExceptHookArgs) -> None:
    if hook.exc_type is not SystemExit and hook.exc_value is not None:
        name = hook.thread.name if hook.thread else "a thread"
        fault = (hook.exc_type, hook.exc_value, hook.exc_traceback)
        logging.getLogger(_NAME).critical("nobody caught this in %s", name, exc_info=fault)
