"""What a Dask worker of the tests loads: reports with the short lease of `tests.faults.worker`, or a made-up fault.

`DASK_WORKER_FAULT` is `old` for a worker that says that its Pycemaker is 0.0.1, `idle` for one that takes no report over.
"""

from __future__ import annotations

import os
from dataclasses import replace

from distributed import Worker

from pycemaker.jobs.dask_cluster import PLUGIN, versions
from pycemaker.jobs.dask_worker import ReportPlugin
from pycemaker.jobs.service_factory import report_settings_of
from pycemaker.settings import load


class Idle(ReportPlugin):
    def make(self, report_id: str, claimed_as: str) -> None:
        return


async def dask_setup(worker: Worker) -> None:
    settings, fault = load(), os.environ.get("DASK_WORKER_FAULT")
    report_settings = replace(report_settings_of(settings), lease_seconds=2.0)
    await worker.plugin_add((Idle if fault == "idle" else ReportPlugin)(settings, report_settings), catch_errors=False)
    if fault == "old":
        worker.startup_information[PLUGIN] = lambda _worker: versions() | {"pycemaker": "0.0.1"}
