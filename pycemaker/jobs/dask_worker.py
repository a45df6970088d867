"""Dask worker's side of reports: `dask worker ADDRESS --preload pycemaker.jobs.dask_worker`.

The worker reads settings of its own, as a server does. It takes the claim of a report over in MongoDB, renews its
lease, and writes files and state there. It sends no mail.
"""

import logging
import os
import queue
from dataclasses import replace

from distributed import Worker, WorkerPlugin

from pycemaker import errors
from pycemaker.jobs.dask_cluster import PLUGIN, SLOT, owner_of, versions
from pycemaker.jobs.process_tree import forbid_reading
from pycemaker.jobs.report_settings import ReportSettings
from pycemaker.jobs.service_factory import make_report_service, report_settings_of
from pycemaker.jobs.warm_slot import WarmSlot
from pycemaker.mongo.database import open_database
from pycemaker.settings import Settings, load
from pycemaker.telemetry import logs

_log = logging.getLogger(__name__)


class ReportPlugin(WorkerPlugin):
    """Makes reports in warm processes that a template process forks, one for each slot of its Dask worker.

    Args:
        report_settings: those of reports; `report_workers` among them is the worker's number of slots instead.
    """

    name = PLUGIN

    def __init__(self, settings: Settings, report_settings: ReportSettings) -> None:
        self._settings, self._report_settings = settings, report_settings

    def setup(self, worker: Worker) -> None:
        """Prepare the slots: as many as the worker has of the resource, else one a thread."""
        resources = worker.state.total_resources
        slots = int(resources.setdefault(SLOT, worker.state.nthreads))
        worker.state.available_resources.setdefault(SLOT, slots)
        worker.startup_information[PLUGIN] = lambda _worker: versions()
        database = open_database(self._settings.mongo_db_url, self._settings.data_dir)
        report_settings = replace(self._report_settings, report_workers=slots)
        self._service = make_report_service(
            self._settings,
            database,
            os.environ,
            keep_spare=True,
            report_settings=report_settings,
            owner=owner_of(worker.address),
        )
        self._service.start_upkeep()
        self._idle: queue.SimpleQueue[WarmSlot] = queue.SimpleQueue()
        for slot in self._service.slots:
            slot.acquire()
            self._idle.put(slot)

    def make(self, report_id: str, claimed_as: str) -> None:
        """Make a report that was claimed under this name; nothing where it has another owner by now.

        It raises nothing: Dask would carry the error's text to its scheduler.
        """
        slot = self._idle.get()
        try:
            if job := self._service.job_store.with_owner().take_over(report_id, claimed_as):
                self._service.render(job, slot)
        except Exception:  # noqa: BLE001 - see above
            _log.exception("report %s could not be worked on", report_id)
        finally:
            self._idle.put(slot)


async def dask_setup(worker: Worker) -> None:
    """Prepare a Dask worker. It ends where its settings or its database cannot be used."""
    forbid_reading()
    try:
        settings = load()
        logs.set_up(settings)
        await worker.plugin_add(ReportPlugin(settings, report_settings_of(settings)), catch_errors=False)
    except errors.PycemakerError as error:
        raise SystemExit(str(error)) from None
