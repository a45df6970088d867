"""Whether this server can do its work now: a handful of checks, each named, side by side and bounded in time.

A check that hangs is said to, and is not started again before it has ended: however often somebody asks, there is one
thread a check. What was found holds for a second, so that a probe that comes often costs the database nothing more.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from pycemaker import words
from pycemaker.data.sources import look_at_sources
from pycemaker.data.store import Store
from pycemaker.errors import DatabaseUnreachable, IndexesNotReady, PycemakerError, RightMissing
from pycemaker.ledger.ledger import Ledger
from pycemaker.metrics import METRICS
from pycemaker.settings import Settings
from pycemaker.web.faces import sentence
from pycemaker.web.services import Services

BOUND_SECONDS = 2.5
"""Every check together; a caller has its answer within 3 s."""

KEPT_SECONDS = 1.0

LEAST_FREE_BYTES = 256 * 2**20
"""Room for mongod's next journal file and a report's artefacts; with less, MongoDB may stop."""

STUCK_SECONDS = 30
"""How much longer than the deadlines of those before it a report may wait before the queue counts as stuck."""


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        ok: whether it passed.
        why: in Portuguese, why it did not; None where it did. Names no host, path or secret.
        figures: what was measured, by name with its unit.
        is_vital: whether requests should stop where it did not pass; else the rest works without it.
    """

    ok: bool
    why: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    is_vital: bool = True

    def entry(self) -> dict[str, Any]:
        """It as JSON-able data."""
        return {"ok": self.ok} | ({"why": self.why} if self.why else {}) | dict(self.figures)


Check = Callable[[], Finding]

_NO_WRITING = "o usuário do banco não tem direito de gravar: só as métricas são servidas"
_FORBIDDEN_INDEX = "falta um índice, e o usuário não o pode criar: as leituras são lentas"
_REFUSED_INDEX = "o MongoDB recusa um índice, como o de uma view: as leituras são lentas"
_NO_READINGS = "a leitura das últimas amostras não é um número, e elas não entram nas contas"
_NO_INDEXING = "o usuário do banco não tem direito de criar índices: só as métricas são servidas"


class Readiness:
    """Looks at everything named. Threads share it.

    Args:
        checks: by name, in the order in which they are told.
        bound_seconds: for all of them together.
        kept_seconds: how long a finding holds.
    """

    def __init__(
        self, checks: Mapping[str, Check], bound_seconds: float = BOUND_SECONDS, kept_seconds: float = KEPT_SECONDS
    ) -> None:
        self._checks = dict(checks)
        self._bound_seconds = bound_seconds
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._looks: dict[str, tuple[float, Future[Finding]]] = {}

    def look(self) -> dict[str, Finding]:
        """What each check finds, by name."""
        with self._lock:
            futures = {name: self._current(name) for name in self._checks}
        wait(futures.values(), self._bound_seconds)
        late = Finding(False, f"não terminou em {self._bound_seconds:g} s")
        return {name: future.result() if future.done() else late for name, future in futures.items()}

    def _current(self, name: str) -> Future[Finding]:
        """The look that is under way or recent; else a new one."""
        began, future = self._looks.get(name, (float("-inf"), None))
        if future is not None and (not future.done() or time.monotonic() - began < self._kept_seconds):
            return future
        future = Future()
        self._looks[name] = (time.monotonic(), future)
        threading.Thread(target=_run, args=(self._checks[name], future), daemon=True, name=f"ready-{name}").start()
        return future


def _run(check: Check, future: Future[Finding]) -> None:
    try:
        future.set_result(check())
    except Exception as error:  # noqa: BLE001 - whatever it was, it is a finding, of which the type alone is told
        future.set_result(Finding(False, f"falhou ({type(error).__name__})"))


def readiness(services: Services) -> Readiness:
    """The checks of a server over these services."""
    settings = services.settings
    return Readiness(
        {
            "database": partial(check_database, services.store),
            "reading": partial(check_reading, services.store),
            "writing": partial(check_writing, services.store),
            "indexes": partial(check_indexes, services.store),
            "queue": partial(check_queue, services.desk.ledger, settings),
            "disk": DiskCheck(settings.data_dir, holds_database=services.store.is_embedded),
            "samples": partial(check_samples, services.store, services.clock),
        }
    )


def check_database(store: Store) -> Finding:
    """Whether MongoDB answers a ping."""
    began = time.perf_counter()
    try:
        store.ping()
    except PycemakerError as error:
        return _failed(error)
    return Finding(True, figures={"ping_ms": round((time.perf_counter() - began) * 1000, 2)})


def check_reading(store: Store) -> Finding:
    """Whether samples can be read: the newest one of a metric is."""
    try:
        store.rights()
        store.newest(METRICS[0])
    except IndexesNotReady:
        return Finding(True)  # `indexes` says so
    except PycemakerError as error:
        return _failed(error)
    return Finding(True)


def check_writing(store: Store) -> Finding:
    """Whether reports can be written down. Without it metrics are served all the same."""
    try:
        rights = store.rights()
    except PycemakerError as error:
        return _failed(error)
    if not (rights.write and rights.index):
        return Finding(False, _NO_WRITING if not rights.write else _NO_INDEXING, is_vital=False)
    return Finding(True)


def check_indexes(store: Store) -> Finding:
    """Whether every collection has the index that bounds its reads; where one is missing its making begins here."""
    try:
        if not store.prepare_all(BOUND_SECONDS - 0.5):
            return Finding(False, _REFUSED_INDEX if store.rights().index else _FORBIDDEN_INDEX, is_vital=False)
    except IndexesNotReady as error:
        return Finding(False, f"o índice de {error.facts['reason']} está sendo criado")
    except PycemakerError as error:
        return _failed(error)
    return Finding(True)


def _failed(error: PycemakerError) -> Finding:
    """What stands in the way: the sentence of a cause that is known, else that MongoDB did not answer."""
    if type(error) is DatabaseUnreachable:
        return Finding(False, f"o MongoDB não respondeu ({error.facts['reason']})")
    return Finding(False, sentence(error))


def check_samples(store: Store, clock: Callable[[], datetime]) -> Finding:
    """Whether samples keep coming, with dates and readings. Requests need not stop where they do not."""
    try:
        store.prepare_all(BOUND_SECONDS - 0.5)  # the look goes by the indexes, which another check has begun
        sources = look_at_sources(store.database)
    except PycemakerError:
        return Finding(False, "não foi possível olhar as amostras", is_vital=False)
    if not sources:
        return Finding(False, "nenhuma métrica tem amostras neste banco", {"sources": 0}, is_vital=False)
    now_utc = clock()
    silent = {source.metric.label: source.silent_seconds(now_utc) for source in sources}
    said = [f"{label}: sem amostras há {words.duration(seconds)}" for label, seconds in silent.items() if seconds]
    said += [f"{source.metric.label}: há amostras sem data" for source in sources if source.has_undated]
    said += [f"{source.metric.label}: {_NO_READINGS}" for source in sources if not source.has_readings]
    said += [f"{source.metric.label}: é uma view, e não se sabe se há amostras" for source in sources if source.is_view]
    return Finding(not said, "; ".join(said) or None, {"sources": len(sources)}, is_vital=False)


def check_queue(ledger: Ledger, settings: Settings) -> Finding:
    """Whether reports are taken up, by this server or another: none is due for longer than those before it may take."""
    try:
        waiting, overdue_seconds = ledger.count_waiting(), ledger.overdue_seconds()
    except RightMissing:
        return Finding(False, "nenhum relatório é feito: veja writing", is_vital=False)
    except PycemakerError as error:
        return _failed(error)
    figures = {"waiting": waiting, "limit": settings.report_queue, "overdue_seconds": round(overdue_seconds, 1)}
    rounds = waiting // settings.report_workers + 1
    if overdue_seconds > rounds * settings.report_timeout_seconds + STUCK_SECONDS:
        return Finding(False, f"um relatório espera há {overdue_seconds:.0f} s e ninguém o faz", figures)
    return Finding(True, figures=figures)


class DiskCheck:
    """Whether `DATA_DIR` is there, has room, and may be written.

    One that is gone is made anew where no database was in it. The embedded MongoDB goes on in files that nobody can
    open any more; its folder is known by its number in the file system, since who needs the database makes another.

    Args:
        data_dir: the folder.
        holds_database: whether the embedded MongoDB is in it.
    """

    def __init__(self, data_dir: Path, *, holds_database: bool = False) -> None:
        self._data_dir = data_dir
        self._holds_database = holds_database
        self._number: int | None = None

    def __call__(self) -> Finding:
        """What is to be said of it now."""
        if self._holds_database and not self._has_database():
            return Finding(False, "a pasta do banco de dados em DATA_DIR desapareceu: devolva-a e reinicie o servidor")
        try:
            self._data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError:
            return Finding(False, "DATA_DIR desapareceu e não pôde ser criado de novo")
        free_bytes = shutil.disk_usage(self._data_dir).free
        figures = {"free_mb": free_bytes // 2**20}
        if not os.access(self._data_dir, os.W_OK):
            return Finding(False, "DATA_DIR não pode ser escrito por este processo", figures)
        if free_bytes < LEAST_FREE_BYTES:
            return Finding(False, f"há menos de {LEAST_FREE_BYTES // 2**20} MB livres em DATA_DIR", figures)
        return Finding(True, figures=figures)

    def _has_database(self) -> bool:
        """Whether the folder of the first look is still where it was."""
        try:
            number = (self._data_dir / "mongo").stat().st_ino
        except OSError:
            return False
        self._number = self._number or number
        return self._number == number
