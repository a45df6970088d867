"""The wheel in an environment that has no source tree: it makes a report in the folder in which it is asked to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable, Sequence
from email import message_from_bytes
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest

from pycemaker.settings import ROOT


def run(command: Sequence[str | Path], folder: Path) -> str:
    environment = {name: text for name, text in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


SOURCES = ("pycemaker", "notebooks", "pyproject.toml", "setup.py", "MANIFEST.in", "requirements.txt", "README.md")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"  # a copy, since a build leaves files in its tree
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        tree.mkdir(exist_ok=True)
        copy(ROOT / name, tree / name)
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, tree], folder)
    return next(folder.glob("pycemaker-*.whl"))


@pytest.fixture(scope="module")
def commands(wheel: Path) -> Path:
    """The commands of an environment with the wheel, and with this one's packages but the source tree's."""
    folder = wheel.parent / "environment"
    venv.create(folder)
    python = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel]
    run(pip, wheel.parent)
    packages = run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], wheel.parent).strip()
    Path(packages, "dependencies.pth").write_text(sysconfig.get_path("purelib"))  # whose own .pth files do not count
    (folder / "share").mkdir()
    (folder / "share" / "jupyter").symlink_to(Path(sysconfig.get_path("data"), "share", "jupyter"))  # nbconvert's own
    return python.parent


def names(lines: Iterable[str]) -> set[str]:
    return {re.split(r"[<>=;\[# ]", line)[0] for line in lines if line[:1].isalpha()}


def test_it_declares_the_packages_of_requirements_txt(commands: Path) -> None:
    every = PathDistribution(next(commands.parent.rglob("pycemaker-*.dist-info"))).requires or []
    declared = [requirement for requirement in every if "extra ==" not in requirement]
    assert names(declared) == names((ROOT / "requirements.txt").read_text().splitlines())
    assert "bottle" in names(declared)


def test_it_makes_a_report_in_another_folder_with_its_env_file_and_its_data(commands: Path, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("REPORT_LANGUAGE=en\n")
    (tmp_path / "psutil.py").write_text("raise SystemExit('imported from the current folder')\n")
    run([commands / "pycemaker", "sample"], tmp_path)
    run([commands / "pycemaker", "report", "--to", "reader@example.com"], tmp_path)
    (message,) = (tmp_path / "data" / "outbox").glob("*.eml")
    mail = message_from_bytes(message.read_bytes())
    assert mail["Content-Language"] == "en"
    assert [part.get_content_type() for part in mail.walk()].count("image/png") >= 1
    assert str(commands.parent) in run(
        [commands / "python", "-c", "import pycemaker; print(pycemaker.__file__)"], tmp_path
    )
