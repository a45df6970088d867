"""Log of what a report's processes write: the lines that its worker process logs, and whatever its cells write.

Python's `print` in a cell goes into the notebook. What goes to the descriptors themselves (`os.write`, a program's
output, a crash) arrives in a pipe, from processes that may write anything, as much as they like.
"""

import logging
import time
from typing import IO

from pycemaker.telemetry import logs

MOST_BYTES = 64 << 10  # The most that is logged of what one report's cells write, in bytes
MOST_CHARACTERS = 1 << 20
"""The most that is logged of what one worker process logs, which may quote a notebook."""

_LINE_BYTES = 4096
_LEFT_OUT_BYTES, _PAUSE_SECONDS = 64 << 10, 0.01
"""What exceeds MOST_BYTES is read at this pace at most, so that a flood slows the one who writes it."""

_log = logging.getLogger(__name__)


class ProcessOutput:
    """One report's output, written to this process's log.

    Args:
        report_id: the report; empty before a warm process has one.
    """

    def __init__(self) -> None:
        self.report_id = self.request_id = ""
        self._characters_left = MOST_CHARACTERS

    def relay(self, line: str) -> None:
        """Write a line that the worker process has formatted and masked."""
        if self._characters_left > 0:
            logs.write_line(line[: self._characters_left])
        self._characters_left -= len(line)

    def follow(self, pipe: IO[bytes]) -> None:
        """Log the lines of the pipe until its writers have closed it; of a long line the beginning."""
        bytes_left = MOST_BYTES
        with pipe:
            while bytes_left > 0 and (line := pipe.readline(_LINE_BYTES)):
                bytes_left -= max(len(line), 64)
                self._note(line.decode(errors="replace").strip())
            if bytes_left <= 0:
                self._note(f"(more than {MOST_BYTES} bytes: the rest is left out)")
            while pipe.read(_LEFT_OUT_BYTES):
                time.sleep(_PAUSE_SECONDS)

    def _note(self, text: str) -> None:
        if text:
            who = f"report {self.report_id}" if self.report_id else "a report's process"
            _log.warning("%s wrote: %s", who, text, extra={"request_id": self.request_id})
