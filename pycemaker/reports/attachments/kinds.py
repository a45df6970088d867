"""Kinds of attachments, and the values that the report pipeline has of them."""

from dataclasses import dataclass, field

from pycemaker.errors import InvalidParameter

KINDS = ("csv", "xlsx", "pdf")
"""The kinds that may be requested, in the order in which they are attached."""

FILES = {
    "csv": ("csv.zip", "application/zip"),
    "xlsx": ("samples.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "pdf": ("report.pdf", "application/pdf"),
}
"""The end of the file's name, and its media type, by kind."""


@dataclass(frozen=True)
class Attachment:
    """A file attached to a report.

    Attributes:
        name: its file name, of ASCII letters, digits, dots and dashes.
        media_type: as in `application/zip`.
    """

    kind: str
    name: str
    media_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class AttachmentResult:
    """The result of the requested kinds.

    Attributes:
        notes: sentences in the readers' language on what could not be made or was aggregated, and where the rest is.
        missing: the reason in English, by kind, for those that could not be made.
    """

    files: tuple[Attachment, ...] = ()
    notes: tuple[str, ...] = ()
    missing: dict[str, str] = field(default_factory=dict)


class AttachmentFailed(Exception):
    """An attachment could not be made; the message says why, in English. The report is sent without it."""


def parse_kinds(text: str) -> tuple[str, ...]:
    """The kinds that a request names, separated by commas, each once; empty for a blank text.

    Raises:
        InvalidParameter: an unknown kind; names it.
    """
    named = [name.strip().lower() for name in text.split(",")] if text.strip() else []
    for name in named:
        if name not in KINDS:
            reason = f"{name[:40]!r} is none of {', '.join(KINDS)}"
            raise InvalidParameter(field="attach", reason=reason, given=name[:40], known=list(KINDS))
    return tuple(kind for kind in KINDS if kind in named)
