"""What the notebook wants its mail to open with: the subject's first words, and the preview beside it.

It travels as metadata of an output, `{"pycemaker": {"headline": ..., "preheader": ..., "is_sample": ...}}`, since what
a cell displays is all that leaves the kernel. Anybody who edits the notebook can write it: it is cut, brought to one
line, and never taken for HTML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pycemaker.reports.plain_text import encodable, one_line

HEADLINE_CHARACTERS = 120
PREHEADER_CHARACTERS = 240


@dataclass(frozen=True)
class Headline:
    """How a mail opens.

    Attributes:
        headline: the subject's first words; never empty.
        preheader: what mail programs show beside the subject.
        is_sample: whether the period has made-up samples.
    """

    headline: str
    preheader: str
    is_sample: bool


def read_headline(notebook: dict[str, Any]) -> Headline | None:
    """The first head among a notebook's outputs; None without one, and where it is no text."""
    for told in _told(notebook):
        headline, preheader = told.get("headline"), told.get("preheader", "")
        if isinstance(headline, str) and isinstance(preheader, str) and one_line(headline):
            return Headline(
                _cut(headline, HEADLINE_CHARACTERS),
                _cut(preheader, PREHEADER_CHARACTERS),
                told.get("is_sample") is True,
            )
    return None


def read_data_digest(notebook: dict[str, Any]) -> str:
    """What stands for the samples that the notebook read, as `Period.digest`; empty where it does not say."""
    for told in _told(notebook):
        digest = told.get("data_digest")
        if isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{32}", digest):
            return digest
    return ""


def _told(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for cell in notebook.get("cells", []):
        for output in cell.get("outputs", []):
            told = (output.get("metadata") or {}).get("pycemaker")
            if isinstance(told, dict):
                yield told


def _cut(text: str, most: int) -> str:
    line = one_line(encodable(text))
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
