"""Which attachments may be asked for, and what one is."""

from __future__ import annotations

from dataclasses import dataclass, field

from pycemaker.errors import InvalidParameter

KINDS = ("csv", "xlsx", "pdf")
"""What may be asked for, in the order in which it is attached."""

FILES = {
    "csv": ("csv.zip", "application/zip"),
    "xlsx": ("samples.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "pdf": ("report.pdf", "application/pdf"),
}
"""How the file's name ends, and its media type, by kind."""


@dataclass(frozen=True)
class Attachment:
    """A file that travels with a report.

    Attributes:
        kind: which of `KINDS` it answers.
        name: its file name, of ASCII letters, digits, dots and dashes.
        media_type: of its content, as in `application/zip`.
        content: its bytes.
    """

    kind: str
    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class AttachmentResult:
    """What came of the kinds that were asked for.

    Attributes:
        files: what could be made.
        notes: a sentence in the readers' language for each thing that they should know of it: what could not be made
            and why, what was left out and where it is.
        missing: why not, in English, by kind, for those that could not be made.
    """

    files: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)


class AttachmentFailed(Exception):
    """An attachment could not be made, which keeps no report from leaving; the message says why, in English."""


def parse_kinds(text: str) -> tuple[str, ...]:
    """The kinds that a request names, separated by commas, each once; none where it names none.

    Raises:
        InvalidParameter: one that there is not, by name.
    """
    named = [name.strip().lower() for name in text.split(",")] if text.strip() else []
    for name in named:
        if name not in KINDS:
            reason = f"{name[:40]!r} is none of {', '.join(KINDS)}"
            raise InvalidParameter(field="attach", reason=reason, given=name[:40], known=list(KINDS))
    return tuple(kind for kind in KINDS if kind in named)
