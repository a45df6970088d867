"""Updates the catalogues from the messages of the source: `make messages`.

New messages come untranslated, changed ones are marked fuzzy (a translator looks at them and takes the mark away), and
those that are gone from the source go. In a report what is fuzzy or untranslated is the source's Portuguese.
"""

import io
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from pycemaker.i18n.language import DEFAULT, FOLDER, LANGUAGES

ROOT = FOLDER.parents[1]
KEYWORDS: dict[str, Any] = {"_": None, "N_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
NOTEBOOK_KEYWORDS: dict[str, Any] = {"translated": None, "heading": (2,), "picture": (3,)}
"""The functions that notebooks call with a text for readers, and the position of that argument."""

_SOURCES = {
    "pycemaker/**/*.py": "python",
    "pycemaker/web/pages/templates/*.html": "jinja2",
    "notebooks/templates/*/*.j2": "jinja2",
    "notebooks/*.ipynb": "python",
}
_WIDTH = 110
_HEADER = """# What `make messages` and translators write together; see pycemaker/i18n/message_catalogues.py.
msgid ""
msgstr ""
"Language: {tag}\\n"
"Plural-Forms: {plurals}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""


def source_messages() -> Catalog:
    """Every message that the source marks, with the files in which it stands."""
    messages = Catalog()
    for pattern, method in _SOURCES.items():
        for path in sorted(ROOT.glob(pattern)):
            keywords = KEYWORDS | (NOTEBOOK_KEYWORDS if path.suffix == ".ipynb" else {})
            for _, message, _, context in extract(method, io.BytesIO(_source(path)), keywords, (), {}):
                messages.add(message, locations=[(path.relative_to(ROOT).as_posix(), 0)], context=context)
    return messages


def _source(path: Path) -> bytes:
    """The file; of a notebook what its code cells hold, and its title."""
    if path.suffix != ".ipynb":
        return path.read_bytes()
    cells = json.loads(path.read_bytes())["cells"]
    code, text = ("\n".join("".join(c["source"]) for c in cells if c["cell_type"] == k) for k in ("code", "markdown"))
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    return f"{code}\ntranslated({title[1].strip()!r})\n".encode() if title else code.encode()


def read_catalogue(tag: str) -> Catalog:
    """A language's catalogue, as it is committed."""
    with (FOLDER / f"{tag}.po").open("rb") as lines:
        return read_po(lines, locale=tag)


def update(tag: str, messages: Catalog) -> Catalog:
    """Bring a catalogue up to date with the messages of the source, and write it in their order.

    What would change each time is left out: dates, files and lines.
    """
    catalogue = read_catalogue(tag)
    catalogue.update(messages)
    catalogue.obsolete.clear()
    with (FOLDER / f"{tag}.po").open("wb") as file:
        file.write(_HEADER.format(tag=tag, plurals=catalogue.plural_forms).encode())
        write_po(file, catalogue, width=_WIDTH, omit_header=True, sort_by_file=True, no_location=True)
    return catalogue


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


def main() -> int:
    """Update every catalogue, and print what a translator has to do; the exit status is 0 in either case."""
    messages = source_messages()
    left = [f"{tag}: {problem}" for tag in LANGUAGES if tag != DEFAULT for problem in unfinished(update(tag, messages))]
    print(*left, sep="\n")
    print(f"{len(messages)} messages, {len(left)} of them to be translated in pycemaker/i18n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
