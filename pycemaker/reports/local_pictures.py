"""Local picture files of a notebook's texts, embedded in the executed notebook: rendering reads no folder."""

import json
from base64 import b64encode
from pathlib import Path
from urllib.parse import unquote

from pycemaker.reports.cell_for_readers import LOCAL_PICTURES
from pycemaker.reports.html_placeholders import markdown_html, split_html
from pycemaker.reports.notebook_file import Json
from pycemaker.reports.plain_text import joined

LARGEST_BYTES = 5_000_000
_ENDINGS = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".svg"}


def keep_local_pictures(executed: Path, *folders: Path) -> None:
    """Embed the picture files that a notebook's texts and outputs show into its executed copy.

    Args:
        executed: the copy; it is rewritten where there are any.
        folders: where its cells wrote, and where it lies; the first that has a picture counts. Only pictures below
            these folders are read.
    """
    notebook = json.loads(executed.read_bytes())
    pictures = {}
    for address in _addresses(notebook):
        if file := next(filter(None, (_file(address, folder) for folder in folders)), None):
            pictures[address] = b64encode(file.read_bytes()).decode()
    if pictures:
        notebook["metadata"][LOCAL_PICTURES] = pictures
        executed.write_text(json.dumps(notebook), encoding="utf-8")


def _addresses(notebook: Json) -> set[str]:
    addresses: set[str] = set()

    def take(address: str, _sentence: str, _width: float | None) -> str:
        addresses.add(address)
        return ""

    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            split_html(markdown_html(joined(cell["source"])), take)
        for output in cell.get("outputs", []):
            bundle = output.get("data", {})
            split_html(joined(bundle.get("text/html", "")), take)
            split_html(markdown_html(joined(bundle.get("text/markdown", ""))), take)
    return addresses


def _file(address: str, folder: Path) -> Path | None:
    """The picture file at a relative address below the folder; None for any other address."""
    name = unquote(address.partition("?")[0].partition("#")[0])
    if not name or len(name) > 1000 or "\x00" in name or ":" in name or Path(name).suffix.lower() not in _ENDINGS:
        return None
    file = (folder / name).resolve()
    is_beside = file.is_relative_to(folder.resolve()) and file.is_file()
    return file if is_beside and file.stat().st_size <= LARGEST_BYTES else None
