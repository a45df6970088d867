"""Dask cluster of DASK_SCHEDULER, as a server sees it: hands claimed reports to workers that have a free slot.

A report's id and the owner name of its claim are all that goes over Dask, and nothing comes back. The Dask worker
(`dask_worker`) takes the claim over in MongoDB before it makes the report. A claim that none takes over in time is
released. Two servers may so see the same free slot, and Dask may run a task twice: one of them makes the report.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future as Connecting
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pycemaker.errors import DatabaseUnreachable, UnknownReport
from pycemaker.jobs import states

if TYPE_CHECKING:
    from distributed import Client, Future

    from pycemaker.jobs.job_document import JobDocument
    from pycemaker.jobs.job_store import JobStore

SLOT = "report"
"""The Dask resource of which a worker has one for each report that it makes at a time."""

PLUGIN = "pycemaker"
"""The name of the worker plugin, and of what the worker says of itself when it registers."""

_CONNECT_SECONDS = 3.0
_LOOK_SECONDS = 5.0
_ASIDE_SECONDS = 30.0  # For a worker that did not take a report over
_POLL_SECONDS = 0.01
_log = logging.getLogger(__name__)


def make(report_id: str, claimed_as: str) -> None:
    """Make a report; the task of the Dask worker, whose scheduler imports this module too."""
    from distributed import get_worker

    plugin: Any = get_worker().plugins[PLUGIN]
    plugin.make(report_id, claimed_as)


def versions() -> dict[str, str]:
    """The versions here of those that have to be the same in the whole cluster."""
    return {"python": _minor(sys.version.split()[0])} | {name: version(name) for name in ("pycemaker", "distributed")}


def owner_of(address: str) -> str:
    """The owner name of a Dask worker, by its address: `dask-10.0.0.7:40123`."""
    return f"dask-{address.rpartition('/')[2]}"


@dataclass(frozen=True)
class ClusterState:
    """The state of the cluster at the last look.

    Attributes:
        slots: the reports that each worker makes at a time, by its address; of workers that are not refused.
        busy: the reports that each makes now.
        refused: the reason for each worker that gets no report, by its owner name; of the scheduler too.
        fault: the reason for which the cluster does not answer; empty where it does.
    """

    slots: Mapping[str, int] = field(default_factory=dict)
    busy: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""

    @property
    def is_away(self) -> bool:
        """True where no worker of the cluster makes reports."""
        return not self.slots

    def __str__(self) -> str:
        """One line for operators."""
        lines = [f"{owner_of(each)} makes {self.busy.get(each, 0)} of {slots}" for each, slots in self.slots.items()]
        lines += [f"{name} is left out: {reason}" for name, reason in self.refused.items()]
        return self.fault or "; ".join(lines) or "the scheduler answers, and has no worker"


class DaskCluster:
    """Hands reports to the workers of a cluster. One thread calls `has_room` and `hand_over`; any reads `state`.

    Args:
        address: of the scheduler, `tcp://host:port`.
        hand_over_seconds: for how long a worker may take to take a report over; less than the lease of a claim.
    """

    def __init__(self, address: str, hand_over_seconds: float) -> None:
        self._address = address
        self._hand_over_seconds = hand_over_seconds
        self._client: Client | None = None
        self._connecting: Connecting[Client] | None = None
        self._scheduler_versions: dict[str, Any] = {}
        self._aside: dict[str, float] = {}
        self._next = ""
        self.state: ClusterState | None = None

    @property
    def is_away(self) -> bool:
        """True where no worker makes reports; False also before the first look."""
        return self.state is not None and self.state.is_away

    def look(self) -> ClusterState:
        """Look at the cluster; connects to it first where that is to be done."""
        try:
            client = self._connected()
            found: ClusterState = client.sync(self._read_state, client.scheduler, callback_timeout=_LOOK_SECONDS)
        except Exception as error:  # noqa: BLE001 - Dask names no base class of what it raises
            self.close()
            found = ClusterState(fault=f"the scheduler does not answer ({type(error).__name__})")
        self.state = found
        return found

    def has_room(self) -> bool:
        """True where a worker has a free slot; the next report goes to the one that has most of them."""
        before, state, now = self.state, self.look(), time.monotonic()
        if before is None or (state.is_away, state.refused) != (before.is_away, before.refused):
            (_log.warning if state.is_away or state.refused else _log.info)("Dask cluster: %s", state)
        free = {each: slots - state.busy[each] for each, slots in state.slots.items() if self._aside.get(each, 0) < now}
        self._next = max(free, key=lambda each: free[each], default="")
        return free.get(self._next, 0) > 0

    def hand_over(self, job_store: JobStore, on_end: Callable[[], None], job: JobDocument) -> None:
        """Hand a claimed report to the worker that `has_room` chose; release it where that does not take it over.

        Args:
            on_end: called when the worker is done.

        Raises:
            DatabaseUnreachable: the report is taken up again when its lease has lapsed.
        """
        from pycemaker.jobs.job_store import LeaseLost

        report_id, owner = str(job["_id"]), str(job["owner"])
        task = self._submit(report_id, owner, on_end)
        until = time.monotonic() + self._hand_over_seconds
        while task is not None and time.monotonic() < until:
            ended = task.done()
            with contextlib.suppress(DatabaseUnreachable, UnknownReport):
                if job_store.get(report_id).get("owner") != owner:
                    return
            if ended:
                break
            time.sleep(_POLL_SECONDS)
        self._aside[self._next] = time.monotonic() + _ASIDE_SECONDS
        with contextlib.suppress(LeaseLost):  # it was taken over just now
            job_store.with_owner(owner).release(report_id, states.QUEUED, runs=job["runs"] - 1)
            _log.warning("report %s: %s did not take it over", report_id, owner_of(self._next))

    def close(self) -> None:
        """Leave the cluster. Reports that were handed over are made all the same."""
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):
                client.close(timeout=1)

    def _submit(self, report_id: str, owner: str, on_end: Callable[[], None]) -> Future[None] | None:
        """The task on the chosen worker; None where the cluster has gone."""
        from distributed import fire_and_forget

        try:
            task = self._connected().submit(
                make,
                report_id,
                owner,
                key=f"{SLOT}-{secrets.token_hex(8)}",  # Dask's dashboard shows it: a report's id would open its page
                workers=[self._next],
                allow_other_workers=False,
                resources={SLOT: 1},
                pure=False,
                retries=0,
            )
            fire_and_forget(task)  # else it would count no more once this server has died
            task.add_done_callback(lambda _task: on_end())
        except Exception as error:  # noqa: BLE001 - as in `look`
            _log.warning("Dask cluster: report %s was not handed over (%s)", report_id, type(error).__name__)
            return None
        return task

    def _connected(self) -> Client:
        """The client. A thread waits for it: for a scheduler that answers nothing Dask has no deadline."""
        if self._client is None:
            if (connecting := self._connecting) is None:
                self._connecting = connecting = Connecting()
                threading.Thread(target=self._connect, args=(connecting,), daemon=True, name="dask").start()
            try:
                self._client, self._scheduler_versions = connecting.result(2 * _CONNECT_SECONDS), {}
            finally:
                self._connecting = None if connecting.done() else connecting
        return self._client

    def _connect(self, connecting: Connecting[Client]) -> None:
        try:
            url = urlsplit(self._address)
            socket.create_connection((str(url.hostname), url.port or 0), _CONNECT_SECONDS).close()
            from distributed import Client

            connecting.set_result(
                Client(self._address, timeout=_CONNECT_SECONDS, set_as_default=False, name="pycemaker")
            )
        except Exception as error:  # noqa: BLE001 - `look` says so
            connecting.set_exception(error)

    async def _read_state(self, scheduler: Any) -> ClusterState:
        if not self._scheduler_versions:
            packages = (await scheduler.versions(packages=["pycemaker"]))["packages"]
            self._scheduler_versions = packages | {"python": _minor(packages["python"])}
        if reason := _difference(self._scheduler_versions):
            return ClusterState(refused={"the scheduler": reason})
        workers = (await scheduler.identity(n_workers=-1))["workers"]
        tasks = await scheduler.processing(workers=None)
        reasons = {address: _refusal(worker) for address, worker in workers.items()}
        usable = [each for each, worker in workers.items() if not reasons[each] and worker["status"] == "running"]
        return ClusterState(
            {each: int(min(workers[each]["resources"][SLOT], workers[each]["nthreads"])) for each in usable},
            {each: len(tasks.get(each, ())) for each in usable},
            {owner_of(address): reason for address, reason in reasons.items() if reason},
        )


def _refusal(worker: Mapping[str, Any]) -> str:
    """The reason for which a worker gets no report; empty for one that gets some."""
    if PLUGIN not in worker:
        return "it was started without --preload pycemaker.jobs.dask_worker"
    return _difference(worker[PLUGIN])


def _difference(theirs: Mapping[str, Any]) -> str:
    """The versions that differ from those here, in words; empty where none does."""
    pairs = {name: (theirs.get(name), ours) for name, ours in versions().items()}
    return ", ".join(f"{name} {a or 'is missing'} there, {b} here" for name, (a, b) in pairs.items() if a != b)


def _minor(python: str) -> str:
    return ".".join(python.split(".")[:2])
