"""Notebook files: reads whatever Jupyter opens as nbformat 4, for listing, checks and runs alike."""

import json
from pathlib import Path
from typing import Any

from pycemaker.errors import NotebookUnusable
from pycemaker.reports.plain_text import joined

Json = dict[str, Any]

ADDED_TAGS = frozenset({"injected-parameters", "papermill-error-cell-tag"})
"""Tags of the cells that papermill adds, which their author does not count: the parameters, the note on a failure."""

_LATEST = 4


def read_notebook_file(path: Path) -> Json:
    """The notebook as nbformat 4: UTF-8 or UTF-16, with or without a byte order mark; older formats are converted.

    Raises:
        NotebookUnusable: the file cannot be read, is no notebook, is a later format's, or is not for Python.
    """
    try:
        content = json.loads(path.read_bytes())  # json detects the encoding of bytes
    except OSError as error:
        raise _unusable(path, f"it cannot be read ({error.strerror or type(error).__name__})") from None
    except (ValueError, RecursionError) as error:
        where = f": {error.msg}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _unusable(path, f"it is no notebook ({type(error).__name__}){where}") from None
    if not isinstance(content, dict) or not isinstance(content.get("nbformat", _LATEST), int):
        raise _unusable(path, "it is no notebook (no object with `nbformat` and `cells`)")
    if content.get("nbformat", _LATEST) > _LATEST:
        raise _unusable(path, f"it is of nbformat {content['nbformat']}; the latest read here is {_LATEST}")
    notebook = _converted(path, content)
    if (language := _language(notebook)) != "python":
        raise _unusable(path, f"its kernel is for {language}; only Python notebooks are run")
    return notebook


def tags_of(cell: Json) -> list[str]:
    """A cell's tags."""
    return [str(tag) for tag in cell.get("metadata", {}).get("tags") or []]


def authored_source(notebook: Json, number: int) -> str:
    """The source of a cell of an executed notebook by its number, from 1, as its author counts; empty without one."""
    cells = [cell for cell in notebook["cells"] if ADDED_TAGS.isdisjoint(tags_of(cell))]
    return joined(cells[number - 1]["source"]) if 0 < number <= len(cells) else ""


def _converted(path: Path, content: Json) -> Json:
    """The notebook as nbformat 4, every cell with a type, one source text, metadata, and outputs where it is code."""
    try:
        if content.get("nbformat", _LATEST) < _LATEST:
            from pycemaker.reports.fast_nbformat import nbformat  # servers start without it

            content = nbformat.reads(json.dumps(content), as_version=_LATEST)  # type: ignore[no-untyped-call]
        cells = [_whole_cell(cell) for cell in content["cells"]]
    except Exception as error:
        raise _unusable(path, f"it is no notebook ({type(error).__name__})") from error
    metadata = content.get("metadata") or {}
    return {"nbformat": _LATEST, "nbformat_minor": 5, "metadata": metadata, "cells": cells}


def _whole_cell(cell: Json) -> Json:
    whole = {**cell, "metadata": dict(cell.get("metadata") or {}), "source": joined(cell.get("source", ""))}
    if whole["cell_type"] == "code":
        whole["outputs"] = list(cell.get("outputs") or [])
        whole.setdefault("execution_count", None)
    return whole


def _language(notebook: Json) -> str:
    metadata = notebook["metadata"]
    spec, info = metadata.get("kernelspec") or {}, metadata.get("language_info") or {}
    language = str(spec.get("language") or info.get("name") or "python").lower()
    return "python" if language.startswith(("python", "ipython")) else language


def _unusable(path: Path, reason: str) -> NotebookUnusable:
    return NotebookUnusable(name=path.stem, reason=reason)
