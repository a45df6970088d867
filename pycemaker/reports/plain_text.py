"""Plain text of a notebook as readers see it: printed output, and results without picture or markup."""

import re
from collections.abc import Iterable

from pycemaker.i18n.language import _

PRINTED_CHARACTERS = 4096  # The most that is shown of one cell's output, or of one plain result
_UNSHOWABLE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_OVERWRITTEN = re.compile(r"[^\n]*\r(?!\n)")  # a progress bar before its last state


def shown_text(texts: Iterable[str | list[str]]) -> str:
    """The texts as one, cut to PRINTED_CHARACTERS; empty where nothing is visible."""
    kept, length = "", 0
    for piece in (piece for text in texts for piece in ([text] if isinstance(text, str) else text)):
        if length < PRINTED_CHARACTERS:
            kept += piece[: PRINTED_CHARACTERS - length]
        length += len(piece)
    text = _UNSHOWABLE.sub("", _OVERWRITTEN.sub("", kept)).strip("\n")
    if not text.strip():
        return ""
    rest = "\n" + _("[... e mais {count} caracteres]", count=length - len(kept)) if length > len(kept) else ""
    return text + rest


def joined(text: str | list[str]) -> str:
    """A text of a notebook, which may be stored as a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def one_line(text: str) -> str:
    """The text without line breaks and control characters, blanks in a row made one."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def encodable(text: str) -> str:
    """The text with a question mark for each half of a surrogate pair, which no charset carries."""
    return text.encode("utf-8", "replace").decode("utf-8")
