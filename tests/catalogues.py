"""Messages of notebooks for Babel's `extract`, and what translators have to do: `make messages`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import IO, Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from pycemaker.i18n.language import DEFAULT, FOLDER, LANGUAGES

NOTEBOOK_KEYWORDS: dict[str, Any] = {"translated": None, "heading": (2,), "picture": (3,)}
"""The functions that notebooks call with a text for readers, and the position of that argument."""


def extract_notebook(file: IO[bytes], keywords: Any, comment_tags: object, options: object) -> Iterator[Any]:
    """The messages of a notebook's code cells, and its title, as an extraction method of Babel gives them."""
    cells = json.load(file)["cells"]
    code, text = ("\n".join("".join(c["source"]) for c in cells if c["cell_type"] == k) for k in ("code", "markdown"))
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    source = f"{code}\ntranslated({title[1].strip()!r})\n" if title else code
    own = dict.fromkeys(keywords) | NOTEBOOK_KEYWORDS
    for line, message, comments, _context in extract("python", BytesIO(source.encode()), own):
        yield line, None, message, comments


def read_catalogue(tag: str) -> Catalog:
    """A language's catalogue, as it is committed."""
    with (FOLDER / f"{tag}.po").open("rb") as lines:
        return read_po(lines, locale=tag)


def unfinished(catalogue: Iterable[Message]) -> Iterator[str]:
    """The faults of a catalogue's messages: untranslated, fuzzy, or with other facts than the source's."""
    for message in catalogue:
        ids, texts = _forms(message.id), _forms(message.string)
        if not ids[0]:
            continue  # the header
        if not all(texts):
            yield f"not translated: {ids[0]}"
        elif message.fuzzy:
            yield f"fuzzy: {ids[0]}"
        elif any(_facts(text) not in map(_facts, ids) for text in texts):
            yield f"other facts: {ids[0]}"


def _forms(text: str | Iterable[str] | None) -> list[str]:
    return [text] if isinstance(text, str) else list(text or [""])


def _facts(text: str) -> list[str]:
    return sorted(re.findall(r"\{\w*\}", text))


if __name__ == "__main__":
    left = [f"{tag}: {fault}" for tag in LANGUAGES if tag != DEFAULT for fault in unfinished(read_catalogue(tag))]
    print(*left, f"{len(left)} messages have to be translated in pycemaker/i18n", sep="\n")
