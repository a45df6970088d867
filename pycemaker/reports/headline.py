"""The headline of a notebook: the first words of its mail's subject, and the preheader.

It is metadata of an output, `{"pycemaker": {"headline": ..., "preheader": ...}}`, since only displayed outputs
leave the kernel. It is untrusted: it is cut, brought to one line, and never used as HTML.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pycemaker.reports.plain_text import encodable, one_line

HEADLINE_CHARACTERS = 120
PREHEADER_CHARACTERS = 240


@dataclass(frozen=True)
class Headline:
    """The opening of a mail.

    Attributes:
        headline: the subject's first words; never empty.
        preheader: the text that mail programs show beside the subject.
        severity: that of the worst finding, 1 to 3; 0 without one. None where the notebook states none.
        is_subject: True where the headline is the whole subject; it may then have as many characters as a preheader.
    """

    headline: str
    preheader: str
    severity: int | None = None
    is_subject: bool = False


def read_headline(notebook: dict[str, Any]) -> Headline | None:
    """The first headline among a notebook's outputs; None without one."""
    for metadata in _output_metadata(notebook):
        headline, preheader = metadata.get("headline"), metadata.get("preheader", "")
        if isinstance(headline, str) and isinstance(preheader, str) and one_line(headline):
            severity, is_subject = metadata.get("severity"), metadata.get("is_subject") is True
            return Headline(
                _cut(headline, PREHEADER_CHARACTERS if is_subject else HEADLINE_CHARACTERS),
                _cut(preheader, PREHEADER_CHARACTERS),
                severity if severity in (0, 1, 2, 3) else None,
                is_subject,
            )
    return None


def read_data_digest(notebook: dict[str, Any]) -> str:
    """The digest of the samples that the notebook read, as `Period.digest`; empty where it states none."""
    for metadata in _output_metadata(notebook):
        digest = metadata.get("data_digest")
        if isinstance(digest, str) and re.fullmatch(r"[0-9a-f]{32}", digest):
            return digest
    return ""


def _output_metadata(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for cell in notebook.get("cells", []):
        for output in cell.get("outputs", []):
            metadata = (output.get("metadata") or {}).get("pycemaker")
            if isinstance(metadata, dict):
                yield metadata


def _cut(text: str, most: int) -> str:
    line = one_line(encodable(text))
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
