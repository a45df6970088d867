"""Reports by a Dask cluster: real schedulers and workers on loopback, over a real mongod and a mail server."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme

from pycemaker.cache.sample_store import Store
from pycemaker.jobs.dask_cluster import ClusterState, DaskCluster
from pycemaker.jobs.service_factory import make_report_service
from pycemaker.settings import from_mapping
from pycemaker.telemetry.check_runner import Outcome
from pycemaker.tools.service_checks import check_dask
from pycemaker.web.prometheus_text import exposition
from pycemaker.web.readiness import readiness
from pycemaker.web.services import Services
from tests.faults import testbed
from tests.services.dask_processes import PRELOAD, DaskProcesses, wait_for

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the workers are forked")


@pytest.fixture(scope="module")
def bed() -> Iterator[testbed.Testbed]:
    with testbed.testbed() as made:
        yield made


@pytest.fixture
def dask(bed: testbed.Testbed) -> Iterator[DaskProcesses]:
    """A scheduler; the server that the test starts hands its reports over, and makes none while the cluster is away."""
    processes = DaskProcesses(bed.environment)
    processes.start_scheduler()
    bed.environment |= {"DASK_SCHEDULER": processes.address, "REPORT_WORKERS": "0"}
    yield processes
    for server in list(bed.workers):
        bed.kill(server)
    processes.close()


def wait_for_state(dask: DaskProcesses, is_so: Callable[[ClusterState], bool]) -> ClusterState:
    """The state of the cluster, once it is so."""
    with closing(DaskCluster(dask.address, 1)) as cluster:
        wait_for(lambda: is_so(cluster.look()))
        return cluster.look()


def wait_for_slots(dask: DaskProcesses, slots: int) -> None:
    wait_for_state(dask, lambda state: sum(state.slots.values()) == slots)


def wait_until_made_by(bed: testbed.Testbed, report_id: str, stage: str = "notebook") -> str:
    """The name of whoever makes the report, once it is at this stage."""

    def job() -> dict[str, Any]:
        return bed.report_service.job_store.get(report_id)

    wait_for(lambda: job()["state"] == "running" and job()["stage"] == stage)
    return str(job()["owner"]).partition("/")[0]


def test_a_dask_worker_makes_a_report_which_is_mailed_once(bed: testbed.Testbed, dask: DaskProcesses) -> None:
    worker = dask.start_worker(slots=2, preload=PRELOAD)
    wait_for_slots(dask, 2)
    bed.start_worker()
    bed.enqueue("made-by-dask")
    assert wait_until_made_by(bed, "made-by-dask") == worker.owner
    assert bed.report_service.job_store.count_by_worker() == {worker.owner: 1}
    job = bed.ended("made-by-dask")
    assert (job["state"], job["runs"]) == ("sent", 1)
    assert bed.mails()["made-by-dask@example.com"] == 1
    assert "made-by-dask" not in dask.said().replace("report made-by-dask: made", "")


def test_another_worker_makes_the_report_of_one_that_was_killed(bed: testbed.Testbed, dask: DaskProcesses) -> None:
    workers = {worker.owner: worker for worker in (dask.start_worker(), dask.start_worker())}
    wait_for_slots(dask, 2)
    bed.start_worker()
    bed.enqueue("killed")
    killed = wait_until_made_by(bed, "killed")
    workers[killed].kill()
    wait_for(lambda: bed.report_service.job_store.get("killed")["runs"] == 2)
    job = bed.ended("killed")
    assert (job["state"], job["runs"]) == ("sent", 2)
    assert bed.mails()["killed@example.com"] == 1


def test_reports_wait_for_a_scheduler_that_was_killed(bed: testbed.Testbed, dask: DaskProcesses) -> None:
    dask.start_worker()
    wait_for_slots(dask, 1)
    bed.start_worker()
    bed.enqueue("before")
    wait_until_made_by(bed, "before")
    dask.kill_scheduler()
    assert bed.ended("before")["state"] == "sent"  # its worker ends when it has made what it began
    bed.enqueue("waits")
    time.sleep(4)
    assert bed.report_service.job_store.get("waits")["state"] == "queued"
    dask.start_scheduler()
    dask.start_worker()
    assert bed.ended("waits")["state"] == "sent"
    assert [bed.mails()[f"{name}@example.com"] for name in ("before", "waits")] == [1, 1]


def test_a_server_makes_reports_itself_where_the_scheduler_was_killed(
    bed: testbed.Testbed, dask: DaskProcesses
) -> None:
    bed.environment["REPORT_WORKERS"] = "1"
    worker = dask.start_worker()
    wait_for_slots(dask, 1)
    bed.start_worker()
    bed.enqueue("there")
    assert wait_until_made_by(bed, "there") == worker.owner
    dask.kill_scheduler()
    bed.enqueue("here")
    assert not wait_until_made_by(bed, "here").startswith("dask-")
    assert [bed.ended(name)["state"] for name in ("there", "here")] == ["sent", "sent"]
    assert [bed.mails()[f"{name}@example.com"] for name in ("there", "here")] == [1, 1]


@pytest.mark.parametrize("at", ["start", "work"])
def test_a_server_makes_reports_itself_where_the_scheduler_is_stopped(
    bed: testbed.Testbed, dask: DaskProcesses, at: str
) -> None:
    bed.environment["REPORT_WORKERS"] = "1"
    assert dask.scheduler is not None
    dask.start_worker()
    wait_for_slots(dask, 1)
    if at == "start":
        dask.scheduler.send_signal(signal.SIGSTOP)
    bed.start_worker()
    time.sleep(2)
    dask.scheduler.send_signal(signal.SIGSTOP)
    bed.enqueue(f"stopped-at-{at}")
    assert not wait_until_made_by(bed, f"stopped-at-{at}").startswith("dask-")
    dask.scheduler.send_signal(signal.SIGCONT)
    assert bed.ended(f"stopped-at-{at}")["state"] == "sent"
    assert bed.mails()[f"stopped-at-{at}@example.com"] == 1
    bed.enqueue(f"back-at-{at}")
    assert wait_until_made_by(bed, f"back-at-{at}").startswith("dask-")
    assert bed.ended(f"back-at-{at}")["state"] == "sent"


def test_a_report_that_a_worker_does_not_take_over_goes_to_another(bed: testbed.Testbed, dask: DaskProcesses) -> None:
    dask.start_worker(slots=2, DASK_WORKER_FAULT="idle")  # with more free slots it is asked first
    dask.start_worker()
    wait_for_slots(dask, 3)
    bed.start_worker()
    bed.enqueue("left")
    job = bed.ended("left")
    assert (job["state"], job["runs"]) == ("sent", 1)
    assert [entry["state"] for entry in job["history"]].count("running") == 2
    assert bed.mails()["left@example.com"] == 1


def test_a_worker_of_another_version_or_without_the_preload_is_refused(
    bed: testbed.Testbed, dask: DaskProcesses
) -> None:
    old = dask.start_worker(DASK_WORKER_FAULT="old")
    bare = dask.start_worker(preload="")
    state = wait_for_state(dask, lambda state: len(state.refused) == 2)
    assert state.is_away
    assert state.refused == {
        old.owner: "pycemaker 0.0.1 there, 1.0.0 here",
        bare.owner: "it was started without --preload pycemaker.jobs.dask_worker",
    }
    outcome = check_dask(dask.address)
    assert outcome.level == "fail"
    assert f"{old.owner} is left out: pycemaker 0.0.1 there, 1.0.0 here" in outcome.message


def test_ready_metrics_and_doctor_say_what_the_cluster_does(bed: testbed.Testbed, dask: DaskProcesses) -> None:
    worker = dask.start_worker(slots=2)
    wait_for_slots(dask, 2)
    settings = from_mapping(bed.environment)
    service = make_report_service(settings, bed.database, bed.environment, keep_spare=False)
    services = Services(settings, Store(bed.database), service)
    assert service.cluster is not None
    service.cluster.look()
    outcomes = {result.name: result.outcome for result in readiness(services).results()}
    assert outcomes["dask"] == Outcome("ok", figures={"slots": 2, "busy": 0, "refused": 0})
    text, _ = exposition(services, readiness(services))("text/plain")
    assert b'pycemaker_dask_slots{state="free"} 2.0' in text
    assert check_dask(dask.address) == Outcome("ok", f"{worker.owner} makes 0 of 2")
    dask.kill_scheduler()
    service.cluster.look()
    outcome = {result.name: result.outcome for result in readiness(services).results()}["dask"]
    assert (outcome.level, outcome.figures["slots"]) == ("warn", 0)
    assert "esperam por ele" in outcome.message
    assert check_dask(dask.address).message == "the scheduler does not answer (ConnectionRefusedError)"
    service.close()


def test_a_cluster_with_tls_makes_reports(bed: testbed.Testbed, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "cert.pem"))
    tls = {"DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "true"}
    tls["DASK_DISTRIBUTED__COMM__TLS__CA_FILE"] = str(tmp_path / "ca.pem")
    for role, part in itertools.product(("SCHEDULER", "WORKER", "CLIENT"), ("CERT", "KEY")):
        tls[f"DASK_DISTRIBUTED__COMM__TLS__{role}__{part}"] = str(tmp_path / "cert.pem")
    dask = DaskProcesses(bed.environment | tls, protocol="tls")
    try:
        dask.start_scheduler()
        worker = dask.start_worker()
        bed.start_worker(**tls, DASK_SCHEDULER=dask.address, REPORT_WORKERS="0")
        bed.enqueue("by-tls")
        assert wait_until_made_by(bed, "by-tls") == worker.owner
        assert bed.ended("by-tls")["state"] == "sent"
    finally:
        dask.close()


def test_cells_get_no_variable_of_dask(bed: testbed.Testbed, dask: DaskProcesses) -> None:
    dask.start_worker(preload=PRELOAD)
    wait_for_slots(dask, 1)
    names = {name for process in testbed.left_behind(bed.folder) for name in process.environ()}
    assert "MONGO_DB_URL" in names
    assert [name for name in names if name.startswith("DASK_")] == []


def test_a_dask_worker_ends_where_its_settings_cannot_be_used(bed: testbed.Testbed, dask: DaskProcesses) -> None:
    worker = dask.start_worker(preload=PRELOAD, SMTP_PORT="twenty")
    assert worker.nanny.wait(60) != 0
    assert "SMTP_PORT takes a port, 1 to 65535" in dask.said()


def test_no_process_is_left_of_a_worker_that_was_stopped(bed: testbed.Testbed, dask: DaskProcesses) -> None:
    worker = dask.start_worker(slots=2)
    wait_for_slots(dask, 2)
    assert testbed.left_behind(bed.folder)
    dask.stop_worker(worker)
    wait_for(lambda: not testbed.left_behind(bed.folder))
