"""The checks of `/ready`: whether this server can do its work now, within 2.5 s."""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path

from pycemaker import i18n
from pycemaker.alerts.evaluation_rounds import LATE_SECONDS as LATE_EVALUATION_SECONDS
from pycemaker.alerts.evaluation_rounds import EvaluationRounds
from pycemaker.cache.sample_store import Store
from pycemaker.collect.collect_file import CollectSource
from pycemaker.collect.collected_metrics import read_collected_metrics
from pycemaker.collect.source_leases import read_states
from pycemaker.errors import DatabaseUnreachable, IndexesNotReady, PycemakerError, RightMissing
from pycemaker.jobs.dask_cluster import ClusterState
from pycemaker.jobs.report_service import ReportService
from pycemaker.metrics import METRICS
from pycemaker.mongo.database import Database
from pycemaker.mongo.privileges import read_privileges
from pycemaker.monitor.alert_history import AlertHistory
from pycemaker.schedules.schedule_store import ScheduleStore
from pycemaker.settings import Settings
from pycemaker.telemetry.check_runner import FAIL, OK, WARN, Check, CheckRunner, Outcome
from pycemaker.web.services import Services

BOUND_SECONDS = 2.5  # For every check together: a caller has its answer within 3 s
REUSE_SECONDS = 1.0
"""The seconds for which an outcome is reused, so that a probe that comes often costs the database nothing more."""

LEAST_FREE_BYTES = 256 * 2**20
"""Room for mongod's next journal file and a report's artifacts; with less, MongoDB may stop."""

STUCK_SECONDS = 30
"""The seconds beyond the deadlines of the reports before it that a report may wait until the queue counts as stuck."""

LATE_SECONDS = 60  # How late a schedule may be; a server looks for due ones every second
_NO_WRITING = "o usuário do banco não tem direito de gravar: só as métricas são servidas"
_FORBIDDEN_INDEX = "falta um índice, e o usuário não o pode criar: as leituras são lentas"
_REFUSED_INDEX = "o MongoDB recusa um índice, como o de uma view: as leituras são lentas"
_NO_READINGS = "a leitura das últimas amostras não é um número, e elas não entram nas contas"
_UNREAD_VIEW = "é uma view, e não se sabe se há amostras"
_NO_INDEXING = "o usuário do banco não tem direito de criar índices: só as métricas são servidas"


def readiness(services: Services) -> CheckRunner:
    """The checks of `/ready`, side by side, within BOUND_SECONDS. Outcomes are in Portuguese.

    `fail` stops requests; with `warn` the rest works. No outcome names a host, a path or a secret.
    """
    settings, store = services.settings, services.store
    checks: dict[str, Callable[[], Outcome]] = {
        "database": partial(check_database, store),
        "reading": partial(check_reading, store),
        "writing": partial(check_writing, store),
        "indexes": partial(check_indexes, store),
        "queue": partial(check_queue, services.report_service, settings),
        "schedules": partial(check_schedules, services.scheduler.store),
        "alerts": partial(check_alerts, services.store.database),
        "disk": DiskCheck(settings.data_dir, holds_database=store.database.is_embedded),
        "samples": partial(check_samples, store, services.clock),
    }
    if sources := services.collect_file.sources:
        checks["sources"] = partial(check_sources, store, sources, services.clock)
    if cluster := services.report_service.cluster:
        checks["dask"] = lambda: check_dask(cluster.state or ClusterState(), settings)
    return readiness_runner([Check(name, look, BOUND_SECONDS) for name, look in checks.items()])


def readiness_runner(checks: Sequence[Check], reuse_seconds: float = REUSE_SECONDS) -> CheckRunner:
    """Runs these checks. An error that one raises is its outcome."""
    return CheckRunner(
        checks,
        reuse_seconds=reuse_seconds,
        on_timeout=lambda limit_seconds: Outcome(FAIL, f"não terminou em {limit_seconds:g} s"),
        on_error=_failed,
    )


def _failed(error: Exception) -> Outcome:
    """An error's own sentence; for an unknown cause, that MongoDB did not answer; the type of an unforeseen one."""
    if not isinstance(error, PycemakerError):
        return Outcome(FAIL, f"falhou ({type(error).__name__})")
    if type(error) is DatabaseUnreachable:
        return Outcome(FAIL, f"o MongoDB não respondeu ({error.facts['reason']})")
    return Outcome(FAIL, error.in_portuguese())


def check_database(store: Store) -> Outcome:
    """Pings MongoDB."""
    began = time.perf_counter()
    store.ping()
    return Outcome(OK, figures={"ping_ms": round((time.perf_counter() - began) * 1000, 2)})


def check_reading(store: Store) -> Outcome:
    """Reads the newest sample of a metric."""
    try:
        read_privileges(store.database)
        store.newest(METRICS[0])
    except IndexesNotReady:
        return Outcome(OK)  # `indexes` says so
    return Outcome(OK)


def check_writing(store: Store) -> Outcome:
    """Looks at the user's rights to write and to make indexes. Without them metrics are served all the same."""
    rights = read_privileges(store.database)
    if not (rights.write and rights.index):
        return Outcome(WARN, _NO_WRITING if not rights.write else _NO_INDEXING)
    return Outcome(OK)


def check_indexes(store: Store) -> Outcome:
    """Looks for the index that bounds a collection's reads; starts to make a missing one."""
    try:
        if not store.prepare_all(BOUND_SECONDS - 0.5):
            return Outcome(WARN, _REFUSED_INDEX if read_privileges(store.database).index else _FORBIDDEN_INDEX)
    except IndexesNotReady as error:
        return Outcome(FAIL, f"o índice de {error.facts['reason']} está sendo criado")
    return Outcome(OK)


def check_samples(store: Store, clock: Callable[[], datetime]) -> Outcome:
    """Looks whether samples keep coming, with dates and readings. Requests go on where they do not."""
    try:
        store.prepare_all(BOUND_SECONDS - 0.5)  # it reads by the indexes, which another check has begun to make
        collected = read_collected_metrics(store.database)
    except PycemakerError:
        return Outcome(WARN, "não foi possível olhar as amostras")
    if not collected:
        return Outcome(WARN, "nenhuma métrica tem amostras neste banco", figures={"sources": 0})
    now_utc = clock()
    silent = {each.metric.label: each.silent_seconds(now_utc) for each in collected}
    problems = [f"{label}: sem amostras há {i18n.duration(seconds)}" for label, seconds in silent.items() if seconds]
    problems += [f"{each.metric.label}: há amostras sem data" for each in collected if each.has_undated]
    problems += [f"{each.metric.label}: {_NO_READINGS}" for each in collected if not each.has_readings]
    problems += [f"{each.metric.label}: {_UNREAD_VIEW}" for each in collected if each.is_view]
    return Outcome(WARN if problems else OK, "; ".join(problems), figures={"sources": len(collected)})


def check_sources(store: Store, sources: Sequence[CollectSource], clock: Callable[[], datetime]) -> Outcome:
    """Looks whether each source of COLLECT_FILE is collected, and answers. Requests go on where one does not."""
    try:
        states = read_states(store.database, sources)
    except PycemakerError:
        return Outcome(WARN, "não foi possível olhar as fontes")
    problems = [f"{state.name}: nenhum processo coleta" for state in states if not state.is_held]
    problems += [
        f"{state.name}: falha há {i18n.duration(60 * state.failing_minutes(clock()))}"
        for state in states
        if state.is_held and state.fault
    ]
    return Outcome(WARN if problems else OK, "; ".join(problems), figures={"sources": len(states)})


def check_queue(report_service: ReportService, settings: Settings) -> Outcome:
    """Fails where a report has been due for longer than those before it may take: no server takes it up.

    As many are made at a time as the Dask cluster has slots; while it is away, or is none, as this server has workers.
    """
    job_store, cluster = report_service.job_store, report_service.cluster
    try:
        waiting, overdue_seconds = job_store.count_waiting(), job_store.overdue_seconds()
        ahead = job_store.count_waiting(with_scheduled=True)
    except RightMissing:
        return Outcome(WARN, "nenhum relatório é feito: veja writing")
    figures = {"waiting": waiting, "limit": settings.report_queue, "overdue_seconds": round(overdue_seconds, 1)}
    dask_slots = sum(cluster.state.slots.values()) if cluster and cluster.state else 0
    rounds = ahead // max(1, dask_slots or settings.report_workers) + 1
    if overdue_seconds > rounds * settings.report_timeout_seconds + STUCK_SECONDS:
        return Outcome(FAIL, f"um relatório espera há {overdue_seconds:.0f} s e ninguém o faz", figures=figures)
    return Outcome(OK, figures=figures)


def check_schedules(store: ScheduleStore) -> Outcome:
    """Looks how long the schedule that is due longest has waited for a server to enter its report."""
    try:
        late_seconds = store.late_seconds()
    except RightMissing:
        return Outcome(WARN, "nenhum relatório é feito: veja writing")
    figures = {"late_seconds": round(late_seconds, 1)}
    if late_seconds > LATE_SECONDS:
        return Outcome(WARN, f"um agendamento espera há {i18n.duration(late_seconds)}", figures=figures)
    return Outcome(OK, figures=figures)


def check_alerts(database: Database) -> Outcome:
    """Looks how late the evaluation of alerts is, and how many are open."""
    try:
        late_seconds, counts = EvaluationRounds(database).late_seconds(), AlertHistory(database).count_open()
    except RightMissing:
        return Outcome(WARN, "nenhum alerta é avaliado: veja writing")
    figures = {"late_seconds": round(late_seconds or 0.0, 1), "open": sum(counts.values())}
    if late_seconds and late_seconds > LATE_EVALUATION_SECONDS:
        return Outcome(WARN, f"os alertas não são avaliados há {i18n.duration(late_seconds)}", figures=figures)
    return Outcome(OK, figures=figures)


def check_dask(state: ClusterState, settings: Settings) -> Outcome:
    """Looks at the last state of the Dask cluster. Requests go on where it makes no report."""
    slots, busy = sum(state.slots.values()), sum(state.busy.values())
    figures = {"slots": slots, "busy": busy, "refused": len(state.refused)}
    if state.is_away:
        instead = "são feitos por este servidor" if settings.report_workers else "esperam por ele"
        return Outcome(WARN, f"o cluster Dask não faz relatórios, e eles {instead}: veja doctor", figures=figures)
    if state.refused:
        return Outcome(WARN, "uma parte do cluster Dask ficou de fora: veja doctor", figures=figures)
    return Outcome(OK, figures=figures)


class DiskCheck:
    """Looks whether `DATA_DIR` exists, has room and may be written.

    A missing folder is made again where no database was in it. The embedded MongoDB goes on in files that nobody can
    open any more; its folder is recognised by its inode, since a process that needs the database makes another.
    """

    def __init__(self, data_dir: Path, *, holds_database: bool = False) -> None:
        self._data_dir = data_dir
        self._holds_database = holds_database
        self._inode: int | None = None

    def __call__(self) -> Outcome:
        """The outcome now."""
        if self._holds_database and not self._has_database():
            return Outcome(FAIL, "a pasta do banco de dados em DATA_DIR desapareceu: devolva-a e reinicie o servidor")
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            return Outcome(FAIL, "DATA_DIR desapareceu e não pôde ser criado de novo")
        free_bytes = shutil.disk_usage(self._data_dir).free
        figures = {"free_mb": free_bytes // 2**20}
        if not os.access(self._data_dir, os.W_OK):
            return Outcome(FAIL, "DATA_DIR não pode ser escrito por este processo", figures=figures)
        if free_bytes < LEAST_FREE_BYTES:
            return Outcome(FAIL, f"há menos de {LEAST_FREE_BYTES // 2**20} MB livres em DATA_DIR", figures=figures)
        return Outcome(OK, figures=figures)

    def _has_database(self) -> bool:
        """True where the folder of the first look is still in its place."""
        try:
            inode = (self._data_dir / "mongo").stat().st_ino
        except OSError:
            return False
        self._inode = self._inode or inode
        return self._inode == inode
