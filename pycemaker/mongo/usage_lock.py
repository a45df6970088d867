"""Lock file that processes share while they use something, so that the last one to leave knows that it is the last.

The operating system drops a process's share when it ends, however it ends. Where there are no such locks (Windows)
every call succeeds, and the process that started the thing counts as the last one.
"""

import os
import time
from pathlib import Path

__all__ = ["UsageLock", "fcntl"]

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


class UsageLock:
    """One process's share in a file. `path`: created where it is missing; its folder must exist."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)

    def share(self, wait_seconds: float) -> bool:
        """Share it with other processes; False where one held it alone for that long."""
        return self._lock("share", wait_seconds)

    def take(self, wait_seconds: float = 0.0) -> bool:
        """Hold it alone; False where others still share it. A share held before is given up."""
        return self._lock("alone", wait_seconds)

    def release(self) -> None:
        """Give it up. May be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _lock(self, kind: str, wait_seconds: float) -> bool:
        if fcntl is None:
            return True
        flags = (fcntl.LOCK_SH if kind == "share" else fcntl.LOCK_EX) | fcntl.LOCK_NB
        until = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(self._descriptor, flags)
                return True
            except BlockingIOError:
                if time.monotonic() >= until:
                    return False
                time.sleep(0.05)
