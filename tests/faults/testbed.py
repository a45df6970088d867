"""A testbed for faults of reports: a mongod, a mail server, a folder, and server processes that can be killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from pycemaker.collect import demo_history
from pycemaker.jobs import states
from pycemaker.jobs.report_service import ReportService
from pycemaker.jobs.service_factory import make_report_service
from pycemaker.mongo import embedded
from pycemaker.mongo.database import Database
from pycemaker.reports.report_model import ReportRequest
from pycemaker.settings import ROOT, from_mapping
from pycemaker.window import Window
from tests.services.smtp import SmtpServer, smtp_server
from tests.services.submissions import submit

_ENTRIES = {"pycemaker.jobs.worker_entry", "pycemaker.jobs.template_entry"}
NOTEBOOK = ROOT / "notebooks" / "report.ipynb"


@dataclass
class Testbed:
    """The parts of one testbed.

    Attributes:
        folder: the worker's `DATA_DIR` and scratch.
        database: the one that every part shares.
        report_service: enqueues reports, and reads them; it makes and sends nothing.
        mail: the mail server.
        environment: a worker's variables.
        now: where the intervals end.
    """

    folder: Path
    database: Database
    report_service: ReportService
    mail: SmtpServer
    environment: dict[str, str]
    now: datetime
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start_worker(self, **given: str) -> subprocess.Popen[bytes]:
        """A process that makes and sends reports, and tells when it has begun; `given` are settings of its own."""
        command = [sys.executable, "-m", "tests.faults.worker"]
        log = (self.folder / "worker.log").open("ab")
        worker = subprocess.Popen(
            command, cwd=ROOT, env={**self.environment, **given}, stdout=subprocess.PIPE, stderr=log
        )
        log.close()
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n", (self.folder / "worker.log").read_text()[-2000:]
        self.workers.append(worker)
        return worker

    def kill(self, worker: subprocess.Popen[bytes]) -> None:
        """Kill -9, the worker alone: what it started has to notice by itself."""
        worker.kill()
        worker.wait()
        if worker.stdout:
            worker.stdout.close()
        self.workers.remove(worker)

    def enqueue(self, report_id: str, *recipients: str) -> None:
        """Enqueue a report of the last six hours."""
        request = ReportRequest(report_id, NOTEBOOK, Window(self.now, 6), recipients or (f"{report_id}@example.com",))
        self.report_service.enqueue(request, submit(report_id, report_queue=10_000, report_retry_seconds=3600))

    def ended(self, report_id: str, seconds: float = 120) -> dict[str, Any]:
        """The report's job at its end."""
        until = time.monotonic() + seconds
        while (job := self.report_service.job_store.get(report_id))["state"] not in states.ENDED:
            if time.monotonic() > until:
                raise AssertionError(f"{report_id} did not end: {job}")
            time.sleep(0.05)
        return job

    def mails(self) -> Counter[str]:
        """The number of messages that arrived whole, by recipient."""
        return Counter(received.recipients[0] for received in self.mail.received)


@contextlib.contextmanager
def testbed(**given: str) -> Iterator[Testbed]:
    """A testbed over a sample history of half a day; whatever was started in it is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="pm-"))
    held = embedded.acquire(folder)
    plain = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    with smtp_server("ssl") as mail:
        environment = plain | {
            "DATA_DIR": str(folder),
            "MONGO_DB_URL": held.url,
            "EMAIL_FROM": mail.user,
            "PASSWORD": mail.password,
            "SMTP_HOST": mail.host,
            "SMTP_PORT": str(mail.port),
            "SSL_CERT_FILE": str(mail.ca_file),
            "REPORT_RECIPIENTS": "*",
            **given,
        }
        database = Database(held.url)
        now = datetime.now(UTC).replace(microsecond=0)
        demo_history.write_history(database, now, 12)
        report_service = make_report_service(from_mapping(environment), database, environment, keep_spare=False)
        bed = Testbed(folder, database, report_service, mail, environment, now)
        try:
            yield bed
        finally:
            for worker in list(bed.workers):
                bed.kill(worker)
            database.close()
            held.release()
            shutil.rmtree(folder, ignore_errors=True)


def left_behind(folder: Path) -> list[psutil.Process]:
    """Template and worker processes of reports that are still there; forks have the template's command line."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if _ENTRIES & set(words) or any("ipykernel" in word for word in words):
            with contextlib.suppress(psutil.Error):
                if process.environ().get("DATA_DIR") == str(folder):
                    found.append(process)
    return found


def table(title: str, rows: Counter[tuple[Any, ...]], names: tuple[str, ...]) -> None:
    """Print how often each combination came."""
    print(f"\n{title}")
    widths = [max(len(str(row[column])) for row in [names, *rows]) for column in range(len(names))]
    print("  " + "  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)) + "  reports")
    for row, count in sorted(rows.items(), key=lambda each: (-each[1], str(each[0]))):
        print(
            "  " + "  ".join(str(part).ljust(width) for part, width in zip(row, widths, strict=True)) + f"  {count:7}"
        )
