"""kill -9 of a server, a worker, a Dask worker or the Dask scheduler while a report is made, each followed by a restart.

The server makes nothing itself: it hands reports over to two Dask workers. The worker beside it makes reports too.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import time
from collections.abc import Iterator
from typing import Any

from pycemaker.jobs.dask_cluster import DaskCluster
from tests.faults.testbed import Testbed
from tests.services.dask_processes import DaskProcesses, DaskWorker, wait_for

ROLES = ("server", "worker", "Dask worker", "Dask scheduler")
DASK_WORKERS = 2


class Cluster:
    """One process of each role, and one more Dask worker."""

    def __init__(self, bed: Testbed, dask: DaskProcesses) -> None:
        self._bed, self._dask = bed, dask
        self._dask.start_scheduler()
        self._seen_by = DaskCluster(dask.address, hand_over_seconds=0)
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.restart()

    def restart(self) -> None:
        """Start what is not there; returns when a Dask worker takes reports."""
        bed, dask = self._bed, self._dask
        if dask.scheduler is None or dask.scheduler.poll() is not None:
            dask.start_scheduler()
        wait_for(self._has_a_dask_worker)
        for role, given in (
            ("server", {"DASK_SCHEDULER": dask.address, "REPORT_WORKERS": "0"}),
            ("worker", {"REPORT_WORKERS": "1"}),
        ):
            if role not in self._processes:
                self._processes[role] = bed.start_worker(**given)

    def _has_a_dask_worker(self) -> bool:
        """True where one takes reports; those that ended with their scheduler are started again, as systemd does."""
        self._dask.workers = [worker for worker in self._dask.workers if worker.nanny.poll() is None]
        while len(self._dask.workers) < DASK_WORKERS:
            self._dask.start_worker()
        return not self._seen_by.look().is_away

    def kill(self, role: str, owner: str) -> None:
        """Kill -9 a process of this role; of two Dask workers the one that has the report, where one has it."""
        if role == "Dask scheduler":
            self._dask.kill_scheduler()
        elif role == "Dask worker":
            self._worker_of(owner).kill()
        else:
            self._bed.kill(self._processes.pop(role))

    def _worker_of(self, owner: str) -> DaskWorker:
        return next((each for each in self._dask.workers if owner.startswith(each.owner)), self._dask.workers[0])

    def close(self) -> None:
        self._seen_by.close()
        for process in self._processes.values():
            self._bed.kill(process)


def rows(bed: Testbed, dice: random.Random, count: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """So many kills, roles in turn: the role, the report's id, and its job as it stood."""
    dask = DaskProcesses(bed.environment)
    try:
        cluster = Cluster(bed, dask)
        for number in range(count):
            role, report_id = ROLES[number % len(ROLES)], f"cluster-{number}"
            bed.enqueue(report_id)
            _wait_until_begun(bed, report_id)
            time.sleep(dice.uniform(0, 3))
            at = bed.report_service.job_store.get(report_id)
            with contextlib.suppress(AssertionError):  # a Dask worker that is only just starting
                cluster.kill(role, at.get("owner") or "")
            yield role, report_id, at
            cluster.restart()
        cluster.close()
    finally:
        dask.close()


def _wait_until_begun(bed: Testbed, report_id: str) -> None:
    wait_for(lambda: bed.report_service.job_store.get(report_id)["state"] != "queued")
