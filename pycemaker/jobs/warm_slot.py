"""Where one maker works: the process of the report at hand, or the spare that stands ready for the next."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from pycemaker.jobs.subprocess_runner import ReportProcess


class WarmSlot:
    """Holds one runner at most. Threads share it.

    Args:
        environment: the variables of its runners.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self._lock = threading.Lock()
        self._runner: ReportProcess | None = None

    def acquire(self) -> ReportProcess:
        """The runner that stands here; a new one where there is none, or one that has ended."""
        with self._lock:
            if self._runner is None or not self._runner.is_alive:
                if self._runner is not None:
                    self._runner.kill()
                self._runner = ReportProcess(self.environment)
            return self._runner

    def kill(self) -> None:
        """End the runner and whatever it started. Twice is once."""
        with self._lock:
            runner, self._runner = self._runner, None
        if runner is not None:
            runner.kill()
