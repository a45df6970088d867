"""Reduces an executed notebook to what a mail or a page can show. Pure: notebook JSON in and out.

Each output that stays is printed text, a PNG or sanitized HTML; of a text cell its HTML stays. Source, metadata,
parameters and what the author hid do not stay.
"""

import re
from collections.abc import Iterator

from pycemaker.reports.cell_for_readers import CellReducer
from pycemaker.reports.notebook_file import ADDED_TAGS, Json, tags_of
from pycemaker.reports.notices import Link, is_notice, notice, too_long
from pycemaker.reports.picture_cache import PictureCache
from pycemaker.reports.plain_text import joined

HTML_CHARACTERS = 40_000
"""The longest HTML or markdown that a mail shows; a notice replaces a longer one."""

PAGE_CHARACTERS = 1_000_000  # The same for the page
_LEFT_OUT_TAGS = ADDED_TAGS | {"parameters", "papermill-error-cell"}
_HIDDEN_CELL = {"remove-cell", "hide-cell"}
_HIDDEN_OUTPUT = {"remove-output", "remove-outputs", "hide-output", "hide-outputs"}
_HEADING = re.compile(r"<h([1-6])\b.*?</h\1>", re.S | re.I)


def showable(
    notebook: Json,
    limit: int = HTML_CHARACTERS,
    *,
    link: Link | None = None,
    converter: PictureCache | None = None,
    is_page: bool = False,
) -> Json:
    """The notebook with the cells and outputs that readers see, and no others.

    An output whose metadata say `{"pycemaker": {"only": "page"}}` is on the page and not in the mail; figures have the
    same names in both.

    Its metadata has `pictures`, `left_out` and `remarks` of `CellReducer`, whose cells are numbered as the author
    counts them.

    Args:
        notebook: of nbformat 4, with or without outputs, wholly or partly run.
        link: leads to what is not shown; stands in the notices.
        converter: makes the pictures; shared by mail and page.
        is_page: whether it is for the page.
    """
    reducer = CellReducer(notebook, limit, link, converter or PictureCache())
    cells = []
    for index, cell in enumerate(notebook.get("cells", [])):
        tags = {tag.lower().replace("_", "-") for tag in tags_of(cell)}
        reducer.enter(cell, counts=not tags & ADDED_TAGS)
        if tags & (_LEFT_OUT_TAGS | _HIDDEN_CELL):
            continue
        reduced = _reduced_cell(cell, tags, reducer)
        if reduced and not is_page:
            reduced = _without_page_only(reduced)
        if reduced:
            cells.append({"id": f"c{index}", "metadata": {"number": reducer.cell}, **reduced})
    metadata = {"pictures": reducer.pictures, "left_out": reducer.left_out, "remarks": reducer.remarks}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def _without_page_only(cell: Json) -> Json | None:
    """The cell for the mail; None where all of it is for the page only."""
    if cell["cell_type"] == "markdown":
        return cell
    outputs = [output for output in cell["outputs"] if not output.get("metadata", {}).get("only")]
    return cell | {"outputs": outputs} if outputs else None


def _reduced_cell(cell: Json, tags: set[str], reducer: CellReducer) -> Json | None:
    hidden = cell.get("metadata", {}).get("jupyter") or {}
    if cell.get("cell_type") == "markdown":
        source = "" if hidden.get("source_hidden") is True else reducer.text_cell(joined(cell.get("source", "")))
        return {"cell_type": "markdown", "source": source} if source.strip() else None
    is_hidden = hidden.get("outputs_hidden") is True or cell.get("metadata", {}).get("collapsed") is True
    if cell.get("cell_type") != "code" or is_hidden or tags & _HIDDEN_OUTPUT:
        return None
    outputs = reducer.outputs(cell.get("outputs", []))
    return {"cell_type": "code", "source": "", "execution_count": None, "outputs": outputs} if outputs else None


def says_something(notebook: Json) -> bool:
    """True if a showable notebook has a figure, or text other than headings of text cells."""
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", []))
    if notebook["metadata"]["pictures"] or any("image/png" in output.get("data", {}) for output in outputs):
        return True
    return any(re.sub(r"<[^>]*>|\s", "", text) for text in _texts(notebook))


def shown_by_cell(notebook: Json) -> tuple[tuple[int, str], ...]:
    """The texts of a showable notebook, each with the number of its cell."""
    return tuple(
        (cell["metadata"]["number"], text)
        for cell in notebook["cells"]
        for text in ([cell["source"]] if cell["cell_type"] == "markdown" else map(_text_of, cell["outputs"]))
    )


def leave_out(notebook: Json, excess: int) -> int:
    """Leave out the least important pieces, until the mail is about `excess` characters shorter.

    The order is fixed: printed text; HTML and markdown of outputs other than the report's own; text cells; the metrics'
    tables of numbers; the rest but heading and findings; figures. Of each kind the last in the notebook goes first. A
    notice replaces a long piece, nothing a short one.
    The number of pieces left out; 0 where none is left that may go.
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
_ROW = 700  # characters of markup around a piece
_KEPT_PARTS = ("pm-head", "pm-findings")


def _droppable(notebook: Json) -> Iterator[tuple[int, Json]]:
    """The pieces that may be left out, the last of the notebook first, with their approximate length in the mail."""
    holders = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    holders += [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    for holder in reversed(holders):
        text = _text_of(holder)
        if _rank(holder) > 0 and text not in ("", too_long()) and not is_notice(text):
            yield len(text) + _ROW, holder


def _rank(holder: Json) -> int:
    """The rank at which a piece is left out, highest first; 0 for a piece that stays."""
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
    return str(holder["data"].get("text/html", ""))


def _texts(notebook: Json) -> Iterator[str]:
    """The texts of a showable notebook without the headings of text cells."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            yield _HEADING.sub("", cell["source"])
        for output in cell.get("outputs", []):
            yield _text_of(output)


def _replace(holder: Json, *, with_notice: bool) -> None:
    if "source" in holder:
        holder["source"] = notice(too_long()) if with_notice else ""
    elif "text" in holder:
        holder["text"] = too_long() if with_notice else ""
    else:
        holder["data"] = {"text/html": notice(too_long()) if with_notice else ""}
