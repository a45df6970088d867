"""What an executed notebook left, cut down to what a mail or a page can show. Pure: notebook JSON in and out.

Each output that stays is one of four kinds: printed text, a PNG, HTML, or markdown. Nothing else of the notebook stays:
no source, no metadata, no parameters.
"""

from __future__ import annotations

import binascii
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from pycemaker.figures.sheet import WIDTH
from pycemaker.language import _

Json = dict[str, Any]


PRINTED_CHARACTERS = 4096
"""How much of what one cell printed is shown."""

HTML_CHARACTERS = 40_000
"""The longest HTML or markdown that a mail shows; a sentence stands for a longer one."""

PAGE_CHARACTERS = 1_000_000
"""The same for the page."""

_LEFT_OUT_TAGS = {"parameters", "injected-parameters", "remove-cell", "papermill-error-cell-tag"}
_PNG_START = b"\x89PNG\r\n\x1a\n"
_BASE64_OF_HEADER = 32
_UNSHOWABLE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)")  # what a progress bar wrote before its last line
_TEXT_KINDS = ("text/html", "text/markdown")


def too_long() -> str:
    """What stands for text that is too long for a mail, without markup."""
    return _("Este conteúdo é grande demais para um e-mail e ficou de fora.")


def _notice(text: str) -> str:
    return f"<p><em>{text}</em></p>"


def showable(notebook: Json, limit: int = HTML_CHARACTERS) -> Json:
    """The notebook with the cells and outputs that readers see, and no others.

    Args:
        notebook: as nbformat 4 stores it, with or without outputs, wholly or partly run.
        limit: the longest HTML or markdown.
    """
    names = _Names()
    cells = []
    for place, cell in enumerate(notebook.get("cells", [])):
        if _LEFT_OUT_TAGS & set(cell.get("metadata", {}).get("tags", [])):
            continue
        is_text = cell.get("cell_type") == "markdown"
        kept = _markdown_cell(cell, limit) if is_text else _code_cell(cell, names, limit)
        if kept:
            cells.append({"id": f"c{place}", "metadata": {}, **kept})
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def says_something(notebook: Json) -> bool:
    """Whether a showable notebook has a figure, or any text at all."""
    if any("image/png" in output["data"] for output in _outputs(notebook)):
        return True
    return any(re.sub(r"<[^>]*>|\s", "", text) for text, _ in _pieces(notebook))


def leave_out(notebook: Json, excess: int) -> int:
    """Leave out what a mail can best do without, until it is about `excess` characters shorter.

    The order is fixed: what cells printed; then HTML and markdown of outputs that is not the report's own; text cells;
    the metrics' tables of numbers; the rest but heading and findings; figures. Of each kind the last of the notebook
    goes first. A long text leaves a sentence in its place, a short one nothing.

    Returns:
        How many pieces were left out; 0 where nothing is left that may go.
    """
    count = 0
    for length, holder in sorted(_droppable(notebook), key=lambda piece: -_rank(piece[1])):
        if excess <= 0:
            break
        _replace(holder, with_notice=length > _LONG)
        excess -= length
        count += 1
    return count


_LONG = 1000
_ROW = 700  # what the markup around a piece takes
_KEPT_PARTS = ("pm-head", "pm-findings")


def _droppable(notebook: Json) -> Iterator[tuple[int, Json]]:
    """Every piece that may go, the last of the notebook first, with about how much of the mail it takes."""
    holders = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    holders += [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    for holder in reversed(holders):
        text = _text_of(holder)
        if _rank(holder) > 0 and text not in ("", too_long(), _notice(too_long())):
            yield len(text) + _ROW, holder


def _rank(holder: Json) -> int:
    """How well a mail can do without it; 0: not at all."""
    if "source" in holder:
        return 4
    if "text" in holder:
        return 6
    if "image/png" in holder["data"]:
        return 1
    own = re.search(r'class="[^"]*\b(pm-(?:section|trust|summary|head|findings))\b', _text_of(holder))
    if own is None:
        return 5
    return 0 if own[1] in _KEPT_PARTS else 3 if own[1] == "pm-section" else 2


def _text_of(holder: Json) -> str:
    if "source" in holder or "text" in holder:
        return str(holder.get("source", holder.get("text")))
    if "image/png" in holder["data"]:
        return str(holder["metadata"]["alt"])
    return next((holder["data"][kind] for kind in _TEXT_KINDS if kind in holder["data"]), "")


def _markdown_cell(cell: Json, limit: int) -> Json | None:
    source = _joined(cell.get("source", ""))
    if not source.strip():
        return None
    return {"cell_type": "markdown", "source": source if len(source) <= limit else _notice(too_long())}


def _code_cell(cell: Json, names: _Names, limit: int) -> Json | None:
    outputs = list(_kept_outputs(cell.get("outputs", []), names, limit))
    return {"cell_type": "code", "source": "", "execution_count": None, "outputs": outputs} if outputs else None


def _kept_outputs(outputs: list[Json], names: _Names, limit: int) -> Iterator[Json]:
    """What stays of a cell's outputs. The same figure twice (drawn, and the cell's result) stays once."""
    printed = [output for output in outputs if output.get("name") == "stdout"]
    drawn = set()
    for output in outputs:
        kind = output.get("output_type")
        if printed and output is printed[0]:
            yield from _printed(printed)
        elif kind == "error":
            yield _display({"text/html": _notice(_("Esta parte do relatório não pôde ser calculada."))})
        elif kind in ("display_data", "execute_result"):
            key = (_joined(output.get("data", {}).get("image/png", "")), output.get("metadata", {}).get("filename"))
            if not key[0] or key not in drawn:
                yield from _shown(output, names, limit)
            drawn.add(key)


def _printed(streams: list[Json]) -> Iterator[Json]:
    """All that the cell printed as one text, its beginning alone where it is long."""
    kept, length = "", 0
    for piece in (piece for stream in streams for piece in _as_pieces(stream.get("text", ""))):
        if length < PRINTED_CHARACTERS:
            kept += piece[: PRINTED_CHARACTERS - length]
        length += len(piece)
    text = _UNSHOWABLE.sub("", _OVERWRITTEN.sub("", kept)).strip("\n")
    if text.strip():
        rest = "\n" + _("[... e mais {count} caracteres]", count=length - len(kept)) if length > len(kept) else ""
        yield {"output_type": "stream", "name": "stdout", "text": text + rest}


def _shown(output: Json, names: _Names, limit: int) -> Iterator[Json]:
    """A figure before HTML before markdown: what draws by script often brings a PNG for those who run none."""
    content, metadata = output.get("data", {}), output.get("metadata", {})
    if "image/png" in content:
        yield from _figure(_joined(content["image/png"]), metadata, names)
        return
    for kind in _TEXT_KINDS:
        if kind in content:
            text = _joined(content[kind])
            yield _display({kind: text} if len(text) <= limit else {"text/html": _notice(too_long())})
            return


def _figure(encoded: str, metadata: Json, names: _Names) -> Iterator[Json]:
    """A PNG with a name, a width and a sentence, whether or not the cell gave it any. Broken ones are left out."""
    try:
        header = binascii.a2b_base64(encoded[:_BASE64_OF_HEADER])
        binascii.a2b_base64(encoded)
    except binascii.Error:
        return
    if not header.startswith(_PNG_START):
        return
    told = metadata | metadata.get("image/png", {})
    name = names.take(str(told.get("filename") or ""))
    alt = str(told.get("alt") or _("Figura {number} do relatório, sem descrição.", number=names.count))
    width = told["width"] if isinstance(told.get("width"), int | float) else int.from_bytes(header[16:20])
    figure = _display({"image/png": encoded})
    figure["metadata"] = {"filename": name, "alt": alt, "width": max(1, min(WIDTH, int(width)))}
    yield figure


class _Names:
    """File names of figures, safe and each of them once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    @property
    def count(self) -> int:
        """How many were taken."""
        return len(self._taken)

    def take(self, wanted: str) -> str:
        """The wanted name where it is free, else one like it."""
        plain = unicodedata.normalize("NFKD", wanted.lower().removesuffix(".png")).encode("ascii", "ignore").decode()
        stem = re.sub(r"[^a-z0-9_-]+", "-", plain).strip("-")[:60] or _("figura-{number}", number=self.count + 1)
        name, turn = f"{stem}.png", 2
        while name in self._taken:
            name, turn = f"{stem}-{turn}.png", turn + 1
        self._taken.add(name)
        return name


def _display(content: Json) -> Json:
    return {"output_type": "display_data", "data": content, "metadata": {}}


def _outputs(notebook: Json) -> Iterator[Json]:
    for cell in notebook["cells"]:
        yield from (output for output in cell.get("outputs", []) if "data" in output)


def _pieces(notebook: Json) -> list[tuple[str, Json]]:
    """Every text of a showable notebook, with the cell or output that holds it."""
    texts = [(cell["source"], cell) for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            texts.extend([(output["text"], output)] if "text" in output else [])
            texts.extend((output["data"][kind], output) for kind in _TEXT_KINDS if kind in output.get("data", {}))
    return texts


def _replace(holder: Json, *, with_notice: bool) -> None:
    if "source" in holder:
        holder["source"] = _notice(too_long()) if with_notice else ""
    elif "text" in holder:
        holder["text"] = too_long() if with_notice else ""
    else:
        holder["data"] = {"text/html": _notice(too_long()) if with_notice else ""}


def _as_pieces(text: str | list[str]) -> list[str]:
    return [text] if isinstance(text, str) else text


def _joined(text: str | list[str]) -> str:
    return "".join(_as_pieces(text))
