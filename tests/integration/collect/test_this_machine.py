"""The collector of this machine's metrics, on a real machine and database."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from pycemaker.collect.this_machine import Collector
from pycemaker.metrics import CPU
from pycemaker.mongo.database import Database


def test_the_first_cpu_sample_of_a_busy_machine_is_not_zero(database: Database, tmp_path: Path) -> None:
    written = threading.Event()
    collector = Collector(database, tmp_path, on_sample=lambda _count: written.set())
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        collector.start()
        assert written.wait(20)
    finally:
        busy.kill()
        busy.wait()
        collector.stop()
    first = database[CPU.collection].find_one(sort=[("time_series", 1)])
    assert first is not None
    assert first["value"] > 0.01
