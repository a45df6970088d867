"""The process that keeps the embedded mongod running, over a program that ends when it likes."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from pycemaker.data import keeper
from pycemaker.data.lease import Lease

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no keeper on Windows")

_PROGRAM = """
import pathlib, sys, time
starts = pathlib.Path(sys.argv[1])
count = len(starts.read_text()) + 1 if starts.exists() else 1
starts.write_text("x" * count)
time.sleep(1.0 if count == 1 else 0.0 if count < 4 else 60.0)
sys.exit(14)
"""
"""Runs for a second, then ends at once twice, as on a full disk, then stays."""


def kept(folder: Path, program: str) -> threading.Thread:
    command = [sys.executable, "-c", program, str(folder / "starts")]
    thread = threading.Thread(target=keeper.main, args=(folder, command))
    thread.start()
    return thread


def test_a_mongod_that_has_run_is_started_until_it_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "SETTLED_SECONDS", 0.5)
    used = Lease(tmp_path / "lease")
    assert used.share(0.0)
    thread = kept(tmp_path, _PROGRAM)
    until = time.monotonic() + 30
    while not (tmp_path / "starts").exists() or len((tmp_path / "starts").read_text()) < 4:
        assert time.monotonic() < until
        assert thread.is_alive()
        time.sleep(0.05)
    used.release()
    thread.join(15)
    assert not thread.is_alive()


def test_a_mongod_that_does_not_run_here_is_started_once(tmp_path: Path) -> None:
    used = Lease(tmp_path / "lease")
    assert used.share(0.0)
    thread = kept(tmp_path, _PROGRAM.replace("1.0 if count == 1", "0.0 if count == 1"))
    thread.join(30)
    used.release()
    assert not thread.is_alive()
    assert (tmp_path / "starts").read_text() == "x"
