"""The slot of one render worker: its report process, or the spare one that is warm for the next report."""

import threading
from collections.abc import Mapping

from pycemaker.jobs.report_process import ReportProcess
from pycemaker.jobs.worker_template import WorkerTemplate


class WarmSlot:
    """Holds at most one report process. Threads share it. `template`: forks them; None where none can be forked."""

    def __init__(self, environment: Mapping[str, str], template: WorkerTemplate | None = None) -> None:
        self.environment = dict(environment)
        self._template = template
        self._lock = threading.Lock()
        self._process: ReportProcess | None = None

    def acquire(self) -> ReportProcess:
        """The slot's process; a new one where there is none, or it has ended."""
        with self._lock:
            if self._process is None or not self._process.is_alive:
                if self._process is not None:
                    self._process.kill()
                self._process = ReportProcess(self.environment, template=self._template)
            return self._process

    def kill(self) -> None:
        """End the process and all that it started. A second call does nothing."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()
