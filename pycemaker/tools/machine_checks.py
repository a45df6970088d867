"""Checks of this machine: settings, disk, zones, fonts, kernel, Chromium, brand, notebooks."""

import os
import secrets
import shutil
import subprocess
import tempfile
import threading
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import psutil

from pycemaker import brand
from pycemaker.errors import InvalidSettings, NotebookFailed, NotebookUnusable
from pycemaker.reports.attachments.pdf import find_chromium
from pycemaker.reports.logo import read_logo
from pycemaker.reports.notebook_catalogue import NO_TAG, WHERE_TAGS_ARE, every_notebook, untagged
from pycemaker.settings import NOTEBOOKS, ROOT, Settings
from pycemaker.telemetry.check_runner import FAIL, OK, WARN, Outcome
from pycemaker.tools import unsafe_settings
from pycemaker.web.readiness import LEAST_FREE_BYTES

FEW_FREE_BYTES = 2 * 2**30
KERNEL_SECONDS = 60.0
KERNEL_CELL = "import pandas, seaborn, matplotlib, pycemaker.presentation.notebook_functions"


def check_settings(settings: Settings, root: Path = ROOT) -> Outcome:
    """Checks for dangerous settings, for missing ones that readers would notice, and for misspelt names in `.env`."""
    dangers = unsafe_settings.of_settings(settings) + unsafe_settings.of_env_file(root)
    if settings.mails and settings.public_url is None:
        dangers.append("mails have no link to their page and none to unsubscribe (PUBLIC_URL)")
    if dangers:
        return Outcome(WARN, "; ".join(dangers), "set what is named in brackets; .env.example says what each one takes")
    return Outcome(OK, "read, and they agree with each other")


def check_folder(data_dir: Path) -> Outcome:
    """Checks that a file can be written under `DATA_DIR`, and is there afterwards."""
    content = secrets.token_bytes(64)
    path = data_dir / f".doctor-{secrets.token_hex(8)}"
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        same = path.read_bytes() == content
    except OSError as error:
        remedy = "give the user that runs Pycemaker the right to write there, or set DATA_DIR to another folder"
        return Outcome(FAIL, f"{data_dir} cannot be written: {error.strerror}", remedy)
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    return Outcome(OK if same else FAIL, f"{data_dir} can be written" if same else f"{data_dir} keeps other bytes")


def check_disk(data_dir: Path) -> Outcome:
    """Checks the free space under `DATA_DIR`."""
    existing = next(folder for folder in (data_dir, *data_dir.parents) if folder.exists())
    usage = shutil.disk_usage(existing)
    message = f"{usage.free / 2**30:.1f} GB of {usage.total / 2**30:.0f} GB are free"
    if usage.free >= FEW_FREE_BYTES:
        return Outcome(OK, message)
    remedy = "make room, or set DATA_DIR to another disk; REPORT_RETENTION_DAYS bounds what reports take"
    return Outcome(FAIL if usage.free < LEAST_FREE_BYTES else WARN, message, remedy)


def check_zones(zone: ZoneInfo) -> Outcome:
    """Checks that the system's rules for `TIMEZONE` are those of the installed tzdata, two years ahead."""
    package, _, name = zone.key.rpartition("/")
    try:
        anchor = ".".join(["tzdata.zoneinfo", *package.split("/")]).rstrip(".")
        with resources.files(anchor).joinpath(name).open("rb") as file:
            newest = ZoneInfo.from_file(file, zone.key)
    except (ModuleNotFoundError, FileNotFoundError):
        return Outcome(WARN, f"{zone.key}: no tzdata to compare with", "pip install --upgrade tzdata")
    now_utc = datetime.now(UTC)
    for week in range(105):
        instant = now_utc + timedelta(weeks=week)
        if instant.astimezone(zone).utcoffset() != instant.astimezone(newest).utcoffset():
            message = f"{zone.key}: the system's zone data differs from tzdata's on {instant:%d/%m/%Y}"
            return Outcome(WARN, message, "upgrade the system's tzdata, and the package: pip install --upgrade tzdata")
    return Outcome(OK, f"{zone.key}, UTC{now_utc.astimezone(zone):%z} now")


def check_fonts() -> Outcome:
    """Checks which signs figures can be drawn with: the bundled font has letters; others have the rest."""
    from pycemaker.presentation.figures.canvas import FONT, MORE_SIGNS, font_families

    lacking = [signs for signs, names in MORE_SIGNS.items() if not set(names) & set(font_families())]
    if not lacking:
        return Outcome(OK, f"figures are drawn with {', '.join(font_families())}")
    packages = {"emoji": "fonts-symbola"}
    remedy = "only needed where figures show them; in Debian: apt-get install " + " ".join(
        packages.get(signs, "fonts-noto-cjk") for signs in lacking
    )
    return Outcome(OK, f"figures are drawn with {FONT}, which has no signs for {' nor '.join(lacking)} ({remedy})")


def check_browser() -> Outcome:
    """Checks that there is a Chromium, which prints the PDFs that travel with reports."""
    path = find_chromium()
    remedy = "only needed to attach PDFs (?attach=pdf); in Debian: apt-get install chromium"
    if path is None:
        return Outcome(WARN, "no Chromium on PATH", remedy)
    try:
        version = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=15, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError) as error:
        return Outcome(WARN, f"{path} does not run: {type(error).__name__}", remedy)
    return Outcome(OK, version.stdout.strip().splitlines()[0] if version.stdout.strip() else path)


def check_kernel(cell: str = KERNEL_CELL) -> Outcome:
    """Checks that a kernel starts and runs a cell, by default notebooks' imports, and ends it again."""
    from pycemaker.reports.execute import ReadyKernel, run_notebook

    with tempfile.TemporaryDirectory(prefix="pm-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        notebooks = folder / "notebooks"  # the kernel gets links to what is beside it, which must not be all of /tmp
        for made in (notebooks, folder / "kernel"):
            made.mkdir()
        (notebooks / "cell.ipynb").write_text(_notebook(cell), encoding="utf-8")
        started: list[int] = []
        timer = threading.Timer(KERNEL_SECONDS, lambda: _kill(started))
        timer.start()
        kernel = None
        try:
            kernel = ReadyKernel(folder / "kernel", notebooks, started.append)
            run_notebook(notebooks / "cell.ipynb", {}, folder / "out.ipynb", lambda _done, _total: None, kernel=kernel)
        except NotebookFailed as error:
            return Outcome(FAIL, f"the kernel cannot do it: {error.facts['reason']}", _INSTALL)
        except (RuntimeError, OSError) as error:
            return Outcome(FAIL, f"no kernel starts: {type(error).__name__}", _INSTALL)
        finally:
            timer.cancel()
            if kernel is not None:
                kernel.kill()
    return Outcome(OK, "starts, and has pandas, seaborn, matplotlib and pycemaker")


_INSTALL = "install what requirements.txt names: pip install -r requirements.txt"


def _kill(process_ids: list[int]) -> None:
    for process_id in process_ids:
        with suppress(psutil.Error):
            psutil.Process(process_id).kill()


def _notebook(source: str) -> str:
    cell = '{"cell_type":"code","id":"a","metadata":{},"execution_count":null,"outputs":[],"source":"%s"}'
    return '{"cells":[' + cell % source + '],"metadata":{},"nbformat":4,"nbformat_minor":5}'


def check_brand() -> Outcome:
    """Checks that `brand.json` can be read, and its logo shown; without the latter reports have the initial."""
    try:
        own = brand.load()
    except InvalidSettings as error:
        return Outcome(FAIL, error.facts["problems"][0], "docs/configuration.md shows what it takes")
    if problem := read_logo(own).problem:
        return Outcome(WARN, problem, f"reports show {own.initial!r} instead; leave the logo empty, or mend it")
    return Outcome(OK, own.watched)


def check_notebooks(folder: Path = NOTEBOOKS) -> Outcome:
    """Checks that every notebook's parameters can be read, and has some."""
    notebooks = every_notebook(folder)
    broken = [each for each in notebooks if isinstance(each, NotebookUnusable)]
    if broken:
        return Outcome(FAIL, str(broken[0]), "mend its parameters cell; python -m pycemaker check tries each notebook")
    if not notebooks:
        return Outcome(FAIL, "no notebook has a cell tagged parameters", f"put one into {os.path.relpath(folder)}")
    names = ", ".join(each.name for each in notebooks if not isinstance(each, NotebookUnusable))
    if others := untagged(folder):
        return Outcome(OK, f"{names}; no reports: {', '.join(others)} ({NO_TAG}; {WHERE_TAGS_ARE})")
    return Outcome(OK, names)
