"""A kernel that stands ready, in a folder whose path is short enough for its sockets."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pycemaker.reports.execute import ReadyKernel
from pycemaker.settings import ROOT
from tests.services.report_service import close_services
from tests.services.shared_template import TEMPLATE


@pytest.fixture(autouse=True)
def no_service_of_another_test() -> Iterator[None]:
    yield
    close_services()


@pytest.fixture
def kernel() -> Iterator[ReadyKernel]:
    with tempfile.TemporaryDirectory(prefix="pm-") as folder:
        ready = ReadyKernel(Path(folder), ROOT / "notebooks", forked=TEMPLATE.fork_kernel() if TEMPLATE else None)
        yield ready
        ready.kill()
