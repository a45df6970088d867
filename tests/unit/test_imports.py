"""What a process imports as it starts: each second of it is one that its user waits."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pycemaker.settings import ROOT

_LARGE = ("rfc3987_syntax", "jsonschema", "nbformat", "nbconvert", "papermill", "numpy", "pandas", "matplotlib", "pymongo")  # fmt: skip


def imported_by(code: str) -> set[str]:
    """Which of the libraries that take long a new process has imported after it ran `code`."""
    told = f"{code}\nimport sys\nprint(*(name for name in {_LARGE} if name in sys.modules), file=sys.stderr)"
    ran = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(ran.stderr.split())


@pytest.mark.parametrize(
    ("code", "libraries"),
    [
        ("import server", {"numpy", "pymongo"}),
        (
            "import pycemaker.presentation.notebook_functions, pycemaker.reports.read_period, pycemaker.reports.chart_exporters",
            {"numpy", "pymongo"},
        ),
        ("import pycemaker.jobs.worker_entry", set(_LARGE) - {"rfc3987_syntax", "pandas", "matplotlib"}),
        ("from pycemaker.__main__ import main\ntry: main(['--help'])\nexcept SystemExit: pass", set()),
    ],
    ids=["the server", "a kernel", "a report's process", "--help"],
)
def test_a_process_waits_for_no_library_that_it_does_without(code: str, libraries: set[str]) -> None:
    assert imported_by(code) == libraries


def test_cells_may_import_what_a_report_s_process_does_without() -> None:
    assert "rfc3987_syntax" in imported_by("import pycemaker.reports.execute, rfc3987_syntax")


@pytest.mark.parametrize("name", ["report", "preview", "check", "doctor", "sample", "collect", "suppressions"])
def test_every_command_says_what_it_takes(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    from pycemaker.__main__ import COMMANDS, main

    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert f"python -m pycemaker {name}" in capsys.readouterr().out
    assert name in COMMANDS
