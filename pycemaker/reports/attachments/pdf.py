"""The report's page as a PDF, printed by the machine's Chromium.

Chromium and WeasyPrint print the same seven pages of the report. Chromium takes 1.8 s and WeasyPrint 2.8 s; its PDF has
tags, headings and alternative texts for screen readers, the page is tested with it, and it adds no package. It gets the
page as a file, without scripts, without network but for the brand's logo, and without this process's environment but
for a few harmless variables. The paper and its margins are `@page` in `templates/page/style.css`.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from pycemaker import brand
from pycemaker.reports.artifact_names import FIGURES, PAGE, link_figures
from pycemaker.reports.attachments.kinds import AttachmentFailed
from pycemaker.reports.report_model import Page

LIMIT_SECONDS = 45

_POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src file: https:; '
    "style-src 'unsafe-inline'\">"
)
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome", "msedge")
_OPTIONS = (
    *("--headless", "--disable-gpu", "--disable-quic", "--disable-sync", "--disable-extensions"),
    *("--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--no-first-run"),
    *("--no-default-browser-check", "--no-pdf-header-footer", "--generate-pdf-document-outline"),
)


def find_chromium() -> str | None:
    """The path of Chromium, or a browser based on it; None where there is none on PATH."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


def print_pdf(page: Page, chromium: str | None = None) -> bytes:
    """The page printed on A4 in light colours.

    Raises:
        AttachmentFailed: there is no Chromium, or it made no PDF within `LIMIT_SECONDS`.
    """
    program = chromium or find_chromium()
    if program is None:
        raise AttachmentFailed("no Chromium on PATH")
    with tempfile.TemporaryDirectory(prefix="pycemaker-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
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
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # root has no sandbox
    return [
        *_OPTIONS,
        *as_root,
        f"--host-resolver-rules={known}",
        f"--user-data-dir={folder / 'profile'}",
        f"--print-to-pdf={folder / 'page.pdf'}",
    ]


def _run(command: list[str], folder: Path) -> None:
    variables = {
        name: text for name, text in os.environ.items() if name.upper() in ("PATH", "LANG", "SYSTEMROOT", "TMPDIR")
    }
    try:
        subprocess.run(  # noqa: S603 - our own command
            command,
            env=variables | {"HOME": str(folder)},
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
