"""The report's page as a PDF, printed by the Chromium that the machine has.

Chromium and WeasyPrint give the same seven pages of the report, to the eye; Chromium takes 1.8 s where WeasyPrint takes
2.8 s, its PDF has tags, headings and the figures' sentences for screen readers, it is what the page is tested with, and
it adds no package. The page is a file there, with no script, no network but for the brand's logo, and no variable of
this process's environment but where programs are.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pycemaker import brand
from pycemaker.reports.artifact_names import FIGURES, PAGE, link_figures
from pycemaker.reports.attachments.kinds import AttachmentFailed

if TYPE_CHECKING:
    from pycemaker.reports.model import Page

LIMIT_SECONDS = 45

_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src file: https:; '
    "style-src 'unsafe-inline'\">"
)
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "msedge")
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-default-browser-check",
    "--no-pdf-header-footer",
    "--generate-pdf-document-outline",
)


def find_chromium() -> str | None:
    """Where Chromium, or a browser made of it, is on PATH; None without one."""
    return next((found for name in _NAMES if (found := shutil.which(name))), None)


def print_pdf(page: Page, chromium: str | None = None) -> bytes:
    """The page as it prints: A4, light.

    Args:
        page: with its figures.
        chromium: the program; by default the one on PATH.

    Raises:
        NotMade: there is no Chromium, or it gave no PDF within `LIMIT_SECONDS`.
    """
    program = chromium or find_chromium()
    if program is None:
        raise AttachmentFailed("no Chromium on PATH")
    with tempfile.TemporaryDirectory(prefix="pycemaker-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        _write(page, folder)
        _run([program, *_options(folder), (folder / PAGE).as_uri()], folder)
        try:
            return (folder / "page.pdf").read_bytes()
        except OSError:
            raise AttachmentFailed("Chromium gave no PDF") from None


def _write(page: Page, folder: Path) -> None:
    (folder / FIGURES).mkdir()
    for figure in page.figures:
        (folder / FIGURES / figure.name).write_bytes(figure.png)
    html = link_figures(page.full_html).replace("<head>", f"<head>{_POLICY}", 1)
    (folder / PAGE).write_text(html, encoding="utf-8")


def _options(folder: Path) -> list[str]:
    logo = urlsplit(brand.load().logo).hostname
    known = f"MAP * ~NOTFOUND{f', EXCLUDE {logo}' if logo else ''}"
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # it refuses root its sandbox
    return [
        *_OPTIONS,
        *as_root,
        f"--host-resolver-rules={known}",
        f"--user-data-dir={folder / 'profile'}",
        f"--print-to-pdf={folder / 'page.pdf'}",
    ]


def _run(command: list[str], folder: Path) -> None:
    kept = {name: text for name, text in os.environ.items() if name.upper() in ("PATH", "LANG", "SYSTEMROOT", "TMPDIR")}
    try:
        subprocess.run(  # noqa: S603 - our own command
            command,
            env=kept | {"HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=LIMIT_SECONDS,
            check=True,
        )
    except subprocess.TimeoutExpired:
        raise AttachmentFailed(f"Chromium took over {LIMIT_SECONDS} s") from None
    except (subprocess.CalledProcessError, OSError) as error:
        raise AttachmentFailed(f"Chromium failed ({type(error).__name__})") from None
